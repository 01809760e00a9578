"""`tercet up`: the whole mesh in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tercet.cli import flags
from tercet.cli.options import examples, pair

EPILOG = examples(
    "tercet up",
    "tercet up --gateway '[::]:50050' --media-root /srv/media --set compute.threads=4",
    "TERCET_GATEWAY_WORKERS=2 tercet up --config mesh.toml",
)
FLAGS: flags.Flags = flags.CLUSTER | {
    "gateway": "gateway.bind",
    "media_root": "executor.media_root",
    "engine": "engine",
}


def command(
    context: typer.Context,
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
    gateway: flags.Address = None,
    health: flags.Address = None,
    metrics: flags.Address = None,
    media_root: Annotated[str | None, typer.Option(metavar="DIR")] = None,
    engine: flags.Word = None,
    grace: flags.Seconds = None,
    hang_timeout: flags.Seconds = None,
    log: flags.File = None,
    log_format: flags.Word = None,
    pid_file: flags.File = None,
    reload: flags.Reload = False,
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
    then from the flags here; the last one wins. docs/configuration.md lists all of them.

    Exits with 0 after Ctrl-C or TERM, 78 if the configuration is wrong or a worker can never start.
    """
    del gateway, health, metrics, engine, grace, hang_timeout, log, log_format, pid_file
    from tercet.cli.config.loading import Loaded
    from tercet.cli.config.sources import Setting
    from tercet.cli.launching import launch

    settings = flags.given(context, FLAGS)
    if media_root is not None:
        absolute = os.path.abspath(media_root)
        settings[("executor", "media_root")] = Setting(absolute, "--media-root")
    if reload:
        settings |= flags.watching()
    for text in set_ or []:
        path, value = pair(text, "--set", "SECTION.KEY=VALUE")
        settings[tuple(path.split("."))] = Setting(value, f"--set {path}")
    loaded = Loaded(config, environ=os.environ, settings=settings)
    launch(loaded.mesh(), file=loaded.file)
