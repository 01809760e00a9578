"""`tercet reload`: new workers, of the code and the configuration as they are now."""

from __future__ import annotations

from tercet.cli.advice import about_reload
from tercet.cli.calling import hush
from tercet.cli.control import Waiting
from tercet.cli.exit_codes import Refused
from tercet.cli.options import Json, Mesh, examples
from tercet.errors import TercetError

FAILED = "RELOAD_FAILED"
EPILOG = examples("tercet reload", "tercet check --import && tercet reload --timeout 60")


def command(mesh: Mesh = None, timeout: Waiting = None, as_json: Json = False) -> None:
    """Replace all workers, one after another, by ones of the code and configuration of now.

    The configuration is read again: by the command that the mesh was started with. Each worker goes
    only when its successor serves, and finishes the calls that it has. Waits until that is done.

    Exits with 1 if the configuration is wrong or a successor does not become ready: what was not
    replaced then goes on. 69 if no mesh runs, 124 if it takes longer than --timeout.
    """
    hush()
    from tercet.cli.output import print_json
    from tercet.cli.reloading import reloaded
    from tercet.cli.workers import find

    runtime = find(mesh)
    try:
        revision = reloaded(runtime, timeout)
    except TercetError as error:
        if error.reason != FAILED:
            raise
        cause, advice = about_reload(error.message)
        raise Refused(cause, hint=error.hint or advice, reason=FAILED) from error
    if as_json:
        print_json({"revision": revision})
    else:
        print(f"reloaded: revision {revision}")
