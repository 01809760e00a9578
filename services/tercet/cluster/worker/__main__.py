"""`python -m tercet.cluster.worker`: started by the supervisor alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from typing import Any, NoReturn, TypeAlias

import uvloop

from tercet.cluster import logs
from tercet.cluster.link import Link
from tercet.cluster.messages import Failed, Message, Start
from tercet.cluster.process import LINK_VARIABLE, end_session
from tercet.cluster.spec import CANNOT_START, WorkerSpec
from tercet.cluster.voice import Voice
from tercet.cluster.worker import affinity, guard, inheritance, loading
from tercet.cluster.worker.cause import cause_of
from tercet.cluster.worker.host import Host
from tercet.errors import TercetError

Written: TypeAlias = "logging.StreamHandler[Any]"

STDERR = 2
# Seconds that a worker waits for a reader of its log that has fallen behind.
PATIENCE = 0.1


async def main(end: socket.socket, written: Written | None) -> int:
    # Programs that this worker starts must hold neither its life line nor its ports.
    inheritance.keep()
    loop = asyncio.get_running_loop()
    started: asyncio.Future[WorkerSpec] = loop.create_future()
    host: Host | None = None
    # What came right behind the start.
    early: list[Message] = []

    def heard(message: Message) -> None:
        if isinstance(message, Start):
            started.set_result(message.spec)
        elif host:
            host.message(message)
        else:
            early.append(message)

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
    # Also for what is said last, when the user's code may have switched all loggers off.
    name = f"{spec.service}/{spec.slot}"
    # Its loop has calls to serve, whether somebody reads what it logs or not.
    voice = Voice(STDERR, patience=PATIENCE)
    if written:
        # The user's code is imported already, and may have put others in its place.
        written.setStream(voice)
        logs.dress(written, name, spec.log_format)
    else:
        written = logging.StreamHandler(voice)
        logs.configure(name, spec.log_format, written)
    if spec.cpu >= 0:
        affinity.pin(spec.cpu)
    host = Host(spec, link)
    for message in early:
        host.message(message)
    guard.watch(end, orphaned=lambda: loop.call_soon_threadsafe(host.orphaned), leave=host.leave)
    try:
        await host.run()
    except (Exception, SystemExit) as error:
        # Of an orphan it says no more than that its mesh is gone.
        if not host.is_orphan:
            link.send(Failed(cause_of(error)))
            written.handle(complaint(error, spec))
            return CANNOT_START
    if host.is_orphan:
        # What the supervisor would have done after us.
        host.leave()
        end_session(os.getpid())
    return 0


def complaint(error: BaseException, spec: loading.Targeted) -> logging.LogRecord:
    """What is written down of a target that cannot be imported or registered."""
    text, traceback = str(error), None
    if not isinstance(error, TercetError):
        # The user's own code, most likely while it is imported: the traceback is the message.
        text, traceback = f"cannot start {spec.target}", (type(error), error, error.__traceback__)
    return logging.LogRecord("tercet", logging.ERROR, __file__, 0, text, None, traceback)


def run(end: socket.socket, written: Written | None = None) -> NoReturn:
    """Is the worker at that end of a link, from now to the end of the process.

    Args:
        written: What `logs.configure` was given, if it was called before; the name is wrong yet,
            and it waits for whoever reads it.
    """
    code = uvloop.run(main(end, written))
    # Threads of user code, or of a C library, must not keep a stopped worker alive.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    if LINK_VARIABLE not in os.environ:
        sys.exit("python -m tercet.cluster.worker is started by the supervisor: see `tercet up`")
    run(socket.socket(fileno=int(os.environ.pop(LINK_VARIABLE))))
