"""`tercet gateway`: the gateway alone, in front of anyone's gRPC servers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tercet.cli.options import encodable, examples, numbered, pairs

EPILOG = examples(
    "tercet gateway --upstream static:///127.0.0.1:50051,127.0.0.1:50052",
    "tercet gateway --upstream dns:///shop:50051 --bind '[::]:50050' --workers 0 --concurrency 8",
    "tercet gateway --upstream shop=dns:///shop:50051 --upstream stock=unix:/run/stock.sock"
    " --route '*=shop'",
)
NAMED = re.compile(r"([a-z][a-z0-9-]*)=(.*)", re.DOTALL)
DEFAULT_NAME = "upstream"


def command(
    upstream: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]TARGET",
            help="Whom calls go to: static:///HOST:PORT,..., dns:///NAME:PORT, unix:/PATH,"
            " ipv4:HOST:PORT,... or ipv6:[HOST]:PORT,...; may be repeated.",
        ),
    ],
    bind: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The public port.")
    ] = "127.0.0.1:50050",
    workers: Annotated[
        int,
        typer.Option(min=0, help="Gateway processes on that port; 0 means one per usable CPU."),
    ] = 1,
    route: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVICE=NAME",
            help="Sends package.Service, /package.Service/Method, or *, everything else, to an"
            " upstream; may be repeated [default: by reflection].",
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option(help="How an endpoint is chosen: least-of-two or round-robin.")
    ] = "least-of-two",
    concurrency: Annotated[
        int,
        typer.Option(
            min=0, help="Calls that one endpoint works on at once; more wait. 0: no limit."
        ),
    ] = 0,
    queue: Annotated[
        int, typer.Option(min=0, help="Calls that may wait, in each process and upstream.")
    ] = 1024,
    health_interval: Annotated[
        float, typer.Option(help="Seconds between health checks of an endpoint; 0 for none.")
    ] = 5.0,
    health_timeout: Annotated[
        float, typer.Option(help="Seconds until a check that is not answered has failed.")
    ] = 2.0,
    dns_interval: Annotated[
        float, typer.Option(help="Seconds from one resolution of a name to the next.")
    ] = 30.0,
    tls: Annotated[
        bool, typer.Option("--tls", help="TLS to upstreams; the system's authorities are believed.")
    ] = False,
    tls_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM of the authorities that are believed instead."),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM of the certificate that is shown to upstreams."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM of its private key.")
    ] = None,
    tls_server_name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Name that upstreams' certificates must have [default: that of the target].",
        ),
    ] = "",
    metrics: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Port of metrics for Prometheus.")
    ] = "",
    access_log: Annotated[
        str,
        typer.Option(metavar="FILE", help="A line of JSON for each call; - for standard output."),
    ] = "",
    access_log_sample: Annotated[
        float, typer.Option(min=0, max=1, help="The share of calls that is logged.")
    ] = 1.0,
    health: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Port of health for probes.")
    ] = "",
    grace: Annotated[
        float, typer.Option(help="Seconds that a stopping gateway may finish its calls in.")
    ] = 10.0,
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
    from tercet.cli.config import GatewaySection, UpstreamSection, validated
    from tercet.cli.mesh import gateway as gateway_service
    from tercet.cli.mesh import launch
    from tercet.errors import ConfigError
    from tercet.gateway.config import UpstreamTls

    try:
        given = {"ca": tls_ca, "cert": tls_cert, "key": tls_key}
        files = {name: str(path.absolute()) if path else "" for name, path in given.items()}
        wanted = tls or tls_server_name or any(files.values())
        section = GatewaySection(
            bind=bind,
            workers=workers,
            server_options=dict(numbered(text, "--server-option") for text in server_option or []),
            upstreams=[
                UpstreamSection(name=name, target=target, concurrency=concurrency)
                for name, target in named(upstream)
            ],
            routes=dict(pairs(route or [], "--route", "SERVICE=NAME")),
            queue=queue,
            policy=policy,
            health_interval=health_interval,
            health_timeout=health_timeout,
            dns_interval=dns_interval,
            upstream_tls=UpstreamTls(**files, server_name=tls_server_name) if wanted else None,
            metrics=metrics,
            access_log=access_log,
            access_log_sample=access_log_sample,
        )
    except ValueError as error:
        raise ConfigError(str(error), hint="see `tercet gateway --help`") from error
    launch(
        validated(
            {
                "services": [gateway_service(section, withheld={}, concurrency={})],
                "health": health,
                "grace": grace,
                "hints": ["", "Try:", "  grpcurl -plaintext $gateway list"],
            }
        )
    )


def named(upstreams: Sequence[str]) -> list[tuple[str, str]]:
    """Name and target of each; those without a name are counted."""
    found = []
    for number, text in enumerate(upstreams, 1):
        match = NAMED.fullmatch(encodable(text, "--upstream"))
        unnamed = DEFAULT_NAME if len(upstreams) == 1 else f"{DEFAULT_NAME}-{number}"
        found.append((match[1], match[2]) if match else (unnamed, text))
    return found
