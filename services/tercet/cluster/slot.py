"""One place in the mesh, filled by one worker process after another.

Guarantees:
* at most one process at a time; each has its own generation and its own socket path;
* a worker that dies by itself, cannot be started now, or is not ready within the boot timeout, is
  replaced after a backoff, until the slot is told to stop;
* `stop` ends the worker: TERM, then KILL when it has had its grace;
* a gateway's row in the region is zeroed when it is dead, before its successor starts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from random import Random

from tercet.cluster.backoff import Backoff
from tercet.cluster.link import Link
from tercet.cluster.messages import Bound, Message, Start, Stop, WorkerRecord
from tercet.cluster.process import Child, describe_exit
from tercet.cluster.region import SharedRegion
from tercet.cluster.runtime_dir import RuntimeDir, remove_sockets
from tercet.cluster.spec import RegionSpec, ServiceSpec, WorkerSpec
from tercet.cluster.states import State, advance

log = logging.getLogger("tercet")

# A worker exits with this when it cannot start whatever happens: its target cannot be imported,
# its options are wrong. EX_CONFIG of sysexits.h; gunicorn uses 3 and 4 for the same.
CANNOT_START = 78
# What a worker needs beyond its grace to close and exit before it is killed.
MARGIN = 2.0


class Slot:
    """Runs on the supervisor's loop.

    Args:
        bind: The shared address that the worker is told to bind, or "".
        shown_bind: The address that outsiders are told.
        changed: Called after each change of `record()`.
        on_message: Called with each message of the worker but `Bound`.
        give_up: Asked when a worker says that it will never be able to start: whether to stop
            trying.
        region: What the workers share if they are gateways.
        row: The slot's row in it.
    """

    def __init__(
        self,
        service: ServiceSpec,
        number: int,
        *,
        bind: str,
        shown_bind: str,
        runtime: RuntimeDir,
        engine: str,
        grace: float,
        boot_timeout: float,
        changed: Callable[[], None],
        on_message: Callable[[Message], None],
        give_up: Callable[[Slot], bool],
        region: SharedRegion | None = None,
        row: int = 0,
    ) -> None:
        self.service = service
        self.number = number
        self.state = State.GONE
        self.ready = asyncio.Event()
        self.link: Link | None = None
        self._bind = bind
        self._shown_bind = shown_bind
        self._runtime = runtime
        self._engine = engine
        self._grace = grace
        self._boot_timeout = boot_timeout
        self._changed = changed
        self._on_message = on_message
        self._give_up = give_up
        self._region = region
        self._row = row
        self._backoff = Backoff(rng=Random())
        self._stopping = asyncio.Event()
        self._child: Child | None = None
        self.generation = 0
        self._restarts = 0
        self._last_exit = ""
        self._bound: list[str] | None = None
        self._started = 0.0

    def record(self) -> WorkerRecord:
        return WorkerRecord(
            service=self.service.name,
            slot=self.number,
            generation=self.generation,
            pid=self._child.pid if self._child else 0,
            state=self.state,
            bound=self.is_bound,
            address=self._address(),
            bind=self._shown_bind,
            grpc_services=self._bound or [],
            started=self._started,
            restarts=self._restarts,
            last_exit=self._last_exit,
            routed=self.service.routed,
        )

    @property
    def is_bound(self) -> bool:
        """Whether the worker's server listens."""
        return self._bound is not None

    async def keep(self) -> None:
        """Keeps the slot filled until `stop`."""
        while not self._stopping.is_set():
            code, lifetime = await self._one_life()
            if self._stopping.is_set() or (code == CANNOT_START and self._give_up(self)):
                return
            self._restarts += 1
            delay = self._backoff.next(lifetime)
            log.warning("%s %s; restarting in %.1f s", self, self._last_exit, delay)
            self._changed()
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except TimeoutError:
                continue

    async def _one_life(self) -> tuple[int, float]:
        """Fills the slot until it is empty again; gives the worker's exit code and age."""
        try:
            exited = self._fill()
        except OSError as error:
            # The machine is short of something now. That may pass, and the other workers go on.
            self._last_exit = f"could not be started: {error.strerror}"
            return os.EX_OSERR, 0.0
        boot = asyncio.get_running_loop().call_later(self._boot_timeout, self._too_slow)
        code = await exited
        boot.cancel()
        return code, self._emptied(code)

    def serving(self, generation: int) -> None:
        """The worker of that generation is healthy over its own socket."""
        if self.state is State.STARTING and generation == self.generation:
            self._move(State.READY)
            self.ready.set()
            if self._restarts:
                log.info("%s is ready", self)

    def stop(self, grace: float) -> None:
        """Tells the worker to drain and end; `keep` returns when it is gone.

        Args:
            grace: Seconds that it may go on with the calls that it has.
        """
        self._stopping.set()
        if self._child and self.link and self.state is not State.DRAINING:
            self._move(State.DRAINING)
            self.link.send(Stop(grace))
            self._child.signal(signal.SIGTERM)
            late = grace + MARGIN
            asyncio.get_running_loop().call_later(late, self._kill_late, self._child)

    def pass_on(self, number: signal.Signals) -> None:
        """Sends a signal to the worker, if there is one that can hear it."""
        if self._child and self.is_bound:
            self._child.signal(number)

    def kill(self) -> None:
        """Ends the worker at once; unless `stop` was called too, it is replaced."""
        if self._child:
            self._child.signal(signal.SIGKILL)

    def __str__(self) -> str:
        pid = f" (pid {self._child.pid})" if self._child else ""
        return f"{self.service.name}/{self.number}{pid}"

    def _address(self) -> str:
        return self._runtime.socket(self.service.name, self.number, self.generation)

    def _fill(self) -> asyncio.Future[int]:
        self.generation += 1
        exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        region = self._region_spec()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._child = Child(
                    theirs,
                    name=f"{self.service.name}/{self.number}",
                    on_exit=exited.set_result,
                    descriptors=region.descriptors if region else (),
                )
            except OSError:
                ours.close()
                raise
        self.link = Link(ours, on_message=self._heard)
        self.link.send(Start(self._worker_spec(region)))
        self._bound = None
        self._started = time.time()
        self._move(State.STARTING)
        return exited

    def _worker_spec(self, region: RegionSpec | None) -> WorkerSpec:
        return WorkerSpec(
            service=self.service.name,
            slot=self.number,
            generation=self.generation,
            target=self.service.target,
            options=self.service.options,
            address=self._address(),
            bind=self._bind,
            control=self._runtime.socket("control", 0, 0),
            engine=self._engine,
            grace=self._grace,
            max_message_bytes=self.service.max_message_bytes,
            server_options=self.service.server_options,
            import_from_cwd=self.service.import_from_cwd,
            region=region,
        )

    def _region_spec(self) -> RegionSpec | None:
        if self._region is None:
            return None
        return RegionSpec(fd=self._region.fd, row=self._row, eventfds=list(self._region.eventfds))

    def _emptied(self, code: int) -> float:
        assert self._child and self.link
        lifetime = self._child.age
        self._last_exit = describe_exit(code)
        self._child = None
        if self._region:
            self._region.clear(self._row)
        self.link.close()
        self.ready.clear()
        self._move(State.GONE)
        remove_sockets(self._address())
        return lifetime

    def _heard(self, message: Message) -> None:
        if isinstance(message, Bound):
            self._bound = message.grpc_services
            self._changed()
        else:
            self._on_message(message)

    def _too_slow(self) -> None:
        if self.state is State.STARTING:
            log.error("%s is not ready after %g s; killing it", self, self._boot_timeout)
            self.kill()

    def _kill_late(self, child: Child) -> None:
        if self._child is child:
            log.error("%s did not end within its grace; killing it", self)
            self.kill()

    def _move(self, to: State) -> None:
        self.state = advance(self.state, to)
        self._changed()
