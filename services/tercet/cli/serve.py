"""`tercet serve`: a user's own servicer as supervised workers."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from tercet.cli import flags
from tercet.cli.options import examples, numbered, pair

EPILOG = examples(
    "tercet serve examples.greeter:register",
    "tercet serve shop.service:register --workers 8 --bind '[::]:50060' --option db=shop.sqlite",
    "tercet serve shop.service:register --gateway 127.0.0.1:50050 --health 127.0.0.1:50059",
    "tercet serve shop.service:register --gateway 127.0.0.1:50050 --concurrency 1",
    "tercet serve shop.service:register --max-requests 100000 --max-requests-jitter 10000",
    "tercet serve shop.service:register --reload",
)
FLAGS: flags.Flags = flags.CLUSTER | {
    "target": "services.*.target",
    "workers": "services.*.workers",
    "concurrency": "services.*.concurrency",
    "max_requests": "services.*.max_requests",
    "max_requests_jitter": "services.*.max_requests_jitter",
    "max_age": "services.*.max_age",
    "max_rss": "services.*.max_rss",
    "pin": "services.*.pin",
    "preload": "services.*.preload",
    "engine": "engine",
}
# Whose help is not that of its option: it has another default.
SAID: flags.Flags = FLAGS | {"bind": "services.*.bind"}
BIND = "127.0.0.1:50060"


def command(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="MODULE:FUNCTION")],
    workers: flags.Count = None,
    bind: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="The port that all workers share, for direct callers; '' for none [default:"
            f" {BIND}, or none with --gateway].",
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Also put a gateway there, which balances each call [default: none].",
        ),
    ] = None,
    concurrency: flags.Count = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A keyword argument of FUNCTION, as text; may be repeated.",
        ),
    ] = None,
    server_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="An option of the gRPC servers, such as tercet.max_resets=500; may be repeated.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name shown by `tercet workers` [default: from MODULE]."),
    ] = None,
    max_requests: flags.Count = None,
    max_requests_jitter: flags.Count = None,
    max_age: flags.Seconds = None,
    max_rss: flags.Bytes = None,
    pin: Annotated[bool | None, typer.Option("--pin")] = None,
    preload: Annotated[bool | None, typer.Option("--preload")] = None,
    health: flags.Address = None,
    metrics: flags.Address = None,
    grace: flags.Seconds = None,
    hang_timeout: flags.Seconds = None,
    log: flags.File = None,
    log_format: flags.Word = None,
    pid_file: flags.File = None,
    engine: Annotated[str | None, typer.Option(envvar="TERCET_ENGINE", metavar="NAME")] = None,
    reload: flags.Reload = False,
) -> None:
    """Run your own gRPC servicer on all cores, restarted when a worker dies.

    Connections to the shared port are spread over the workers by the kernel and then stay where
    they are; with --gateway each call goes to the less busy of two workers, and there is a shared
    port only if --bind says which.

    Exits with 0 after Ctrl-C or TERM, 78 if the target cannot be loaded or a port is taken.
    """
    del workers, bind, max_requests, max_requests_jitter, max_age, max_rss, pin, preload, health
    del metrics, grace, hang_timeout, log, log_format, pid_file, engine
    from tercet.cli.config.loading import Loaded
    from tercet.cli.config.sources import Setting, Settings
    from tercet.cli.launching import launch

    if concurrency and not gateway:
        raise typer.BadParameter(
            "calls wait at a gateway: add --gateway HOST:PORT", param_hint="--concurrency"
        )
    named = "--name" if name else "MODULE:FUNCTION"
    name = name or name_of(target)
    options = dict(pair(text, "--option") for text in option or [])
    of_servers = dict(numbered(text, "--server-option") for text in server_option or [])
    settings: Settings = {
        ("compute", "enabled"): Setting(False),
        ("executor", "enabled"): Setting(False),
        ("gateway", "enabled"): Setting(gateway is not None),
        ("gateway", "server_options"): Setting(of_servers, "--server-option"),
        ("services", name): Setting({}, named),
        ("services", name, "options"): Setting(options, "--option"),
        ("services", name, "server_options"): Setting(of_servers, "--server-option"),
    }
    if gateway is not None:
        settings[("gateway", "bind")] = Setting(gateway, "--gateway")
    elif context.params["bind"] is None:
        # Beside a gateway it would be a second port that nobody has asked for.
        settings[("services", name, "bind")] = Setting(BIND)
    settings |= flags.given(context, SAID, service=name)
    if reload:
        settings |= flags.watching()
    launch(Loaded.alone(settings).mesh())


def name_of(target: str) -> str:
    """The last part of the target's module, as a service's name."""
    module = target.partition(":")[0].rpartition(".")[2].lower()
    return re.sub(r"[^a-z0-9]+", "-", module).strip("-") or "service"
