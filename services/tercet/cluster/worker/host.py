"""Runs one worker from its spec to its end.

Theory of operation. `register` fills the server; health and reflection are added unless it brought
its own; the server accepts on what it has inherited, and listens on what it is to bind: its private
socket and, with an engine that takes over no sockets, the shared port. The supervisor is told, and
from then on hears a pulse and a report every second. Then one of these happens:

* the supervisor says `Stop`: health says NOT_SERVING, calls get their grace, closers run, exit 0;
* somebody else sends TERM: the supervisor is told, which says `Stop` when there is a successor;
* the supervisor is gone: the same without grace.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import time
from pathlib import Path

from tercet.cluster import logs
from tercet.cluster.link import Link
from tercet.cluster.messages import Bound, Leaving, Message, Stop
from tercet.cluster.runtime_dir import leave, remove_sockets
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.worker import hooks, loading
from tercet.cluster.worker.context import Worker
from tercet.cluster.worker.vitals import Vitals
from tercet.errors import ConfigError
from tercet.rpc import health, reflection
from tercet.rpc.base import Server
from tercet.rpc.engines import server

log = logging.getLogger("tercet")


class Host:
    """Lives on the worker's event loop.

    Args:
        spec: What to be.
    """

    def __init__(self, spec: WorkerSpec, link: Link) -> None:
        self._spec = spec
        self._link = link
        self._stop = asyncio.Event()
        self._is_leaving = False
        self._grace = spec.grace
        self.is_orphan = False
        self._reopening: set[asyncio.Future[None]] = set()
        self.worker = Worker(spec, link.send)

    async def run(self) -> None:
        """Returns when the worker has ended in order.

        Raises:
            ConfigError: The target cannot be loaded or an address cannot be bound.
        """
        self._handle_signals()
        # Statuses of our own services; a `register` may bring its own Health.
        own_health = health.Health()
        try:
            made = server(engine=self._spec.engine, options=self._options())
        except ValueError as error:
            raise ConfigError(
                str(error), hint="docs/rpc.md and docs/security.md list the options of servers"
            ) from error
        if not await self._register(made):
            return
        services = made.service_names
        if health.SERVICE not in services:
            own_health.add_to(made)
            own_health.set(dict.fromkeys(["", *services], health.SERVING))
            # Nobody is to be told by a callback of somebody else's that it still serves.
            self.worker.draining.insert(0, own_health.shut_down)
        if not any(name in services for name in reflection.SERVICES):
            reflection.add_to(made, reflection.local(made.service_names))
        self._listen(made)
        await made.start()
        self._link.send(Bound(list(services)))
        vitals = Vitals(made, self._link, self._spec.pulse)
        vitals.start()
        begun = hooks.call(self.worker.ready, f"an on_ready of {self._spec.target}")
        if self._spec.log and logs.is_elsewhere(self._spec.log):
            # It was renamed while this worker could not hear of it.
            logs.reopen(self._spec.log)
        await self._stop.wait()
        await self._end(made, begun)
        vitals.stop()

    async def _register(self, made: Server) -> bool:
        """Has the server filled; False if the worker was told to stop meanwhile.

        A gateway waits there for its upstreams.
        """
        filling = asyncio.ensure_future(loading.call(loading.load(self._spec), made, self.worker))
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({filling, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if filling.done():
            filling.result()
            return True
        filling.cancel()
        await asyncio.wait({filling}, timeout=1.0)
        return False

    def _options(self) -> list[tuple[str, int]]:
        given = self._spec.server_options
        if self._spec.engine == "native":
            # A worker's warnings are read by nobody.
            from tercet.rpc.native.options import KNOWN

            for name in given.keys() - KNOWN.keys():
                raise ConfigError(
                    f"there is no server option {name!r}",
                    hint="docs/rpc.md and docs/security.md list them",
                )
        return [
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", self._spec.max_message_bytes),
            *given.items(),
        ]

    def message(self, message: Message) -> None:
        if isinstance(message, Stop):
            self._grace = message.grace
            self._stop.set()
        self.worker.hear(message)

    def orphaned(self) -> None:
        """The supervisor is gone: nobody will miss the calls that are left."""
        self.is_orphan = True
        self._grace = 0
        self._stop.set()

    def leave(self) -> None:
        """Removes the files that only this worker, or its dead supervisor, would remove."""
        remove_sockets(self._spec.address)
        leave(Path(self._spec.address.removeprefix("unix:")).parent)

    def _handle_signals(self) -> None:
        # ABRT dumps the Python stacks, and ends it: for a worker that hangs.
        faulthandler.enable()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._told_to_leave)
        loop.add_signal_handler(signal.SIGUSR1, self._reopen)
        # The supervisor decides what a terminal's signals mean. Not SIG_IGN: programs that this
        # worker starts would inherit that.
        for number in (signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)

    def _told_to_leave(self) -> None:
        if self._stop.is_set() or self._is_leaving:
            return
        self._is_leaving = True
        if self._link.closed:
            self._stop.set()
            return
        # Who calls it is to go elsewhere first. The supervisor starts a successor and then says
        # `Stop`; until then, which may take as long as a reload that is under way, it serves.
        self._link.send(Leaving())

    def _reopen(self) -> None:
        if self._spec.log:
            logs.reopen(self._spec.log)
        pending = hooks.call(self.worker.reopening, f"an on_reopen of {self._spec.target}")
        if pending is not None:
            self._reopening.add(pending)
            pending.add_done_callback(self._reopening.discard)

    def _listen(self, made: Server) -> None:
        for number in self._spec.listeners:
            _bind(made, f"fd:{number}")
            # The server has a duplicate; with this one left open its socket would never close.
            os.close(number)
        if not self._spec.address_inherited:
            # The private socket is for this user alone.
            mask = os.umask(0o177)
            try:
                _bind(made, self._spec.address)
            finally:
                os.umask(mask)
        if self._spec.bind:
            _bind(made, self._spec.bind)

    async def _end(self, made: Server, begun: asyncio.Future[None] | None) -> None:
        deadline = time.monotonic() + self._grace
        draining = hooks.call(self.worker.draining, f"an on_drain of {self._spec.target}")
        if draining is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(draining, max(0.0, deadline - time.monotonic()))
        await made.drain(max(0.0, deadline - time.monotonic()))
        if begun is not None:
            begun.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await begun
        await hooks.call_in_turn(reversed(self.worker.closing), f"a closer of {self._spec.target}")


def _bind(made: Server, address: str) -> None:
    try:
        made.add_insecure_port(address)
    except RuntimeError as error:
        raise ConfigError(f"cannot bind {address}: {error}") from error
