"""`python -m tercet.cluster.zygote`: started by the supervisor alone.

Theory of operation. It imports what its workers need, makes sure that it can be forked, and then
waits for requests, in plain blocking calls: an event loop would be one more thing to share. Each
request makes a worker, which becomes the supervisor's child and goes on by itself; the zygote
keeps nothing of it. It ends with the supervisor, by the kernel's hand: the import of a target may
take any time, or hang.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import socket
import struct
import sys
import traceback
from typing import NoReturn

import msgspec

from tercet.cluster import logs, prctl
from tercet.cluster.process import LINK_VARIABLE, WORKER_MODULE
from tercet.cluster.spec import CANNOT_START
from tercet.cluster.worker import __main__ as worker
from tercet.cluster.worker import guard, loading
from tercet.cluster.worker.cause import cause_of
from tercet.cluster.zygote import becoming, descriptors, inventory
from tercet.cluster.zygote.forking import fork_for_parent
from tercet.cluster.zygote.title import retitle
from tercet.cluster.zygote.words import (
    MAX_DESCRIPTORS,
    MAX_PACKET,
    MODULE,
    Answer,
    Failed,
    Fork,
    Forked,
    Preload,
    Ready,
)

ENGINE_MODULES = {"native": "tercet.rpc.native.server", "grpcio": "tercet.rpc.grpcio"}
# struct ucred of unix(7).
_CREDENTIALS = struct.Struct("3i")


class Zygote:
    """This process.

    Args:
        end: Its end of the socketpair.
        name: Its own name, as its command line shows it.
    """

    def __init__(self, end: socket.socket, name: str) -> None:
        self._end = end
        self._name = name
        self._written: worker.Written | None = None

    def run(self) -> int:
        """Returns the exit code, in the zygote; a worker does not come back from here."""
        request = self._end.recv(MAX_PACKET)
        if not request:
            return guard.ORPHANED
        preload = msgspec.json.decode(request, type=Preload)
        # Before the import, so that what a target does to logging of its own comes after it, as it
        # does in a worker that is exec'd.
        self._written = logging.StreamHandler()
        logs.configure(self._name, preload.log_format, self._written)
        try:
            self._import(preload)
        except (Exception, SystemExit) as error:
            self._written.handle(worker.complaint(error, preload))
            self._answer(Failed(cause_of(error)))
            return CANNOT_START
        self._answer(Ready())
        while self._serve():
            pass
        return 0

    def _import(self, preload: Preload) -> None:
        before = inventory.descriptors()
        # A collection frees what lies between what stays, and what fills such a hole later is a
        # write to a page that was shared (gc.freeze in the library reference).
        gc.disable()
        with becoming.one_thread(), descriptors.opening_high():
            importlib.import_module(ENGINE_MODULES[preload.engine])
            loading.load(preload)
        becoming.default_signals()
        inventory.check(preload.target, before)
        # A collection in a worker would write to the head of every object.
        gc.freeze()
        gc.enable()

    def _serve(self) -> bool:
        """Answers one request; gives False if there are no more."""
        request, received, flags, _ = socket.recv_fds(
            self._end, MAX_PACKET, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        if not request:
            return False
        fork = msgspec.json.decode(request, type=Fork)
        # What the import has printed must not be printed by each worker.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        answer: Answer
        try:
            if flags & socket.MSG_CTRUNC:
                raise OSError("it has no room for more descriptors")
            pid = fork_for_parent()
            if not pid:
                self._become(fork, received)
            answer = Forked(pid)
        except OSError as error:
            answer = Failed(f"it cannot be forked: {error.strerror or error}")
        for descriptor in received:
            os.close(descriptor)
        self._answer(answer)
        return True

    def _become(self, fork: Fork, received: list[int]) -> NoReturn:
        try:
            self._end.close()
            highest = max(fork.numbers, default=0)
            link, go = (descriptors.move_high(each, above=highest) for each in received[:2])
            descriptors.place(received[2:], [1, 2, *fork.numbers])
            retitle(
                "\0".join((MODULE, self._name)),
                "\0".join((WORKER_MODULE, fork.name)),
                fork.name,
            )
            becoming.fresh_random_state()
            if not os.read(go, 1):
                os._exit(guard.ORPHANED)
            os.close(go)
            end = socket.socket(fileno=os.dup(link))
            os.close(link)
            worker.run(end, self._written)
        except BaseException:
            with contextlib.suppress(OSError):
                print(f"{fork.name}: {traceback.format_exc()}", file=sys.stderr, flush=True)
        finally:
            # Whatever happens, this is not the zygote.
            os._exit(os.EX_SOFTWARE)

    def _answer(self, answer: Answer) -> None:
        # Whoever is not there to hear it has ended, and ends this.
        with contextlib.suppress(OSError):
            self._end.send(msgspec.json.encode(answer))


def main() -> NoReturn:
    if LINK_VARIABLE not in os.environ:
        sys.exit("python -m tercet.cluster.zygote is started by the supervisor: see `tercet up`")
    inherited = int(os.environ.pop(LINK_VARIABLE))
    end = socket.socket(fileno=descriptors.move_high(inherited))
    prctl.die_with_parent()
    credentials = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if os.getppid() != _CREDENTIALS.unpack(credentials)[0]:
        os._exit(guard.ORPHANED)
    code = Zygote(end, sys.argv[1]).run()
    # Nothing of what was imported may keep it.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
