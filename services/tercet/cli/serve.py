"""`tercet serve`: a user's own servicer as supervised workers."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from tercet.cli.options import examples, numbered, pair
from tercet.rpc.names import DEFAULT_ENGINE

EPILOG = examples(
    "tercet serve examples.greeter:register",
    "tercet serve shop.service:register --workers 8 --bind '[::]:50060' --option db=shop.sqlite",
    "tercet serve shop.service:register --gateway 127.0.0.1:50050 --health 127.0.0.1:50059",
    "tercet serve shop.service:register --gateway 127.0.0.1:50050 --concurrency 1",
)


def command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="Called as FUNCTION(server) in each worker; server is a grpc.aio.Server.",
        ),
    ],
    workers: Annotated[
        int, typer.Option(min=0, help="Worker processes; 0 means one per usable CPU.")
    ] = 0,
    bind: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The port that all workers share.")
    ] = "127.0.0.1:50060",
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Also put a gateway there, which balances each call [default: none].",
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            min=0,
            help="Calls that one worker works on at once; more wait at the gateway. 0: no limit.",
        ),
    ] = 0,
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
    health: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Port of health for probes.")
    ] = "",
    grace: Annotated[
        float, typer.Option(help="Seconds that a stopping mesh may finish its calls in.")
    ] = 10.0,
    engine: Annotated[
        str,
        typer.Option(
            envvar="TERCET_ENGINE",
            help="rpc engine of workers: native, or grpcio, the stock one.",
        ),
    ] = DEFAULT_ENGINE,
) -> None:
    """Run your own gRPC servicer on all cores, restarted when a worker dies.

    Connections to the shared port are spread over the workers by the kernel and then stay where
    they are; with --gateway each call goes to the less busy of two workers.

    Exits with 0 after Ctrl-C or TERM, 78 if the target cannot be loaded or a port is taken.
    """
    from tercet.cli.config import GatewaySection, processes, validated
    from tercet.cli.mesh import gateway as gateway_service
    from tercet.cli.mesh import launch

    if concurrency and not gateway:
        raise typer.BadParameter(
            "calls wait at a gateway: add --gateway HOST:PORT", param_hint="--concurrency"
        )
    name = name or name_of(target)
    server_options = dict(numbered(text, "--server-option") for text in server_option or [])
    service = {
        "name": name,
        "target": target,
        "workers": processes(workers),
        "bind": bind,
        "options": dict(pair(text, "--option") for text in option or []),
        "import_from_cwd": True,
        "server_options": server_options,
    }
    services: list[dict[str, Any]] = [service]
    if gateway:
        section = GatewaySection(bind=gateway, server_options=server_options)
        made = gateway_service(section, withheld={}, concurrency={name: concurrency})
        services.append(made)
    shown = "gateway" if gateway else name.replace("-", "_")
    launch(
        validated(
            {
                "services": services,
                "health": health,
                "engine": engine,
                "grace": grace,
                "hints": ["", "Try:", f"  grpcurl -plaintext ${shown} list"],
            }
        )
    )


def name_of(target: str) -> str:
    """The last part of the target's module, as a service's name."""
    module = target.partition(":")[0].rpartition(".")[2].lower()
    return re.sub(r"[^a-z0-9]+", "-", module).strip("-") or "service"
