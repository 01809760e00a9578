"""`python -m tercet.cluster --spec-fd N`: the supervisor's process.

The command line starts it by exec, so that nothing which the command line imported is in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import msgspec

from tercet.cluster.duties import Duties
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.screen import Screen
from tercet.cluster.speaking import speak
from tercet.cluster.spec import MeshSpec
from tercet.cluster.supervisor import Supervisor
from tercet.errors import ConfigError, TercetError

log = logging.getLogger("tercet")


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] != "--spec-fd" or not arguments[1].isdigit():
        print("usage: python -m tercet.cluster --spec-fd FD  (see `tercet up`)", file=sys.stderr)
        return 2
    try:
        with open(int(arguments[1]), "rb") as spec:
            mesh = msgspec.json.decode(spec.read(), type=MeshSpec)
        screen = Screen(mesh)
        try:
            return _serve(mesh, screen)
        finally:
            screen.close()
    except KeyboardInterrupt:
        return 130
    except (TercetError, msgspec.MsgspecError, OSError) as error:
        print(f"tercet: {error}", file=sys.stderr)
        return _exit_code(error)


def _serve(mesh: MeshSpec, screen: Screen) -> int:
    _speak(mesh)
    try:
        duties = Duties(mesh.pid_file, os.environ)
        try:
            runtime = RuntimeDir()
            try:
                code = asyncio.run(_run(mesh, runtime, duties, screen))
            finally:
                runtime.close()
        except (TercetError, OSError) as error:
            duties.failed(str(error))
            raise
        finally:
            duties.close()
    except (TercetError, OSError) as error:
        log.error("%s", error)
        screen.tell(f"tercet: {error}")
        return _exit_code(error)
    if code:
        screen.tell(f"tercet: it has ended before it served; {mesh.log} says why")
    return code


def _exit_code(error: Exception) -> int:
    return error.exit_code if isinstance(error, TercetError) else 1


def _speak(mesh: MeshSpec) -> None:
    try:
        speak(mesh)
    except OSError as error:
        raise ConfigError(
            f"cannot open the log {mesh.log}: {error.strerror}",
            hint="name another file in log of [cluster], or with --log",
        ) from error


async def _run(mesh: MeshSpec, runtime: RuntimeDir, duties: Duties, screen: Screen) -> int:
    return await Supervisor(mesh, runtime, duties, screen).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
