"""Counts the calls of a server that does not count them itself, by wrapping their handlers.

What the counts are called, and what they mean, is as in the native engine's ledger.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import grpc
import grpc.aio

from tercet.rpc._ledger import BUCKETS, MOST_PATHS
from tercet.rpc.types import MethodHandler

Behaviour = Callable[[Any, Any], Any]

OK = 0
CANCELLED = 1
UNKNOWN = 2
UNIMPLEMENTED = 12


class Counting(grpc.aio.ServerInterceptor):
    """The outermost interceptor of one server: it sees what the others make of a call.

    Handlers that are plain functions are counted on their threads, all others on the loop.

    Attributes:
        begun: Calls that have come.
        running: Calls whose handlers run.
        uses_threads: Whether there has been a handler that is a plain function.
    """

    def __init__(self) -> None:
        self.begun = 0
        self.running = 0
        self.uses_threads = False
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, int], int] = {}
        self._latency: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._wrapped = functools.lru_cache(maxsize=MOST_PATHS)(self._wrap)

    def statistics(self) -> dict[str, Any]:
        with self._lock:
            return {
                "calls_running": self.running,
                "streams_begun": self.begun,
                "calls": dict(self._calls),
                "latency_buckets": BUCKETS,
                "latency": {path: list(counts) for path, counts in self._latency.items()},
                "seconds": dict(self._seconds),
            }

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[MethodHandler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> MethodHandler | None:
        self.begun += 1
        handler = await continuation(handler_call_details)
        if handler is None:
            # Clients make up as many of such paths as they like.
            with self._lock:
                self._count("", UNIMPLEMENTED)
            return None
        return self._wrapped(cast("Any", handler_call_details).method, handler)

    def _wrap(self, path: str, handler: MethodHandler) -> MethodHandler:
        given = cast("Any", handler)
        behaviour, factory = {
            (False, False): (given.unary_unary, grpc.unary_unary_rpc_method_handler),
            (False, True): (given.unary_stream, grpc.unary_stream_rpc_method_handler),
            (True, False): (given.stream_unary, grpc.stream_unary_rpc_method_handler),
            (True, True): (given.stream_stream, grpc.stream_stream_rpc_method_handler),
        }[given.request_streaming, given.response_streaming]
        return factory(
            self._counted(path, behaviour),
            request_deserializer=given.request_deserializer,
            response_serializer=given.response_serializer,
        )

    def _counted(self, path: str, behaviour: Behaviour) -> Behaviour:
        if inspect.isasyncgenfunction(behaviour):

            @functools.wraps(behaviour)
            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                with self._call(path, context.code):
                    async for response in behaviour(request, context):
                        yield response

            return stream
        if inspect.iscoroutinefunction(behaviour):

            @functools.wraps(behaviour)
            async def call(request: Any, context: Any) -> Any:
                with self._call(path, context.code):
                    return await behaviour(request, context)

            return call
        if inspect.isgeneratorfunction(behaviour):

            @functools.wraps(behaviour)
            def sync_stream(request: Any, context: Any) -> Iterator[Any]:
                noting = _Noting(context)
                with self._call(path, noting.code):
                    yield from behaviour(request, noting)

            self.uses_threads = True
            return sync_stream

        @functools.wraps(behaviour)
        def sync_call(request: Any, context: Any) -> Any:
            noting = _Noting(context)
            with self._call(path, noting.code):
                return behaviour(request, noting)

        self.uses_threads = True
        return sync_call

    @contextmanager
    def _call(self, path: str, code: Callable[[], Any]) -> Iterator[None]:
        """Counts one call; `code` gives what its handler has set, if it has."""
        begun = time.monotonic()
        with self._lock:
            self.running += 1
        unset = UNKNOWN
        try:
            yield
            unset = OK
        except (asyncio.CancelledError, GeneratorExit):
            unset = CANCELLED
            raise
        finally:
            seconds = time.monotonic() - begun
            place = bisect_left(BUCKETS, seconds)
            # UNKNOWN is also what an exception means after OK was set.
            ended = _number(code()) or unset
            with self._lock:
                self.running -= 1
                known = self._count(path, ended)
                self._latency.setdefault(known, [0] * (len(BUCKETS) + 1))[place] += 1
                self._seconds[known] = self._seconds.get(known, 0.0) + seconds

    def _count(self, path: str, code: int) -> str:
        if path not in self._latency and len(self._latency) > MOST_PATHS:
            path = "other"
        self._calls[path, code] = self._calls.get((path, code), 0) + 1
        return path


class _Noting:
    """The context of a plain function, which in grpc.aio does not tell the code that was set."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._code: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def code(self) -> Any:
        return self._code

    def set_code(self, code: Any) -> None:
        self._code = code
        self._context.set_code(code)

    def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> None:
        self._code = code
        self._context.abort(code, details, trailing_metadata)


def _number(code: Any) -> int:
    """Of a status code, which handlers may give as a number; 0 for none."""
    if isinstance(code, grpc.StatusCode):
        return int(code.value[0])
    return code if isinstance(code, int) else OK
