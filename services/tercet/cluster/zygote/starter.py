"""The supervisor's end of a zygote.

Guarantees:
* every worker that was asked for ends in one call of its `on_exit`, whether or not it ever was;
* workers outlive their zygote; one that dies is started again when a worker is asked for;
* a worker says and does nothing before its pid is known here;
* the cause of a worker that there will not be is said over its own link, as `messages.Failed`,
  before `on_exit` is called: just as an exec'd worker says it;
* nothing here waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from tercet.cluster import messages, prctl
from tercet.cluster.process import Child, Watched, claimants, describe_exit
from tercet.cluster.spec import ServiceSpec
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
    Request,
)

log = logging.getLogger("tercet")


class Worker(Watched):
    """A forked worker, from the request for it to its reaping. Made by `Zygote.start`."""

    def __init__(
        self,
        zygote: Zygote,
        end: socket.socket,
        name: str,
        on_exit: Callable[[int], None],
        descriptors: Sequence[int],
    ) -> None:
        super().__init__(on_exit)
        self._zygote = zygote
        self._held: list[signal.Signals] = []
        self._is_over = False
        # Whoever asks closes its own once it has asked.
        self._end = end.dup()
        # What the worker inherits beside it.
        self._descriptors: list[int] = []
        numbers = list(dict.fromkeys(descriptors))
        self._go = -1
        try:
            # Its stdout and stderr are ours of now, which is not when the zygote was started.
            for descriptor in (1, 2, *numbers):
                self._descriptors.append(os.dup(descriptor))
        except OSError:
            self.let_go()
            raise
        self.request = Fork(name, numbers)
        # How often it has been asked for.
        self.tries = 0

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the worker; one that is not forked yet has it when it is.

        Of those that have not been asked for of the zygote, KILL and TERM make an end at once; so
        does KILL of one that has, and of the zygote with it, since it may hang.
        """
        if self._pidfd >= 0:
            super().signal(number)
        elif not (self.pid or self._is_over or self._zygote.drop(self, number)):
            self._held.append(number)

    def send(self, link: socket.socket) -> None:
        """Asks for it.

        Raises:
            OSError: It cannot be asked for.
        """
        # One that was asked for before has another pipe, which is closed here, and ends.
        self._forbid()
        waits, self._go = os.pipe()
        try:
            message = msgspec.json.encode(self.request)
            socket.send_fds(link, [message], [self._end.fileno(), waits, *self._descriptors])
        finally:
            os.close(waits)
        self.tries += 1

    def forked(self, pid: int) -> None:
        """It is there."""
        try:
            # Only a child of ours has a status that we learn; and one that is dead, but not
            # reaped, is still found.
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # It is not told to go, and ends.
            self.fail(os.EX_OSERR, f"pid {pid} is not a child of the supervisor")
            return
        try:
            self._watch(pid)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            self._reap()
            self.fail(os.EX_OSERR, f"could not be started: {error.strerror}")
            return
        for number in self._held:
            super().signal(number)
        # It may have been killed.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b"1")
        self.let_go()

    def fail(self, code: int, cause: str) -> None:
        """There will be none."""
        self.pid = 0
        self._is_over = True
        # The other end may be closed by now.
        with contextlib.suppress(OSError):
            self._end.send(msgspec.json.encode(messages.Failed(cause)) + b"\n")
        self.let_go()
        # In the next turn of the loop the cause is read, in the one after that this is called.
        self._loop.call_soon(self._loop.call_soon, self._on_exit, code)

    def let_go(self) -> None:
        """Closes what the worker inherits: it has it, or never will."""
        self._forbid()
        self._end.close()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _forbid(self) -> None:
        if self._go >= 0:
            os.close(self._go)
            self._go = -1


