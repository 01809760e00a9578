"""`tercet up`: the whole mesh in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tercet.cli.options import examples, pair

EPILOG = examples(
    "tercet up",
    "tercet up --gateway '[::]:50050' --media-root /srv/media --set compute.threads=4",
    "TERCET_GATEWAY_WORKERS=2 tercet up --config mesh.toml",
)


def command(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            # Not the parser's check: it would call an unreadable file a wrong command line.
            readable=False,
            help="Configuration; else $TERCET_CONFIG, else ./tercet.toml if there is one.",
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Public port [default: 127.0.0.1:50050]."),
    ] = None,
    health: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Port of health for probes [default: none]."),
    ] = None,
    media_root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Directory that programs' files are in [default: none]."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="rpc engine of every server: native, or grpcio, the stock one [default: native]."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.KEY=VALUE",
            help="Any other option, such as compute.threads=2; may be repeated.",
        ),
    ] = None,
) -> None:
    """Run gateway, compute, executor and your own services until Ctrl-C.

    Options come from the configuration file, then from TERCET_<SECTION>_<KEY> in the environment,
    then from the flags here; the last one wins.

    Exits with 0 after Ctrl-C or TERM, 78 if the configuration is wrong or a worker can never start.
    """
    from tercet.cli.config import load
    from tercet.cli.mesh import launch, mesh

    settings: dict[str, Any] = {
        "gateway.bind": gateway,
        "cluster.health": health,
        "executor.media_root": None if media_root is None else str(media_root.absolute()),
        "engine": engine,
    }
    given = {path: value for path, value in settings.items() if value is not None}
    more = dict(pair(text, "--set", "SECTION.KEY=VALUE") for text in set_ or [])
    launch(mesh(load(config, environ=os.environ, settings=given | more)))
