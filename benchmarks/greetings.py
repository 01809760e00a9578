"""The calls that are measured, as bytes on the wire."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.framing import framed
from examples.greeter.v1 import greeter_pb2

UNARY = "/examples.greeter.v1.Greeter/SayHello"
STREAM = "/examples.greeter.v1.Greeter/SayHellos"
NAME = "you"


def unary_request() -> bytes:
    return framed(greeter_pb2.SayHelloRequest(name=NAME).SerializeToString())


def stream_request(count: int) -> bytes:
    return framed(greeter_pb2.SayHellosRequest(name=NAME, count=count).SerializeToString())


def response_size(pids: Iterable[int]) -> int:
    """Bytes of one response with its prefix, of the process whose pid is encoded shortest.

    The responses of both methods are alike.
    """
    message = f"Hello, {NAME}!"
    return min(
        len(framed(greeter_pb2.SayHelloResponse(message=message, pid=pid).SerializeToString()))
        for pid in pids
    )
