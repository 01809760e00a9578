"""`tercet exec`: the programs of the executor service."""

import typer

from tercet.cli.exec_ import list_, run
from tercet.cli.options import CONTEXT

app = typer.Typer(
    help="Run programs of the server's catalogue.", no_args_is_help=True, context_settings=CONTEXT
)
app.command("list", epilog=list_.EPILOG)(list_.command)
app.command("run", epilog=run.EPILOG)(run.command)
