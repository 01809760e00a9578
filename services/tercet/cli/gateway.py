"""`tercet gateway`: the gateway alone, in front of anyone's gRPC servers."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Annotated

import typer

from tercet.cli import flags
from tercet.cli.options import encodable, examples, numbered, pairs

EPILOG = examples(
    "tercet gateway --upstream static:///127.0.0.1:50051,127.0.0.1:50052",
    "tercet gateway --upstream dns:///shop:50051 --bind '[::]:50050' --workers 0 --concurrency 8",
    "tercet gateway --upstream shop=dns:///shop:50051 --upstream stock=unix:/run/stock.sock"
    " --route '*=shop'",
)
NAMED = re.compile(r"([a-z][a-z0-9-]*)=(.*)", re.DOTALL)
DEFAULT_NAME = "upstream"
FLAGS: flags.Flags = {
    "bind": "gateway.bind",
    "workers": "gateway.workers",
    "policy": "gateway.policy",
    "queue": "gateway.queue",
    "health_interval": "gateway.health_interval",
    "health_timeout": "gateway.health_timeout",
    "dns_interval": "gateway.dns_interval",
    "tls_ca": "gateway.upstream_tls.ca",
    "tls_cert": "gateway.upstream_tls.cert",
    "tls_key": "gateway.upstream_tls.key",
    "tls_server_name": "gateway.upstream_tls.server_name",
    "metrics": "gateway.metrics",
    "access_log": "gateway.access_log",
    "access_log_sample": "gateway.access_log_sample",
    "health": "cluster.health",
    "grace": "cluster.grace",
}
# Whose help is taken from an option too, though it is said of each upstream.
EXPLAINED: flags.Flags = FLAGS | {"concurrency": "gateway.upstreams.*.concurrency"}
FILES = {("gateway", "upstream_tls", name) for name in ("ca", "cert", "key")}


def command(
    context: typer.Context,
    upstream: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]TARGET",
            help="Whom calls go to: static:///HOST:PORT,..., dns:///NAME:PORT, unix:/PATH,"
            " ipv4:HOST:PORT,... or ipv6:[HOST]:PORT,...; may be repeated.",
        ),
    ],
    bind: flags.Address = None,
    workers: flags.Count = None,
    route: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVICE=NAME",
            help="Sends package.Service, /package.Service/Method, or *, everything else, to an"
            " upstream; may be repeated [default: by reflection].",
        ),
    ] = None,
    policy: flags.Word = None,
    concurrency: Annotated[int, typer.Option(min=0, metavar="N")] = 0,
    queue: flags.Count = None,
    health_interval: flags.Seconds = None,
    health_timeout: flags.Seconds = None,
    dns_interval: flags.Seconds = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="TLS to upstreams; the system's authorities are believed.")
    ] = False,
    tls_ca: flags.File = None,
    tls_cert: flags.File = None,
    tls_key: flags.File = None,
    tls_server_name: flags.Word = None,
    metrics: flags.Address = None,
    access_log: flags.File = None,
    access_log_sample: Annotated[float | None, typer.Option(min=0, max=1, metavar="SHARE")] = None,
    health: flags.Address = None,
    grace: flags.Seconds = None,
    server_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="An option of the public port, such as tercet.max_resets=500; may be repeated.",
        ),
    ] = None,
) -> None:
    """Balance each call over gRPC servers, whoever made them.

    One upstream takes every call. Several are told apart by the services that they have, which
    they are asked for by reflection, or by --route. docs/gateway.md explains the rest.

    Exits with 0 after Ctrl-C or TERM, 78 if an option is wrong or a port is taken.
    """
    del bind, workers, policy, queue, health_interval, health_timeout, dns_interval
    del tls_ca, tls_cert, tls_key, tls_server_name, metrics, access_log, access_log_sample
    del health, grace
    from tercet.cli.config.loading import Loaded
    from tercet.cli.config.sources import Setting, Settings
    from tercet.cli.launching import launch

    of_servers = dict(numbered(text, "--server-option") for text in server_option or [])
    upstreams = [
        {"name": name, "target": target, "concurrency": concurrency}
        for name, target in named(upstream)
    ]
    settings: Settings = {
        ("compute", "enabled"): Setting(False),
        ("executor", "enabled"): Setting(False),
        ("gateway", "server_options"): Setting(of_servers, "--server-option"),
        ("gateway", "upstreams"): Setting(upstreams, "--upstream"),
        ("gateway", "routes"): Setting(
            dict(pairs(route or [], "--route", "SERVICE=NAME")), "--route"
        ),
    }
    if tls:
        settings[("gateway", "upstream_tls")] = Setting({}, "--tls")
    for path, setting in flags.given(context, FLAGS).items():
        # Found from here, whatever the directory of the gateway.
        value = os.path.abspath(setting.value) if path in FILES else setting.value
        settings[path] = Setting(value, setting.flag)
    launch(Loaded.alone(settings).mesh())


def named(upstreams: Sequence[str]) -> list[tuple[str, str]]:
    """Name and target of each; those without a name are counted."""
    found = []
    for number, text in enumerate(upstreams, 1):
        match = NAMED.fullmatch(encodable(text, "--upstream"))
        unnamed = DEFAULT_NAME if len(upstreams) == 1 else f"{DEFAULT_NAME}-{number}"
        found.append((match[1], match[2]) if match else (unnamed, text))
    return found
