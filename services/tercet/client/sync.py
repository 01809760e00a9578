"""`connect_sync()`: the same calls for code that runs no event loop.

The async client runs on a loop in a thread; every call here is handed over to it. So there is one
implementation, and what is documented there holds here without `await`.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from tercet.client.client import connect
from tercet.client.compute import Compute
from tercet.client.executor import Executor
from tercet.client.spawned import Spawned

T = TypeVar("T")
_FACED = (Compute, Executor, Spawned)


class Loop:
    """An event loop in a daemon thread.

    There is one per process, and it lives until the process ends: grpc.aio's poller hands events
    to the loop of their call, and one that is closed by then breaks the other loops of the process.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="tercet-client", daemon=True
        )
        self._thread.start()
        atexit.register(self._close)

    def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Runs `call` on the loop and waits; an interrupted wait cancels it there."""

        async def awaited() -> T:
            return await call()

        future = asyncio.run_coroutine_threadsafe(awaited(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_lock = threading.Lock()
_shared: list[Loop] = []


def shared_loop() -> Loop:
    """The loop of this process, started when it is first needed."""
    with _lock:
        if not _shared:
            _shared.append(Loop())
        return _shared[0]


class Face:
    """An object of the async client, seen without `await`.

    Methods that are coroutines are run to their end; a spawned program is a context manager and an
    iterator.
    """

    def __init__(self, target: Any, loop: Loop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return functools.partial(self._call, found) if callable(found) else found

    def _call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        async def call() -> Any:
            made = function(*args, **kwargs)
            return await made if inspect.isawaitable(made) else made

        made = self._loop.run(call)
        return Face(made, self._loop) if isinstance(made, _FACED) else made

    def __enter__(self) -> Self:
        self._loop.run(self._target.__aenter__)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.run(lambda: self._target.__aexit__(*error))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        async def step() -> Any:
            # StopIteration may not leave a coroutine, so the end is a value.
            return await anext(self._target, _END)

        if (event := self._loop.run(step)) is _END:
            raise StopIteration
        return event


_END = object()


class SyncClient:
    """A connection for code without an event loop. Made by `connect_sync`; any thread may call.

    Attributes:
        address: Where it connects to.
        compute: `Compute`, without `await`.
        executor: `Executor`, without `await`.
    """

    def __init__(self, address: str, **options: Any) -> None:
        self.address = address
        self._loop = shared_loop()

        async def connected() -> Any:
            return connect(address, **options)

        self._client = self._loop.run(connected)
        self.compute: Any = Face(self._client.compute, self._loop)
        self.executor: Any = Face(self._client.executor, self._loop)

    def close(self) -> None:
        """Cancels the calls that are under way and closes the connection."""
        self._loop.run(self._client.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def connect_sync(address: str, **options: Any) -> SyncClient:
    """Connects to a server; the arguments are those of `connect`."""
    return SyncClient(address, **options)
