"""The verbs, in the order in which `tercet --help` shows them."""

from __future__ import annotations

from typing import Annotated

import typer

from tercet.cli import (
    check,
    compute,
    drain,
    exec_,
    gateway,
    recycle,
    reload,
    scale,
    serve,
    undrain,
    up,
    upstreams,
    workers,
)
from tercet.cli.exit_codes import EPILOG
from tercet.cli.flags import explained
from tercet.cli.options import CONTEXT
from tercet.cli.top import verb as top


def build() -> typer.Typer:
    """Puts the command together. A verb is a module with `command`, a group one with `app`."""
    app = typer.Typer(
        help="All the cores of a machine behind one gRPC port: processes, threads, programs.",
        epilog=EPILOG,
        no_args_is_help=True,
        context_settings=CONTEXT,
        # Plain help: rich would read [default: none] as markup, and join the lines of examples.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    app.command("up", epilog=up.EPILOG, cls=explained(up.FLAGS))(up.command)
    app.command("serve", epilog=serve.EPILOG, cls=explained(serve.FLAGS))(serve.command)
    app.command("gateway", epilog=gateway.EPILOG, cls=explained(gateway.EXPLAINED))(gateway.command)
    app.command("check", epilog=check.EPILOG)(check.command)
    app.command("workers", epilog=workers.EPILOG)(workers.command)
    app.command("top", epilog=top.EPILOG)(top.command)
    app.command("reload", epilog=reload.EPILOG)(reload.command)
    app.command("scale", epilog=scale.EPILOG)(scale.command)
    app.command("recycle", epilog=recycle.EPILOG)(recycle.command)
    app.command("upstreams", epilog=upstreams.EPILOG)(upstreams.command)
    app.command("drain", epilog=drain.EPILOG)(drain.command)
    app.command("undrain", epilog=undrain.EPILOG)(undrain.command)
    app.add_typer(compute.app, name="compute")
    app.add_typer(exec_.app, name="exec")
    return app


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"tercet {metadata.version('tercet')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    # Its only option is eager; the help is given in build().
    del version
