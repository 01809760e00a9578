"""Runs one worker from its spec to its end.

Theory of operation. `register` fills the server; health and reflection are added unless it brought
its own; the server listens on the private socket and, where the service has one, on the shared
port; the supervisor is told. From then on one of two things happens:

* TERM: health says NOT_SERVING, calls get their grace, closers run, exit 0;
* the supervisor is gone: the same without grace.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
from pathlib import Path

from tercet.cluster.link import Link
from tercet.cluster.messages import Bound, Message, Stop
from tercet.cluster.runtime_dir import leave, remove_sockets
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.worker import loading
from tercet.cluster.worker.context import Worker
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
        self._grace = spec.grace
        self.is_orphan = False
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
        await loading.call(loading.load(self._spec), made, self.worker)
        services = made.service_names
        if health.SERVICE not in services:
            own_health.add_to(made)
            own_health.set(dict.fromkeys(["", *services], health.SERVING))
            self.worker.on_drain(own_health.shut_down)
        if not any(name in services for name in reflection.SERVICES):
            reflection.add_to(made, reflection.local(made.service_names))
        self._listen(made)
        await made.start()
        self._link.send(Bound(list(services)))
        await self._stop.wait()
        await self._end(made)

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
        # ABRT dumps the Python stacks: for a worker that hangs.
        faulthandler.enable()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        # For whoever has a file to open anew; it ends nobody's calls.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _listen(self, made: Server) -> None:
        # The private socket is for this user alone.
        mask = os.umask(0o177)
        try:
            if not self._spec.address_inherited:
                made.add_insecure_port(self._spec.address)
        finally:
            os.umask(mask)
        for fd in self._spec.listeners:
            made.add_insecure_port(f"fd:{fd}")
        if self._spec.bind:
            try:
                made.add_insecure_port(self._spec.bind)
            except RuntimeError as error:
                raise ConfigError(f"cannot bind {self._spec.bind}: {error}") from error

    async def _end(self, made: Server) -> None:
        for callback in self.worker.draining:
            callback()
        await made.stop(self._grace)
        for closer in reversed(self.worker.closing):
            try:
                await closer()
            except Exception:
                log.exception("a closer of %s failed; the others go on", self._spec.target)
