"""The server of the engine `native`: its sockets, its handlers, and its stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import grpc.aio

from tercet.rpc._call import Call
from tercet.rpc._ledger import Ledger, Tally
from tercet.rpc._method import Dynamic, Method
from tercet.rpc._outlet import Buffers
from tercet.rpc.base import Server
from tercet.rpc.native import heap, listen
from tercet.rpc.native.keepalive import Rules
from tercet.rpc.native.options import limits as limits_of
from tercet.rpc.native.options import values as option_values
from tercet.rpc.native.patience import Patience
from tercet.rpc.native.protocol import Protocol
from tercet.rpc.native.watch import Watch
from tercet.rpc.types import MethodHandler

if TYPE_CHECKING:
    from tercet.rpc.native import tls

# Threads for plain functions as handlers, unless a pool is given.
THREADS = 32
# Threads that compress and decompress what is large. As many messages at most are in the making,
# each with up to twice its size.
PACKERS = 2
# Paths whose handlers are remembered.
MOST_KNOWN = 1000
# Between asking clients for no more calls and telling which was the last: a call may be on its way.
NOTICE = 0.05
# Seconds that a stop waits for what TLS has to say last.
PARTING = 1.0
# Loops remove a UNIX socket's file when they close it, since Python 3.13. Another process may
# accept on the same socket.
KEEP_FILE: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


class Details(NamedTuple):
    """grpc.HandlerCallDetails."""

    method: str
    invocation_metadata: Any


class NativeServer(Server):
    """Made by `tercet.rpc.server(engine="native")`, on the loop that it will run on.

    Args:
        thread_pool: Runs handlers that are plain functions; its owner shuts it down.
    """

    def __init__(
        self,
        *,
        migration_thread_pool: Executor | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        options: Sequence[tuple[str, Any]] = (),
        maximum_concurrent_rpcs: int | None = None,
        compression: grpc.Compression | None = None,
    ) -> None:
        values = option_values(options)
        self.limits = limits_of(values)
        self._rules = Rules.of(values)
        self._patience = Patience.of(values)
        default = values["grpc.default_compression_algorithm"]
        # How answers are compressed.
        self.encoding = grpc.Compression(default if compression is None else compression)
        self._kept_memory = values["tercet.kept_memory"]
        self._reuse_port = bool(values["grpc.so_reuseport"])
        self._interceptors = tuple(interceptors)
        self._ledger = Ledger(-1 if maximum_concurrent_rpcs is None else maximum_concurrent_rpcs)
        self._own_pool: ThreadPoolExecutor | None = None
        self._given_pool = migration_thread_pool
        # Not the handlers' pool: while all of that wait for a message, nobody would unpack it.
        self.packers = ThreadPoolExecutor(PACKERS, thread_name_prefix="tercet-packer")
        self._registered: dict[str, MethodHandler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self._names: dict[str, None] = {}
        self._sockets: list[tuple[socket.socket, tls.Listener | None]] = []
        self._listeners: list[asyncio.Server] = []
        self._protocols: set[Protocol] = set()
        self._stopped = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None
        # Whether what is left is being ended, and what comes too.
        self._over = False
        # Methods by path, of all connections; what may change from call to call is not in it.
        self.known: dict[bytes, Any] = {}
        # Gives a Forwarder for a path that nobody has registered.
        self._forward: Callable[[bytes], Any] | None = None
        self._buffers = Buffers()
        self._last: dict[str, tuple[MethodHandler, Method]] = {}
        self._empty = asyncio.Event()
        self.loop = asyncio.get_event_loop()

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(self._names)

    @property
    def is_empty(self) -> bool:
        return not self._generic and not self._registered and self._forward is None

    def forward(self, route: Callable[[bytes], Any]) -> None:
        """Has the streams of all paths that nobody has registered carried on to somewhere else.

        Args:
            route: The `_carrier.Forwarder` of a path, or None if there is none. What is good for
                ever it may put into `known`: then it is not asked again.
        """
        self._forward = route

    @property
    def pool(self) -> Executor:
        if self._given_pool is not None:
            return self._given_pool
        if self._own_pool is None:
            self._own_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="tercet-handler")
        return self._own_pool

    @property
    def calls_begun(self) -> int:
        return self._ledger.streams

    @property
    def calls_running(self) -> int:
        return self._ledger.count

    def queue_in_pool(self, work: Callable[[], object]) -> bool:
        pool = self._given_pool or self._own_pool
        if pool is None:
            return False
        try:
            pool.submit(work)
        except RuntimeError:
            # It is shut down.
            return False
        return True

    def add_generic_rpc_handlers(
        self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]
    ) -> None:
        for handler in generic_rpc_handlers:
            self._generic.append(handler)
            if isinstance(handler, grpc.ServiceRpcHandler):
                self._names[handler.service_name()] = None

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, MethodHandler]
    ) -> None:
        self._names[service_name] = None
        for name, handler in method_handlers.items():
            self._registered[f"/{service_name}/{name}"] = handler

    def add_insecure_port(self, address: str) -> int:
        return self._bind(address, None)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        # Only who speaks TLS loads what it needs.
        from tercet.rpc.native import tls

        return self._bind(
            address, tls.Listener(tls.checked(server_credentials), self._patience.handshake)
        )

    def _bind(self, address: str, secured: tls.Listener | None) -> int:
        bound = listen.bind(address, reuse_port=self._reuse_port)
        self._sockets += [(each, secured) for each in bound]
        return listen.port_of(bound)

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        heap.keep(heap.enough_for(self.limits.max_message, self._kept_memory))
        for bound, secured in self._sockets:
            bound.setblocking(False)
            make: Any = self.loop.create_server
            if bound.family == socket.AF_UNIX:
                make = functools.partial(self.loop.create_unix_server, **KEEP_FILE)
            self._listeners.append(
                await make(
                    lambda: Protocol(self, self._ledger, self._buffers, self.limits),
                    sock=bound,
                    backlog=listen.BACKLOG,
                    **({} if secured is None else secured.arguments),
                )
            )

    async def stop(self, grace: float | None) -> None:
        """Takes no more connections and calls; ends when those it has are done.

        A call that was received is run: clients are asked to open no more, what is on its way
        meanwhile is taken, and only then the last stream is named (RFC 9113, section 6.8).

        Args:
            grace: Seconds after which calls that still run are ended; None for at once.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(grace))
        await asyncio.shield(self._stopping)

    async def _stop(self, grace: float | None) -> None:
        deadline = time.monotonic() + (grace or 0)
        for listener in self._listeners:
            listener.close()
        if grace:
            for protocol in list(self._protocols):
                protocol.shut_down()
            await asyncio.sleep(min(NOTICE, grace))
            for protocol in list(self._protocols):
                self._refuse_more(protocol)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0, deadline - time.monotonic())):
                    await self._ledger.idle()
                    # Clients close when they have read the last answer.
                    await self._gone()
        tasks = [call.task for call in self._ledger.running if call.task is not None]
        self._over = True
        for protocol in list(self._protocols):
            protocol.terminate()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        if any(protocol.identity is not None for protocol in self._protocols):
            # TLS closes when it has heard the client's goodbye; the loop may not live so long.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PARTING):
                    await self._gone()
        if self._own_pool is not None:
            self._own_pool.shutdown(wait=False, cancel_futures=True)
        self.packers.shutdown(wait=False, cancel_futures=True)
        self._stopped.set()

    async def drain(self, grace: float) -> None:
        # No call that was received is lost by a stop.
        await self.stop(grace)

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        try:
            await asyncio.wait_for(self._stopped.wait(), timeout)
        except TimeoutError:
            return True
        return False

    def statistics(self) -> dict[str, Any]:
        """Connections, streams, bytes, calls, their latency, and the limits that were applied."""
        return {
            "connections": len(self._protocols),
            **self._ledger.snapshot(),
            "limits": self.limits.snapshot(),
        }

    # -- for the protocols -------------------------------------------------------------------

    def route(self, path: bytes) -> Any:
        """What is to be known of a path that is not in `known`."""
        name = path.decode("latin-1")
        if self._interceptors:
            return Dynamic(name)
        try:
            found = next(iter(self._handlers_before_dynamic(name)), None)
            method = None if found is None else Method(name, found, self._ledger.tally(name))
        except KeyboardInterrupt:
            raise
        except BaseException:
            # It fails per call then, and takes no other one with it.
            return Dynamic(name)
        if method is not None:
            # A handler may take any path: what clients make up is not remembered without end.
            if len(self.known) < MOST_KNOWN:
                self.known[path] = method
            return method
        if any(not isinstance(each, grpc.ServiceRpcHandler) for each in self._generic):
            return Dynamic(name)
        if self._forward is not None:
            return self._forward(path)
        return None

    async def find(self, path: str, call: Call) -> Method | None:
        """The handler of one call, through the interceptors."""
        details = Details(path, call.invocation_metadata())

        async def query(given: Any) -> Any:
            return self._query(given)

        continuation: Any = query
        for interceptor in reversed(self._interceptors):
            continuation = _intercepted(interceptor, continuation)
        handler = await continuation(details)
        return None if handler is None else self._taken_apart(path, handler)

    def identity_of(self, transport: asyncio.Transport) -> tls.Identity | None:
        """Who the client of a TLS connection is; None if it does not speak HTTP/2."""
        from tercet.rpc.native import tls

        return tls.identity_of(transport)

    def watch(self, protocol: Protocol) -> Watch:
        return Watch(protocol, self._rules, self._patience, self.loop, self.limits)

    def tally(self, path: str) -> Tally:
        return self._ledger.tally(path)

    def connected(self, protocol: Protocol) -> bool:
        """False if it is one too many, and is to be closed."""
        self._ledger.connections += 1
        if len(self._protocols) >= self.limits.connections:
            self.limits.applied("connections")
            return False
        self._protocols.add(protocol)
        if self._over:
            protocol.terminate()
        elif self._stopping is not None:
            # Accepted before the listener was closed: its client may have sent a call already.
            protocol.shut_down()
            self.loop.call_later(NOTICE, self._refuse_more, protocol)
        return True

    def disconnected(self, protocol: Protocol) -> None:
        self._protocols.discard(protocol)
        if not self._protocols:
            self._empty.set()

    def _refuse_more(self, protocol: Protocol) -> None:
        if protocol in self._protocols:
            protocol.refuse_more()

    async def _gone(self) -> None:
        """Until there is no connection."""
        while self._protocols:
            self._empty.clear()
            await self._empty.wait()

    def _taken_apart(self, path: str, handler: MethodHandler) -> Method:
        """Its Method; most interceptors give the same handler for a path again and again."""
        last = self._last.get(path)
        if last is None or last[0] is not handler:
            last = handler, Method(path, handler, self._ledger.tally(path))
            if path in self._last or len(self._last) < MOST_KNOWN:
                self._last[path] = last
        return last[1]

    def _handlers_before_dynamic(self, name: str) -> Iterable[MethodHandler]:
        if name in self._registered:
            yield self._registered[name]
        details: Any = Details(name, ())
        for each in self._generic:
            if not isinstance(each, grpc.ServiceRpcHandler):
                return
            handler = each.service(details)
            if handler is not None:
                yield handler

    def _query(self, details: Any) -> MethodHandler | None:
        if details.method in self._registered:
            return self._registered[details.method]
        for each in self._generic:
            handler = each.service(details)
            if handler is not None:
                return handler
        return None


def _intercepted(interceptor: Any, continuation: Any) -> Any:
    async def intercept(details: Any) -> Any:
        return await interceptor.intercept_service(continuation, details)

    return intercept
