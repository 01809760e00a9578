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
from tercet.cluster.spec import MeshSpec
from tercet.cluster.supervisor import Supervisor
from tercet.cluster.voice import Voice, VoiceHandler
from tercet.errors import TercetError


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] != "--spec-fd" or not arguments[1].isdigit():
        print("usage: python -m tercet.cluster --spec-fd FD  (see `tercet up`)", file=sys.stderr)
        return 2
    logging.basicConfig(
        format="tercet: %(message)s",
        level=logging.INFO,
        handlers=[VoiceHandler(Voice(sys.stderr.fileno()))],
    )
    try:
        with open(int(arguments[1]), "rb") as spec:
            mesh = msgspec.json.decode(spec.read(), type=MeshSpec)
        duties = Duties(mesh.pid_file, os.environ)
        try:
            runtime = RuntimeDir()
            try:
                return asyncio.run(_run(mesh, runtime, duties))
            finally:
                runtime.close()
        except (TercetError, OSError) as error:
            duties.failed(str(error))
            raise
        finally:
            duties.close()
    except KeyboardInterrupt:
        return 130
    except (TercetError, msgspec.MsgspecError, OSError) as error:
        print(f"tercet: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, TercetError) else 1


async def _run(mesh: MeshSpec, runtime: RuntimeDir, duties: Duties) -> int:
    return await Supervisor(mesh, runtime, duties).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
