"""A raw HTTP/2 connection, and what it saw a server answer."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import hpack

from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, END_HEADERS, END_STREAM, Fields, Frame

Pairs = list[tuple[str, str]]


@dataclass
class Answer:
    """What came on one stream."""

    frames: list[Frame] = field(default_factory=list)
    blocks: list[Pairs] = field(default_factory=list)
    data: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def closed(self) -> bool:
        return self.ended or self.reset is not None

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.blocks[0])

    @property
    def trailers(self) -> dict[str, str]:
        return dict(self.blocks[-1])

    @property
    def status(self) -> int | None:
        """The gRPC status, if there is one."""
        return int(self.trailers["grpc-status"]) if "grpc-status" in self.trailers else None

    @property
    def messages(self) -> list[bytes]:
        return frames.messages(self.data)

    @property
    def refused(self) -> bool:
        """Whether it is anything but a call that went well."""
        if self.reset not in (None, frames.NO_ERROR):
            return True
        return self.headers[":status"] != "200" or self.status != 0


class Connection:
    """Answers SETTINGS and PING, and sorts what comes by stream; all else is the test's to send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = hpack.Decoder()
        self._block = b""
        self.answers: dict[int, Answer] = {}
        self.connection_frames: list[Frame] = []
        self.closed = False
        # Whether by a reset, which may lose what was sent before it.
        self.was_reset = False
        self._sent: dict[int, int] = {}

    @property
    def local(self) -> int:
        """Our port."""
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    @property
    def goaways(self) -> list[Frame]:
        return [each for each in self.connection_frames if each.type == frames.GOAWAY]

    def send(self, *sent: Frame) -> None:
        self._writer.write(b"".join(each.encode() for each in sent))

    def headers(self, stream: int, fields: Fields, *, end: bool = False) -> None:
        flags = END_HEADERS | (END_STREAM if end else 0)
        self.send(Frame(frames.HEADERS, flags, stream, frames.block(fields)))

    def data(self, stream: int, payload: bytes, *, end: bool = False) -> None:
        """In frames of at most 16 KiB; that the server has given credit() is the caller's care."""
        size = 16384
        pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
        for piece in pieces[:-1]:
            self.send(Frame(frames.DATA, 0, stream, piece))
        self.send(Frame(frames.DATA, END_STREAM if end else 0, stream, pieces[-1]))
        for counted in 0, stream:
            self._sent[counted] = self._sent.get(counted, 0) + len(payload)

    def credit(self, stream: int) -> int:
        """Octets of data() that the server lets us send now on a stream."""
        initial = 65535
        for frame in self.connection_frames:
            if frame.type == frames.SETTINGS:
                settings = dict(struct.iter_unpack("!HI", frame.payload))
                initial = settings.get(frames.SETTINGS_INITIAL_WINDOW_SIZE, initial)
        of_stream = self.answers[stream].frames if stream in self.answers else []
        return min(
            65535 + _granted(self.connection_frames) - self._sent.get(0, 0),
            initial + _granted(of_stream) - self._sent.get(stream, 0),
        )

    def reset(self, stream: int, code: int = frames.CANCEL) -> None:
        self.send(Frame(frames.RST_STREAM, 0, stream, struct.pack("!I", code)))

    def grant(self, stream: int, octets: int) -> None:
        self.send(Frame(frames.WINDOW_UPDATE, 0, stream, struct.pack("!I", octets)))

    async def answer(self, stream: int) -> Answer:
        """The answer on a stream, when it is complete."""
        answer = self.answers.setdefault(stream, Answer())
        await self.until(lambda: answer.closed)
        return answer

    async def until(self, condition: Callable[[], bool]) -> None:
        """Reads until a condition holds.

        Raises:
            AssertionError: The connection ended before.
        """
        while not condition():
            assert not self.closed, f"the server closed the connection: {self.goaways}"
            await self._read()

    async def until_closed(self) -> None:
        while not self.closed:
            await self._read()

    async def ping(self) -> None:
        """A round trip: what the server was sent before, it has read."""
        acks = self.connection_frames.count(pong := Frame(frames.PING, ACK, 0, b"tercet.."))
        self.send(Frame(frames.PING, 0, 0, pong.payload))
        await self.until(lambda: self.connection_frames.count(pong) > acks)

    def close(self) -> None:
        """With a reset, which loses what is under way."""
        self._writer.transport.abort()

    async def _read(self) -> None:
        try:
            head = await self._reader.readexactly(9)
            payload = await self._reader.readexactly(int.from_bytes(head[:3]))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.closed = True
            self.was_reset = isinstance(error, ConnectionError)
            return
        frame = Frame(head[3], head[4], int.from_bytes(head[5:9]), payload)
        if frame.stream == 0:
            self.connection_frames.append(frame)
            if frame.type in (frames.SETTINGS, frames.PING) and not frame.flags & ACK:
                echoed = payload if frame.type == frames.PING else b""
                self.send(Frame(frame.type, ACK, 0, echoed))
        else:
            self._sort(frame, self.answers.setdefault(frame.stream, Answer()))

    def _sort(self, frame: Frame, answer: Answer) -> None:
        answer.frames.append(frame)
        assert not frame.flags & frames.PADDED, "no server of ours pads"
        if frame.type == frames.DATA:
            answer.data += frame.payload
        elif frame.type in (frames.HEADERS, frames.CONTINUATION):
            self._block += frame.payload
            if frame.flags & END_HEADERS:
                decoded = self._decoder.decode(self._block, raw=True)
                answer.blocks.append([(name.decode(), value.decode()) for name, value in decoded])
                self._block = b""
        elif frame.type == frames.RST_STREAM:
            answer.reset = frame.number
        if frame.type in (frames.DATA, frames.HEADERS) and frame.flags & END_STREAM:
            answer.ended = True


def _granted(seen: list[Frame]) -> int:
    return sum(frame.number for frame in seen if frame.type == frames.WINDOW_UPDATE)


@contextlib.asynccontextmanager
async def connect(port: int, settings: bytes = b"") -> AsyncIterator[Connection]:
    """A connection that has sent its preface; `settings` is the payload of its SETTINGS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = Connection(reader, writer)
    writer.write(frames.PREFACE)
    connection.send(Frame(frames.SETTINGS, 0, 0, settings))
    try:
        yield connection
    finally:
        connection.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
