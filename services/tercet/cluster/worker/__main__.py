"""`python -m tercet.cluster.worker`: started by the supervisor alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import traceback
from typing import NoReturn

import uvloop

from tercet.cluster.link import Link
from tercet.cluster.messages import Message, Start
from tercet.cluster.process import LINK_VARIABLE, end_session
from tercet.cluster.slot import CANNOT_START
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.worker import guard
from tercet.cluster.worker.host import Host
from tercet.errors import TercetError


async def main(end: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    started: asyncio.Future[WorkerSpec] = loop.create_future()
    host: Host | None = None

    def heard(message: Message) -> None:
        if isinstance(message, Start):
            started.set_result(message.spec)
        elif host:
            host.message(message)

    def closed() -> None:
        started.cancel()

    link = Link(end, on_message=heard, on_close=closed)
    # The supervisor may be killed before it has said what this worker is, or right after; the
    # guard does not watch yet, and nothing has been made that would have to be taken away.
    try:
        spec = await started
    except asyncio.CancelledError:
        return guard.ORPHANED
    if link.closed:
        return guard.ORPHANED
    if spec.region:
        # Programs that this worker starts must not hold what gateways share.
        for descriptor in spec.region.descriptors:
            os.set_inheritable(descriptor, False)
    host = Host(spec, link)
    name = f"{spec.service}/{spec.slot}"
    logging.basicConfig(format=f"{name}: %(message)s", level=logging.INFO)
    guard.watch(end, orphaned=lambda: loop.call_soon_threadsafe(host.orphaned), leave=host.leave)
    try:
        await host.run()
    except TercetError as error:
        _complain(f"{name}: {error}")
        return CANNOT_START
    except (Exception, SystemExit):
        # Of an orphan it says no more than that its mesh is gone.
        if not host.is_orphan:
            # The user's own code, most likely while it is imported: the traceback is the message.
            _complain(f"{name}: cannot start {spec.target}\n{traceback.format_exc()}")
            return CANNOT_START
    if host.is_orphan:
        # What the supervisor would have done after us.
        host.leave()
        end_session(os.getpid())
    return 0


def _complain(text: str) -> None:
    # Who reads it may be gone; the exit code must tell the supervisor all the same.
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def run(end: socket.socket) -> NoReturn:
    """Is the worker at that end of a link, from now to the end of the process."""
    # Programs that this worker starts must not hold its life line.
    end.set_inheritable(False)
    code = uvloop.run(main(end))
    # Threads of user code, or of a C library, must not keep a stopped worker alive.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    if LINK_VARIABLE not in os.environ:
        sys.exit("python -m tercet.cluster.worker is started by the supervisor: see `tercet up`")
    run(socket.socket(fileno=int(os.environ.pop(LINK_VARIABLE))))