class Zygote:
    """One service's zygote, of one revision of its code: a new revision needs a new one.

    Runs on the supervisor's loop. From the first `start` on, this process adopts orphans: whoever
    reaps those must ask `owns`.

    Args:
        service: What to import.
        engine: The rpc engine of its workers.
        log_format: As in `MeshSpec`.
        changed: Called when the pid of a worker has become known.
    """

    def __init__(
        self,
        service: ServiceSpec,
        engine: str,
        *,
        log_format: str = "text",
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = f"{service.name}/zygote"
        self._preload = Preload(service.target, service.import_from_cwd, engine, log_format)
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._decoder = msgspec.json.Decoder(Answer)
        self._process: Child | None = None
        self._link: socket.socket | None = None
        self._is_ready = False
        self._is_stopped = False
        # Why it could not import.
        self._cause = ""
        # Killed because it kept a worker waiting: the others shall have another zygote.
        self._is_replaced = False
        self._waiting: deque[Worker] = deque()
        self._asked: Worker | None = None
        self._gone = asyncio.Event()
        self._gone.set()

    @property
    def pid(self) -> int:
        """0 if there is none now."""
        return self._process.pid if self._process else 0

    @property
    def is_ready(self) -> bool:
        """Whether it has imported what it is to import."""
        return self._is_ready

    def owns(self, pid: int) -> bool:
        """Whether a child of this process may be the zygote, or a worker that is just forked."""
        return pid == self.pid or self._asked is not None

    def start(
        self,
        end: socket.socket,
        *,
        name: str,
        on_exit: Callable[[int], None],
        descriptors: Sequence[int] = (),
    ) -> Worker:
        """Starts a worker: a `life.Starter`.

        Raises:
            OSError: There is no process, descriptor or memory to be had for the zygote now.
            ValueError: These are more descriptors than fit into a request.
        """
        if self._is_stopped:
            raise RuntimeError(f"{self._name} is stopped")
        if len(descriptors) > MAX_DESCRIPTORS - 4:
            raise ValueError(f"{len(descriptors)} descriptors: at most {MAX_DESCRIPTORS - 4}")
        worker = Worker(self, end, name, on_exit, descriptors)
        if not self._process:
            try:
                self._launch()
            except OSError:
                worker.let_go()
                raise
        self._waiting.append(worker)
        self._next()
        return worker

    def drop(self, worker: Worker, number: signal.Signals) -> bool:
        """Makes an end of a worker that is not forked yet, if the signal says so."""
        is_asked = worker is self._asked
        if number is not signal.SIGKILL and (is_asked or number is not signal.SIGTERM):
            return False
        if is_asked:
            self._asked = None
        else:
            self._waiting.remove(worker)
        worker.fail(-number, "it was stopped before it was forked")
        if number is signal.SIGKILL and self._process:
            # Perhaps it is its import, or its fork, that hangs.
            self._is_replaced = True
            self._process.signal(signal.SIGKILL)
        return True

    def stop(self) -> None:
        """Ends the zygote; its workers live on, and those that wait for it never start."""
        self._is_stopped = True
        if self._process:
            self._process.signal(signal.SIGKILL)

    async def gone(self) -> None:
        """Waits until there is no zygote."""
        await self._gone.wait()

    def _launch(self) -> None:
        # Its workers have lost their parent: see `forking`.
        prctl.adopt_orphans()
        claimants.add(self.owns)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                self._process = Child(theirs, name=self._name, on_exit=self._ended, module=MODULE)
            except OSError:
                ours.close()
                raise
        self._link = ours
        self._is_ready = False
        self._is_replaced = False
        self._cause = ""
        self._gone.clear()
        self._loop.add_reader(ours, self._readable)
        self._say(self._preload)

    def _say(self, request: Request) -> None:
        assert self._link
        # One that does not take it has ended, which we hear of.
        with contextlib.suppress(OSError):
            self._link.send(msgspec.json.encode(request))

    def _next(self) -> None:
        """Asks for the next worker, if the zygote has nothing to do."""
        while self._waiting and self._is_ready and not self._asked and not self._is_replaced:
            assert self._link
            worker = self._waiting.popleft()
            try:
                worker.send(self._link)
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                    # It has ended: we hear of that too, and it is one of those that waited.
                    self._waiting.appendleft(worker)
                    return
                worker.fail(os.EX_OSERR, f"could not be started: {error.strerror}")
            else:
                self._asked = worker

    def _readable(self) -> None:
        assert self._link and self._process
        packet = self._receive()
        if packet is not None and not self._heard(packet):
            # It has closed its end, or speaks nonsense. It may live on all the same.
            self._loop.remove_reader(self._link)
            self._process.signal(signal.SIGKILL)
        self._next()

    def _receive(self) -> bytes | None:
        """An answer; b"" at their end; None if there is none now."""
        assert self._link
        try:
            return self._link.recv(MAX_PACKET)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            # Said once, of what they have not read; what they have sent comes after it.
            return self._receive()

    def _heard(self, packet: bytes) -> bool:
        """Takes an answer; gives False if it is none."""
        try:
            answer = self._decoder.decode(packet)
        except msgspec.DecodeError:
            return False
        # If there is no worker that asked, it has been dropped: it is not told to go, and ends.
        worker = self._asked
        if isinstance(answer, Ready):
            self._is_ready = True
        elif not self._is_ready:
            self._cause = answer.cause if isinstance(answer, Failed) else ""
        elif worker:
            if isinstance(answer, Forked):
                worker.forked(answer.pid)
                self._changed()
            else:
                worker.fail(os.EX_OSERR, answer.cause)
            self._asked = None
        return True

    def _ended(self, code: int) -> None:
        assert self._link
        # What it has said before its end.
        while (packet := self._receive()) and self._heard(packet):
            pass
        self._loop.remove_reader(self._link)
        self._link.close()
        self._process = None
        end = describe_exit(code)
        cause = self._cause or f"its zygote {'was ' if code < 0 else ''}{end}"
        if not (self._cause or self._is_stopped or self._is_replaced):
            log.warning("%s %s", self._name, end)
        # If it is there, it is not told to go, and ends; so it may be asked for again. Once: its
        # fork may be what kills zygotes.
        if self._asked and self._asked.tries == 1:
            self._waiting.appendleft(self._asked)
        elif self._asked:
            self._asked.fail(code or os.EX_SOFTWARE, cause)
        self._asked = None
        # Unless it is the import that is at fault, the others shall not suffer for it.
        if self._waiting and (self._is_ready or self._is_replaced) and not self._is_stopped:
            try:
                self._launch()
            except OSError as error:
                code, cause = os.EX_OSERR, f"could not be started: {error.strerror}"
            else:
                return
        self._is_ready = False
        while self._waiting:
            self._waiting.popleft().fail(code or os.EX_SOFTWARE, cause)
        claimants.discard(self.owns)
        self._gone.set()
