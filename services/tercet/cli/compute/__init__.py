"""`tercet compute`: the kernels of the compute service."""

import typer

from tercet.cli.compute import image, list_, run
from tercet.cli.options import CONTEXT

app = typer.Typer(
    help="Run kernels on the server's threads.", no_args_is_help=True, context_settings=CONTEXT
)
app.command("list", epilog=list_.EPILOG)(list_.command)
app.command("run", epilog=run.EPILOG)(run.command)
app.command("image", epilog=image.EPILOG)(image.command)
