"""What is known of a handler before any call of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from tercet.rpc.types import MethodHandler


class Method:
    """A method handler, taken apart once.

    Attributes:
        whole: Whether a call begins when its request is whole: nothing can be done before.
        sync: Whether the behaviour is a plain function or generator, for the thread pool.
        generates: Whether the behaviour yields its responses.
    """

    __slots__ = (
        "behaviour",
        "deserialize",
        "generates",
        "path",
        "request_streaming",
        "response_streaming",
        "serialize",
        "sync",
        "whole",
    )

    def __init__(self, path: str, handler: MethodHandler) -> None:
        given = cast("Any", handler)
        self.path = path
        self.request_streaming: bool = given.request_streaming
        self.response_streaming: bool = given.response_streaming
        self.behaviour: Callable[[Any, Any], Any] = {
            (False, False): given.unary_unary,
            (False, True): given.unary_stream,
            (True, False): given.stream_unary,
            (True, True): given.stream_stream,
        }[self.request_streaming, self.response_streaming]
        self.deserialize: Callable[[bytes], Any] | None = given.request_deserializer
        self.serialize: Callable[[Any], bytes] | None = given.response_serializer
        self.whole = not self.request_streaming
        self.generates = inspect.isasyncgenfunction(self.behaviour) or (
            inspect.isgeneratorfunction(self.behaviour)
        )
        self.sync = not (
            inspect.iscoroutinefunction(self.behaviour)
            or inspect.isasyncgenfunction(self.behaviour)
        )


class Dynamic:
    """A path whose handler is found per call: by interceptors, or by a handler of one's own."""

    whole = False

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path
