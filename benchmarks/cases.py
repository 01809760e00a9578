"""What the runtime's report measures: loads of the echo contract, as bytes on the wire."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks import trial
from benchmarks.echo.v1 import echo_pb2
from benchmarks.framing import framed
from benchmarks.load import Counts, Load

SERVICE = "/benchmarks.echo.v1.EchoService"
SMALL = 16
MIB = 1 << 20
# Of one stream: long enough that the start of a call is lost in it, and short enough that the
# slowest peer ends some within half a second.
STREAM_LENGTH = 500


@dataclass(frozen=True, kw_only=True)
class Case:
    """One load, and how to count what it has done.

    Attributes:
        key: For the command line.
        load: For peers that speak gRPC.
        body: What is posted over HTTP/1.1 instead; None if such a peer has no part in it.
        answer: Bytes of each answer over gRPC, with its prefix.
        unit: What is counted: "call", "message", "MiB" or "connection".
        size: So many units per call.
        streams: Answers are counted by their bytes, not by calls.
    """

    key: str
    title: str
    load: Load
    body: bytes | None = None
    answer: int
    unit: str = "call"
    size: float = 1.0
    streams: bool = False

    def load_of(self, http1: bool) -> Load | None:
        """As many calls in flight over HTTP/1.1, which has one on each connection."""
        if not http1:
            return self.load
        if self.body is None:
            return None
        connections = self.load.connections * self.load.in_flight
        return replace(
            self.load, path="/", body=self.body, connections=connections, in_flight=1, http1=True
        )

    def count(self, counts: Counts, http1: bool = False) -> float:
        """Units that were done.

        Raises:
            benchmarks.load.LoadError: Calls had no answer.
        """
        if self.streams:
            return trial.messages(counts, self.answer)
        answer = len(self.body or b"") if http1 else self.answer
        return trial.calls(counts, answer) * self.size


def _echo(size: int) -> tuple[bytes, int]:
    """A request with a payload of so many bytes, and the size of its answer."""
    payload = bytes(size)
    request = framed(echo_pb2.EchoRequest(payload=payload).SerializeToString())
    return request, len(framed(echo_pb2.EchoResponse(payload=payload).SerializeToString()))


def unary(key: str, title: str, size: int, seconds: float, connections: int, **more: int) -> Case:
    body, answer = _echo(size)
    in_flight = more.get("in_flight", 1)
    return Case(
        key=key,
        title=title,
        load=Load(
            path=f"{SERVICE}/Echo",
            body=body,
            connections=connections,
            in_flight=in_flight,
            seconds=seconds,
            calls=more.get("calls"),
        ),
        body=bytes(size),
        answer=answer,
        unit="MiB" if size >= MIB else "call",
        size=size / MIB if size >= MIB else 1.0,
    )


def stream(
    key: str, title: str, method: str, body: bytes, connections: int = 4, in_flight: int = 1
) -> Case:
    answer = framed(echo_pb2.StreamResponse(payload=bytes(SMALL)).SerializeToString())
    return Case(
        key=key,
        title=title,
        load=Load(
            path=f"{SERVICE}/{method}",
            body=body,
            connections=connections,
            in_flight=in_flight,
            seconds=2.0,
        ),
        answer=len(answer),
        unit="message",
        streams=True,
    )


_request = echo_pb2.StreamRequest(count=STREAM_LENGTH, size=SMALL).SerializeToString()
_message = framed(echo_pb2.ConverseRequest(payload=bytes(SMALL)).SerializeToString())

UNARY = unary("unary", f"Unary echo of {SMALL} bytes", SMALL, 3.0, 10, in_flight=10)
STREAM = stream("stream", "Server stream", "Stream", framed(_request))
BIDI = stream("bidi", "Bidi stream", "Converse", _message * STREAM_LENGTH)
ONE_MIB = unary("1mib", "Unary echo of 1 MiB", MIB, 2.0, 4)
BIG = unary("64mib", "Unary echo of 64 MiB", 64 * MIB, 2.0, 2, calls=4)
# Fewer than fit into 1024 descriptors, which is the usual limit of a process.
CONNECTIONS = replace(
    unary("connections", "Connections, with one call each", SMALL, 1.0, 500, calls=500),
    unit="connection",
)


def _secured(case: Case) -> Case:
    """The same over TLS."""
    title = f"{case.title}, over TLS"
    return replace(case, key=f"{case.key}-tls", title=title, load=replace(case.load, tls=True))


UNARY_TLS = _secured(UNARY)
CONNECTIONS_TLS = _secured(CONNECTIONS)

CASES = (UNARY, STREAM, BIDI, ONE_MIB, BIG, CONNECTIONS, UNARY_TLS, CONNECTIONS_TLS)
