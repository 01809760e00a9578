"""Reads the configuration anew: by the command that has made the mesh, in a process of its own.

The supervisor imports nothing that knows of files and flags, and a configuration that is wrong, or
code that cannot be imported, is the child's misfortune and not its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import msgspec

from tercet.cluster.process import describe_exit, waited_for
from tercet.cluster.spec import FILE_VARIABLE, MeshSpec, OriginSpec
from tercet.errors import TercetError

VARIABLE = "TERCET_SPEC_FD"
# Seconds that it may take.
PATIENCE = 60.0
# Characters of what it says that are handed on.
MOST = 2000


class NotRead(TercetError):
    """The configuration is wrong, or cannot be read."""

    default_reason = "RELOAD_FAILED"


async def read(origin: OriginSpec) -> MeshSpec:
    """
    Raises:
        NotRead: The command has failed; its words are the message.
    """
    spec, said = (os.memfd_create(name) for name in ("tercet-spec", "tercet-said"))
    try:
        os.set_inheritable(spec, True)
        code = await _run(origin, spec, said)
        if code:
            words = os.pread(said, MOST, 0).decode(errors="replace").strip()
            raise NotRead(words.removeprefix("tercet: ") or f"`tercet` {describe_exit(code)}")
        return msgspec.json.decode(os.pread(spec, os.fstat(spec).st_size, 0), type=MeshSpec)
    except (OSError, msgspec.MsgspecError) as error:
        raise NotRead(f"the configuration cannot be read anew: {error}") from error
    finally:
        os.close(spec)
        os.close(said)


async def _run(origin: OriginSpec, spec: int, said: int) -> int:
    child = subprocess.Popen(  # noqa: ASYNC220 - it is only started here
        [sys.executable, "-P", "-m", "tercet.cli", *origin.arguments],
        cwd=origin.directory,
        env={**os.environ, VARIABLE: str(spec), FILE_VARIABLE: origin.file},
        pass_fds=[spec],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,
    )
    waited_for.add(child.pid)
    try:
        await _ended(child.pid)
    except TimeoutError:
        raise NotRead(f"the configuration was not read within {PATIENCE:g} s") from None
    finally:
        # Whatever is the matter; one that has ended is not hurt by it.
        child.send_signal(signal.SIGKILL)
        code = child.wait()
        waited_for.discard(child.pid)
    return code


async def _ended(pid: int) -> None:
    """
    Raises:
        TimeoutError: It runs for too long.
        OSError: It cannot be watched now.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    pidfd = os.pidfd_open(pid)
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
