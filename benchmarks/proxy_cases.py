"""What the report of the proxies measures: loads of the echo contract, through each of them."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import cases
from benchmarks.cases import MIB, SMALL, STREAM_LENGTH, Case
from benchmarks.echo.v1 import echo_pb2
from benchmarks.framing import framed
from benchmarks.load import Load

LARGE = 64 * MIB
# Bytes of the payload of a small call and of a larger one.
UNARY_SIZE, KIB = 10, 1024

UNARY = cases.unary("unary", f"Unary echo of {UNARY_SIZE} bytes", UNARY_SIZE, 3.0, 10, in_flight=10)
UNARY_KIB = cases.unary("1kib", "Unary echo of 1 KiB", KIB, 2.0, 10, in_flight=10)

_many = echo_pb2.StreamRequest(count=STREAM_LENGTH, size=SMALL).SerializeToString()
STREAM = cases.stream("stream", "Server stream", "Stream", framed(_many), 10, 10)

_one = echo_pb2.StreamRequest(count=1, size=LARGE).SerializeToString()
_answer = echo_pb2.StreamResponse(payload=bytes(LARGE)).SerializeToString()
DOWNLOAD = Case(
    key="download",
    title="64 MiB from the backend",
    load=Load(
        path=f"{cases.SERVICE}/Stream",
        body=framed(_one),
        connections=1,
        in_flight=1,
        seconds=2.0,
        calls=4,
    ),
    answer=len(framed(_answer)),
    unit="MiB",
    size=LARGE / MIB,
)
ECHO = cases.unary("echo", "Unary echo of 64 MiB", LARGE, 2.0, 1, calls=4)

CASES = (UNARY, UNARY_KIB, STREAM, DOWNLOAD, ECHO)
# Of the unary case at a rate that all can bear.
STEADY = "steady"
KEYS = (*(case.key for case in CASES), STEADY)


def steady(rate: float) -> Load:
    """The small calls, so many per second in all."""
    return replace(UNARY.load, rate=rate)
