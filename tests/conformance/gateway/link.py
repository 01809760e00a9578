"""One connection from a gateway to an upstream that misbehaves: HTTP/2 by hand, the server's side.

It does what every server must (acknowledges SETTINGS and PING, gives credit for what it was sent)
and leaves the rest to the vice. A gateway's own calls, of health and reflection, are answered
with UNIMPLEMENTED, as by a server that has neither: what is wrong is wrong with the calls alone.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import hpack

from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, END_HEADERS, END_STREAM, PADDED, Fields, Frame

# What the gateway asks on its own behalf.
PROBES = ("/grpc.health.", "/grpc.reflection.")
UNIMPLEMENTED = 12
ANSWER: Fields = ((b":status", b"200"), (b"content-type", b"application/grpc"))
# A stream's and a connection's window at first (RFC 9113, section 6.9.2).
WINDOW = 65535
LARGEST = 16384
# The note of an error in a vice, which no vice means.
BUG = "a bug:"

Pairs = list[tuple[str, str]]
Answers = Callable[["Call"], Awaitable[None]]
Greets = Callable[["Link"], Awaitable[None]]
Note = Callable[[str], None]


async def greet(link: Link) -> None:
    """As a server does."""
    link.send(Frame(frames.SETTINGS, 0, 0, b""))


class Call:
    """A request that came, and the means to answer it.

    Attributes:
        fields: Of its head, in their order.
        body: What has come of its DATA.
        more: Set whenever more of it has come.
        whole: Set when the request has ended.
        over: Set when the gateway has reset the stream, or the connection is lost.
    """

    def __init__(self, link: Link, stream: int, fields: Pairs) -> None:
        self.link = link
        self.stream = stream
        self.fields = fields
        self.body = b""
        self.more = asyncio.Event()
        self.whole = asyncio.Event()
        self.over = asyncio.Event()

    def frame(self, kind: int, flags: int = 0, payload: bytes = b"") -> None:
        self.link.send(Frame(kind, flags, self.stream, payload))

    def headers(self, fields: Fields = ANSWER, *, end: bool = False) -> None:
        flags = END_HEADERS | (END_STREAM if end else 0)
        self.frame(frames.HEADERS, flags, frames.block(fields))

    def trailers(self, status: int = 0, more: Fields = ()) -> None:
        self.headers([(b"grpc-status", b"%d" % status), *more], end=True)

    def reset(self, code: int) -> None:
        self.frame(frames.RST_STREAM, 0, struct.pack("!I", code))

    async def data(self, payload: bytes, *, pad: int | None = None, end: bool = False) -> None:
        """Sends DATA as the gateway's windows let it.

        Args:
            pad: Octets of padding of each frame.
        """
        extra = 0 if pad is None else pad + 1
        for at in range(0, len(payload) or 1, LARGEST):
            piece = payload[at : at + LARGEST]
            await self.link.room(self.stream, len(piece) + extra)
            last = end and at + LARGEST >= len(payload)
            if pad is not None:
                piece = bytes([pad]) + piece + bytes(pad)
            flags = (END_STREAM if last else 0) | (0 if pad is None else PADDED)
            self.frame(frames.DATA, flags, piece)

    async def answer(self, message: bytes = b"hi") -> None:
        """As a server that does nothing wrong."""
        self.headers()
        await self.data(frames.message(message))
        self.trailers()


class Link:
    """One connection.

    Args:
        answers: What is done with each call.
        greets: What is done first.
        note: Is told "connection", "call", and "reset CODE" of a stream that the gateway resets.

    Attributes:
        calls: By stream.
        credits: Whether it gives credit for what it is sent.
        acknowledged: Whether the gateway has acknowledged SETTINGS.
        table: Octets of the HPACK table that the gateway may use, once it has acknowledged
            SETTINGS.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: Answers,
        greets: Greets,
        note: Note,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answers = answers
        self._greets = greets
        self._decoder = hpack.Decoder()
        self._block = b""
        self._windows = {0: WINDOW}
        self._initial = WINDOW
        self._moved = asyncio.Condition()
        self._held: list[bytes] | None = None
        self._dribbling = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self.note = note
        self.calls: dict[int, Call] = {}
        self.credits = True
        self.acknowledged = False
        self.table = 4096

    def send(self, *sent: Frame) -> None:
        self.write(b"".join(each.encode() for each in sent))

    def write(self, octets: bytes) -> None:
        if self._held is not None:
            self._held.append(octets)
        elif not self._writer.is_closing():
            self._writer.write(octets)

    async def dribble(self, octets: bytes, pause: float) -> None:
        """Writes an octet at a time, so many seconds apart; what else there is comes afterwards."""
        async with self._dribbling:
            self._held = []
            for at in range(len(octets)):
                self._writer.write(octets[at : at + 1])
                await asyncio.sleep(pause)
            held, self._held = self._held, None
            self.write(b"".join(held))

    async def drain(self) -> None:
        """Waits while the gateway does not read, and lets others run in any case."""
        await self._writer.drain()
        await asyncio.sleep(0)

    def goaway(self, last: int, code: int = frames.NO_ERROR) -> None:
        self.send(Frame(frames.GOAWAY, 0, 0, struct.pack("!II", last, code)))

    def close(self) -> None:
        """In order: what was written before is sent."""
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._writer.is_closing()

    def deafen(self) -> None:
        """Reads no more."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def room(self, stream: int, octets: int) -> None:
        """Waits until the gateway lets so much be sent, and takes it from the windows."""
        self._windows.setdefault(stream, self._initial)
        async with self._moved:
            await self._moved.wait_for(
                lambda: min(self._windows[0], self._windows[stream]) >= octets
            )
            self._windows[0] -= octets
            self._windows[stream] -= octets

    async def run(self) -> None:
        self.note("connection")
        try:
            await self._greets(self)
            await self._reader.readexactly(len(frames.PREFACE))
            while True:
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3]))
                await self._take(Frame(head[3], head[4], int.from_bytes(head[5:9]), payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for call in self.calls.values():
                call.over.set()
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            self.abort()

    async def _take(self, frame: Frame) -> None:
        call = self.calls.get(frame.stream)
        if frame.type in (frames.HEADERS, frames.CONTINUATION):
            self._block += _unpadded(frame)
            if frame.flags & END_HEADERS:
                fields = self._decoder.decode(self._block)
                self._block = b""
                # Trailers of a request say nothing here.
                self._begin(frame.stream, [(str(name), str(value)) for name, value in fields])
        elif frame.type == frames.DATA:
            if call is not None:
                call.body += _unpadded(frame)
                call.more.set()
            if self.credits and frame.payload:
                update = struct.pack("!I", len(frame.payload))
                self.send(*(Frame(frames.WINDOW_UPDATE, 0, of, update) for of in (0, frame.stream)))
        elif frame.type == frames.SETTINGS and not frame.flags & ACK:
            settings = dict(struct.iter_unpack("!HI", frame.payload))
            await self._move_all(settings.get(frames.SETTINGS_INITIAL_WINDOW_SIZE, self._initial))
            self.send(Frame(frames.SETTINGS, ACK, 0, b""))
        elif frame.type == frames.SETTINGS:
            self.acknowledged = True
            self._decoder.max_allowed_table_size = self.table
        elif frame.type == frames.PING and not frame.flags & ACK:
            self.send(frame._replace(flags=ACK))
        elif frame.type == frames.WINDOW_UPDATE:
            await self._move(frame.stream, frame.number)
        elif frame.type == frames.RST_STREAM and call is not None:
            self.note(f"reset {frame.number}")
            call.over.set()
        ends = frame.type in (frames.HEADERS, frames.DATA) and frame.flags & END_STREAM
        if ends and (call := self.calls.get(frame.stream)) is not None:
            call.whole.set()
            call.more.set()

    def _begin(self, stream: int, fields: Pairs) -> None:
        if stream in self.calls:
            return
        call = self.calls[stream] = Call(self, stream, fields)
        if dict(fields)[":path"].startswith(PROBES):
            call.headers([*ANSWER, (b"grpc-status", b"%d" % UNIMPLEMENTED)], end=True)
            return
        self.note("call")
        task = asyncio.create_task(self._answer(call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, call: Call) -> None:
        try:
            await self._answers(call)
        except ConnectionError:
            # Of drain(): the gateway has had enough.
            self.abort()
        except Exception as error:
            self.note(f"{BUG} {error!r}")
            self.abort()

    async def _move(self, stream: int, octets: int) -> None:
        async with self._moved:
            self._windows[stream] = self._windows.get(stream, self._initial) + octets
            self._moved.notify_all()

    async def _move_all(self, initial: int) -> None:
        async with self._moved:
            for stream in self._windows.keys() - {0}:
                self._windows[stream] += initial - self._initial
            self._initial = initial
            self._moved.notify_all()


def _unpadded(frame: Frame) -> bytes:
    payload = frame.payload
    if frame.flags & PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    if frame.type == frames.HEADERS and frame.flags & frames.PRIORITIZED:
        payload = payload[5:]
    return payload
