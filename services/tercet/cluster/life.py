"""One worker process, from exec to reaping.

Guarantees:
* its state goes as `states` has it; READY only once, when it serves over its own socket;
* it is killed when it is not ready within the boot timeout, when its loop has not turned for the
  hang timeout (ABRT first, for the stacks), and when it has not ended within its grace;
* `over` is set once, when it is reaped and its session ended, and its sockets' files are gone.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from tercet.cluster.heartbeat import Heartbeat, every
from tercet.cluster.link import Link
from tercet.cluster.messages import Bound, Failed, Leaving, Message, Pulse, Start, Stop
from tercet.cluster.process import Child, describe_exit
from tercet.cluster.runtime_dir import remove_sockets
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.states import State, advance

log = logging.getLogger("tercet")

# What a worker needs beyond its grace to close and exit before it is killed.
MARGIN = 2.0
# Seconds from ABRT, at which a worker that hangs writes down its stacks, to KILL. gunicorn's are
# too close together (benoitc/gunicorn#2454).
LAST_WORDS = 1.0


class Owner(Protocol):
    """Who has started it."""

    def moved(self, life: Life) -> None:
        """Its state has changed, or what is known of it."""

    def heard(self, life: Life, message: Message) -> None:
        """It listens, or has said something that is not about its own life."""

    def hung(self, life: Life) -> None:
        """It is being killed."""


class Process(Protocol):
    """What `process.Child` is."""

    pid: int

    @property
    def age(self) -> float: ...

    def signal(self, number: signal.Signals) -> None: ...


class Starter(Protocol):
    """Starts a process that has one end of its link; see `process.Child`."""

    def __call__(
        self,
        end: socket.socket,
        *,
        name: str,
        on_exit: Callable[[int], None],
        descriptors: Sequence[int],
    ) -> Process: ...


class Life:
    """Runs on the supervisor's loop, which has started it.

    Args:
        spec: What the worker is told that it is.
        starter: Makes its process.
        boot_timeout: Seconds until it must be ready.
        hang_timeout: Seconds without a pulse; 0 for as long as it likes.

    Attributes:
        bound: Full names of the gRPC services that it serves; None before it listens.
        pulse: What it has said last of how it goes.
        stalls: Whether its loop has not turned for a while.
        leaving: Whether somebody else has sent it TERM.
        planned: Whether its end is meant: it was to go before it showed any fault.
        last_exit: How it has ended; "" before.
        code: Its exit code; negative: the signal that has killed it.

    Raises:
        OSError: There is no process, descriptor or memory to be had for it now.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        owner: Owner,
        *,
        starter: Starter | None = None,
        boot_timeout: float,
        hang_timeout: float,
        aborted: float = LAST_WORDS,
    ) -> None:
        self.spec = spec
        self.state = State.GONE
        self.bound: list[str] | None = None
        self.pulse = Pulse()
        self.started = time.time()
        self.planned = False
        self.last_exit = ""
        self.code = 0
        self.over = asyncio.Event()
        self._ready = asyncio.Event()
        self._owner = owner
        self._hang_timeout = hang_timeout
        self._boot_timeout = boot_timeout
        self._last_words = aborted
        self._cause = ""
        self._ready_at = 0.0
        self._ended_at: float | None = None
        self._lived: float | None = None
        self._stopping = False
        self.stalls = False
        self.leaving = False
        self._looker: asyncio.TimerHandle | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = (starter or Child)(
                    theirs,
                    name=f"{spec.service}/{spec.slot}",
                    on_exit=self._exited,
                    descriptors=(
                        *(spec.region.descriptors if spec.region else ()),
                        *spec.listeners,
                        *spec.inherited,
                    ),
                )
            except OSError:
                ours.close()
                raise
        self.link = Link(ours, on_message=self._heard)
        self.link.send(Start(spec))
        self._heart = Heartbeat(0.0, self._loop.time())
        self._boot()
        self._move(State.STARTING)

    @property
    def pid(self) -> int:
        """0 when it is over, and while it is not known yet."""
        return 0 if self.over.is_set() else self._process.pid

    @property
    def process_id(self) -> int:
        """The same when it is over."""
        return self._process.pid

    @property
    def is_bound(self) -> bool:
        """Whether the worker's server listens."""
        return self.bound is not None

    @property
    def age(self) -> float:
        """Seconds since it was started, until it was over."""
        return self._process.age if self._lived is None else self._lived

    @property
    def served(self) -> float:
        """Seconds since it was ready, until it was over; 0 if it never was."""
        until = self._loop.time() if self._ended_at is None else self._ended_at
        return until - self._ready_at if self._ready_at else 0.0

    async def settled(self) -> bool:
        """Waits until it is ready (True), or is over before."""
        ready, over = (asyncio.ensure_future(each.wait()) for each in (self._ready, self.over))
        try:
            await asyncio.wait({ready, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            over.cancel()
        return not self.over.is_set()

    def serving(self) -> None:
        """Its health is SERVING over its own socket."""
        if self.state is State.STARTING:
            self._ready_at = self._loop.time()
            self._ready.set()
            self._move(State.READY)

    def leave(self) -> None:
        """It is about to go: from now on nobody is to list it. It is not told yet."""
        if self.state in (State.STARTING, State.READY):
            self.planned = True
            self._unlist()

    def stop(self, grace: float) -> None:
        """Tells the worker to drain and end.

        Args:
            grace: Seconds that it may go on with the calls that it has. One that is called again
                may end sooner than was said first.
        """
        if self.over.is_set():
            return
        self.leave()
        if not self._stopping:
            self._stopping = True
            self.link.send(Stop(grace))
        self._later(grace, self.signal, signal.SIGTERM)
        self._later(grace + MARGIN, self._kill_late)

    def signal(self, number: signal.Signals) -> None:
        if not self.over.is_set():
            self._process.signal(number)

    def kill(self) -> None:
        """Ends it at once."""
        self.signal(signal.SIGKILL)

    def __str__(self) -> str:
        pid = f" (pid {self.pid})" if self.pid else ""
        return f"{self.spec.service}/{self.spec.slot}{pid}"

    def _later(self, seconds: float, callback: Callable[..., None], *arguments: object) -> None:
        self._timers.append(self._loop.call_later(seconds, callback, *arguments))

    def _heard(self, message: Message) -> None:
        if isinstance(message, Pulse):
            self.pulse = message
            self._heart.beat(self._loop.time())
        elif isinstance(message, Bound) and not self.is_bound:
            self.bound = message.grpc_services
            # From here on: an import may take as long as the boot timeout says.
            self._heart = Heartbeat(self._hang_timeout, self._loop.time())
            if self._hang_timeout:
                self._look()
            self._owner.moved(self)
            self._owner.heard(self, message)
        elif isinstance(message, Failed):
            self._cause = message.cause
        else:
            self.leaving = self.leaving or isinstance(message, Leaving)
            self._owner.heard(self, message)

    def _look(self) -> None:
        if self._heart.look(self._loop.time()):
            log.error(
                "%s hangs: its loop has not turned for %g s; killing it", self, self._hang_timeout
            )
            self._cause = f"its loop had not turned for {self._hang_timeout:g} s"
            # Nobody is to send it more while it says its last words.
            self._unlist()
            self._owner.hung(self)
            self.signal(signal.SIGABRT)
            self._later(self._last_words, self.kill)
            return
        self._looker = self._loop.call_later(every(self._hang_timeout), self._look)
        stalls = self._heart.stalls(self._loop.time())
        if stalls is not self.stalls:
            self.stalls = stalls
            self._owner.moved(self)

    def _unlist(self) -> None:
        if self.state in (State.STARTING, State.READY):
            self._move(State.DRAINING)

    def _boot(self) -> None:
        self._later(self._boot_timeout, self._too_slow, self._loop.time() + self._boot_timeout)

    def _too_slow(self, due: float) -> None:
        if self._loop.time() - due > self._boot_timeout / 2:
            # It was us who stood still: what it has said meanwhile may not have been read yet.
            self._boot()
        elif self.state is State.STARTING or (self.state is State.DRAINING and not self.is_bound):
            log.error("%s is not ready after %g s; killing it", self, self._boot_timeout)
            self._cause = f"it was not ready after {self._boot_timeout:g} s"
            self.kill()

    def _kill_late(self) -> None:
        log.error("%s did not end within its grace; killing it", self)
        self._cause = self._cause or "it did not end within its grace"
        self.kill()

    def _exited(self, code: int) -> None:
        # What it said last may not have been read yet, such as why it failed.
        self.link.drain()
        self.link.close()
        for timer in (*self._timers, self._looker):
            if timer:
                timer.cancel()
        self.code = code
        self._ended_at, self._lived = self._loop.time(), self._process.age
        self.last_exit = describe_exit(code) + (f": {self._cause}" if self._cause else "")
        if not self.spec.address_inherited:
            remove_sockets(self.spec.address)
        self.over.set()
        self._move(State.GONE)

    def _move(self, to: State) -> None:
        self.state = advance(self.state, to)
        self._owner.moved(self)
