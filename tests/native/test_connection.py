"""The sans-IO core: bytes in, events and bytes out. No sockets."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet.rpc._connection import BEGIN, CLOSED, READABLE, Connection, ProtocolError
from tercet.rpc._limits import Limits
from tercet.rpc._stream import Packed, Stream

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
UNARY, STREAMING = SimpleNamespace(whole=True), SimpleNamespace(whole=False)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field without indexing and without Huffman coding (RFC 7541, section 6.2.2)."""
    assert len(name) < 127
    assert len(value) < 127
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request(stream: int, path: bytes = b"/a.B/C", *, end: bool = False, **extra: str) -> bytes:
    fields = {":method": "POST", ":scheme": "http", ":path": path.decode(), ":authority": "x"}
    fields |= {"content-type": "application/grpc", "te": "trailers"}
    fields |= {name.replace("_", "-"): value for name, value in extra.items()}
    block = b"".join(literal(name.encode(), value.encode()) for name, value in fields.items())
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def message(payload: bytes, *, flag: int = 0, size: int | None = None) -> bytes:
    return struct.pack(">BI", flag, len(payload) if size is None else size) + payload


def opened(method: object = UNARY, *, window: int = 1 << 20, **limits: int) -> Connection:
    connection = Connection(
        lambda path: method if path == b"/a.B/C" else None,
        limits=Limits(**limits),
        window=window,
    )
    # Our window is in force once the client has acknowledged it.
    assert connection.receive(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0)) == []
    connection.take()
    return connection


def frames(data: bytes | bytearray) -> list[tuple[int, int, int, bytes]]:
    """(type, flags, stream, payload) of each frame."""
    found = []
    while data:
        size = int.from_bytes(data[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", data[3:9])
        found.append((kind, flags, stream, bytes(data[9 : 9 + size])))
        data = data[9 + size :]
    return found


def begin(connection: Connection, data: bytes) -> Stream:
    (event, stream), *rest = connection.receive(data)
    assert event == BEGIN
    assert all(later == (READABLE, stream) for later in rest)
    return stream


def test_a_unary_call_begins_when_its_request_is_whole() -> None:
    connection = opened()
    assert connection.receive(request(1)) == []
    assert connection.receive(frame(DATA, 0, 1, message(b"hello"))) == []
    stream = begin(connection, frame(DATA, END_STREAM, 1))
    assert stream.half_closed
    assert stream.path == b"/a.B/C"
    assert (b"te", b"trailers") in stream.headers
    assert connection.next_message(stream) == b"hello"
    assert connection.next_message(stream) is None


def test_a_method_that_is_not_there_does_not_wait_for_the_end_of_a_stream() -> None:
    connection = opened()
    assert connection.receive(request(1, b"/no.Such/Method")) == []
    stream = begin(connection, frame(DATA, 0, 1, message(b"hello")))
    assert stream.handler is None
    assert not stream.half_closed


def test_an_answer_is_headers_one_message_and_trailers() -> None:
    connection = opened()
    stream = begin(connection, request(1) + frame(DATA, END_STREAM, 1, message(b"x")))
    connection.respond(stream, b"answer")
    sent = [each for each in frames(connection.take()) if each[2] == 1]
    assert [(kind, flags) for kind, flags, _, _ in sent] == [
        (HEADERS, END_HEADERS),
        (DATA, 0),
        (HEADERS, END_HEADERS | END_STREAM),
    ]
    assert sent[1][3] == message(b"answer")
    assert stream.closed
    assert connection.open_streams == 0


def test_trailers_only_is_one_frame() -> None:
    connection = opened()
    stream = begin(connection, request(1) + frame(DATA, END_STREAM, 1, message(b"x")))
    connection.finish(stream, [(b"grpc-status", b"5"), (b"grpc-message", b"gone")])
    [(kind, flags, _, _)] = [each for each in frames(connection.take()) if each[2] == 1]
    assert (kind, flags) == (HEADERS, END_HEADERS | END_STREAM)


def test_an_answer_before_the_half_close_is_followed_by_no_error() -> None:
    connection = opened(STREAMING)
    stream = begin(connection, request(1))
    connection.finish(stream, [(b"grpc-status", b"0")])
    sent = [each for each in frames(connection.take()) if each[2] == 1]
    assert [kind for kind, *_ in sent] == [HEADERS, RST_STREAM]
    assert sent[1][3] == b"\0\0\0\0"


@pytest.mark.parametrize("cut", range(1, 16))
def test_messages_survive_any_cut(cut: int) -> None:
    connection = opened(STREAMING)
    stream = begin(connection, request(1))
    body = message(b"one") + message(b"") + message(b"three")
    connection.receive(frame(DATA, 0, 1, body[:cut]))
    connection.receive(frame(DATA, END_STREAM, 1, body[cut:]))
    assert [connection.next_message(stream) for _ in range(4)] == [b"one", b"", b"three", None]


@pytest.mark.parametrize("cut", range(1, 24))
def test_the_flag_stays_with_its_message(cut: int) -> None:
    """In any order and however they are cut, on the way in and on the way out."""
    connection = opened(STREAMING)
    stream = begin(connection, request(1))
    flags = (0, 1, 1, 0, 1)
    body = b"".join(message(b"%d" % number, flag=flag) for number, flag in enumerate(flags))
    connection.receive(frame(DATA, 0, 1, body[:cut]))
    connection.receive(frame(DATA, END_STREAM, 1, body[cut:]))
    connection.send_headers(stream, [])
    sent = b""
    for number, flag in enumerate(flags):
        taken = connection.next_message(stream)
        assert type(taken) is (Packed if flag else bytes)
        assert taken is not None
        connection.send_message(stream, taken)
        if number % 2:
            sent += connection.take()
    sent += connection.take()
    assert b"".join(payload for kind, *_, payload in frames(sent) if kind == DATA) == body


def test_a_compressed_answer_has_its_flag() -> None:
    connection = opened()
    stream = begin(connection, request(1) + frame(DATA, END_STREAM, 1, message(b"x")))
    connection.respond(stream, Packed(b"answer"))
    [data] = [payload for kind, *_, payload in frames(connection.take()) if kind == DATA]
    assert data == message(b"answer", flag=1)


@pytest.mark.parametrize("wrong", [None, "text", bytearray(b"x")])
def test_what_is_no_message_is_not_sent(wrong: Any) -> None:
    connection = opened()
    stream = begin(connection, request(1) + frame(DATA, END_STREAM, 1, message(b"x")))
    with pytest.raises(TypeError, match="a message must be bytes"):
        connection.respond(stream, wrong)
    connection.finish(stream, [(b"grpc-status", b"2")])
    assert [kind for kind, *_ in frames(connection.take())][-1] == HEADERS


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (message(b"x", flag=2), 13),
        (message(b"", size=101, flag=1), 8),
        (message(b"", size=101), 8),
        (message(b"x", size=5), 13),
        (b"\0\0\0", 13),
    ],
)
def test_what_is_no_message_is_refused_and_the_connection_goes_on(body: bytes, code: int) -> None:
    connection = opened(max_message=100)
    stream = begin(connection, request(1) + frame(DATA, END_STREAM, 1, body))
    assert stream.refusal is not None
    assert stream.refusal[0] == code
    begin(connection, request(3) + frame(DATA, END_STREAM, 3, message(b"x")))


def test_an_unread_stream_is_given_no_more_window_and_others_are() -> None:
    connection = opened(STREAMING, window=200_000)
    slow = begin(connection, request(1))
    for _ in range(12):
        connection.receive(frame(DATA, 0, 1, message(b"x" * 16_000)))
    updated = {stream for kind, _, stream, _ in frames(connection.take()) if kind == WINDOW_UPDATE}
    # The connection's window is given back at once: the other streams live by it.
    assert 1 not in updated
    while connection.next_message(slow) is not None:
        continue
    updated = {stream for kind, _, stream, _ in frames(connection.take()) if kind == WINDOW_UPDATE}
    assert 1 in updated


def test_a_writer_waits_while_the_client_gives_no_window() -> None:
    connection = opened()
    stream = begin(connection, request(1) + frame(DATA, END_STREAM, 1, message(b"x")))
    connection.send_headers(stream, [])
    assert connection.send_message(stream, b"x" * 10)
    assert not connection.send_message(stream, b"x" * 200_000)
    # 65535 bytes are the window that every client starts with.
    sent = sum(len(payload) for kind, _, _, payload in frames(connection.take()) if kind == DATA)
    assert sent == 65_535
    assert connection.writable == []
    more = struct.pack(">I", 1 << 20)
    connection.receive(frame(WINDOW_UPDATE, 0, 0, more) + frame(WINDOW_UPDATE, 0, 1, more))
    connection.take()
    assert connection.writable == [stream]


def test_a_cancelled_stream_is_told_and_its_answer_goes_nowhere() -> None:
    connection = opened()
    stream = begin(connection, request(1) + frame(DATA, END_STREAM, 1, message(b"x")))
    assert connection.receive(frame(RST_STREAM, 0, 1, struct.pack(">I", 8))) == [(CLOSED, stream)]
    assert stream.error_code == 8
    connection.respond(stream, b"late")
    connection.finish(stream, [(b"grpc-status", b"0")])
    assert [each for each in frames(connection.take()) if each[2] == 1] == []


def test_readable_is_told_for_each_arrival() -> None:
    connection = opened(STREAMING)
    stream = begin(connection, request(1))
    assert connection.receive(frame(DATA, 0, 1, message(b"a"))) == [(READABLE, stream)]
    assert connection.receive(frame(DATA, 0, 1, b"\0\0")) == []
    assert connection.receive(frame(DATA, END_STREAM, 1, b"")) == [(READABLE, stream)]
    assert stream.refusal == (13, b"the request ended inside a message")


def test_too_much_metadata_is_refused() -> None:
    connection = opened(metadata_size=1000)
    stream = begin(connection, request(1, end=True, **{f"k{n}": "v" * 100 for n in range(20)}))
    assert stream.refusal == (8, b"received metadata size exceeds limit")


def test_an_error_of_the_router_is_raised_and_not_swallowed() -> None:
    def broken(path: bytes) -> None:
        raise ZeroDivisionError(path)

    connection = Connection(broken)
    with pytest.raises(ZeroDivisionError):
        connection.receive(PREFACE + frame(SETTINGS, 0, 0) + request(1))


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        PREFACE + frame(DATA, 0, 0, b"x"),
        PREFACE + frame(SETTINGS, 0, 0, b"odd"),
    ],
)
def test_what_is_not_http2_ends_the_connection(bad: bytes) -> None:
    connection = Connection(lambda path: None)
    try:
        connection.receive(bad)
    except ProtocolError:
        return
    assert any(kind == GOAWAY for kind, *_ in frames(connection.take()))
    assert connection.ended


def test_a_shutdown_names_the_last_call_that_was_taken() -> None:
    connection = opened(STREAMING)
    begin(connection, request(1))
    connection.announce_shutdown()
    [(kind, _, _, payload)] = frames(connection.take())
    assert (kind, payload[:4]) == (GOAWAY, b"\x7f\xff\xff\xff")
    begin(connection, request(3))
    connection.refuse_more()
    [(kind, _, _, payload)] = frames(connection.take())
    assert (kind, payload[:4]) == (GOAWAY, struct.pack(">I", 3))
    assert not connection.ended


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 3 << 20, 5_000_001])
def test_a_large_message_arrives_and_leaves_as_it_is(size: int) -> None:
    payload = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    connection = opened(max_message=-1)
    framed = message(payload)
    pieces = [framed[start : start + 16_384] for start in range(0, len(framed), 16_384)]
    connection.receive(request(1))
    for piece in pieces:
        assert connection.receive(frame(DATA, 0, 1, piece)) == []
        connection.take()
    stream = begin(connection, frame(DATA, END_STREAM, 1))
    received = connection.next_message(stream)
    assert received == payload
    room = struct.pack(">I", 1 << 30)
    connection.receive(frame(WINDOW_UPDATE, 0, 0, room) + frame(WINDOW_UPDATE, 0, 1, room))
    connection.respond(stream, received)
    sent = b""
    while taken := connection.take():
        # Not much more than is asked for at once.
        assert len(taken) < 1 << 19
        sent += taken
    data = b"".join(payload for kind, _, id_, payload in frames(sent) if (kind, id_) == (DATA, 1))
    assert data == framed
    assert frames(sent)[-1][:2] == (HEADERS, END_HEADERS | END_STREAM)


def test_a_claimed_length_takes_no_memory() -> None:
    connection = opened(STREAMING, max_message=-1)
    connection.receive(request(1))
    before = psutil.Process().memory_info().vms
    connection.receive(frame(DATA, 0, 1, message(b"x", size=(1 << 32) - 1)))
    assert psutil.Process().memory_info().vms - before < 1 << 30


def test_a_lost_transport_gives_back_the_unfinished() -> None:
    connection = opened(STREAMING)
    stream = begin(connection, request(1))
    assert connection.lost() == [stream]
    assert stream.closed
    connection.send_message(stream, b"x")


FIELD = st.binary(max_size=40)
FRAME = st.builds(
    frame,
    st.integers(0, 12),
    st.integers(0, 255),
    st.sampled_from([0, 1, 2, 3, 5, 2**31 - 1]),
    st.one_of(FIELD, st.builds(message, FIELD)),
)
MESSAGE = st.builds(message, FIELD, flag=st.sampled_from([0, 0, 1, 1, 2, 255]))
CALL = st.builds(
    lambda stream, body: request(stream) + frame(DATA, END_STREAM, stream, body),
    st.sampled_from([1, 3, 5, 7]),
    st.one_of(FIELD, st.lists(MESSAGE, max_size=4).map(b"".join)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(CALL, FRAME, FIELD), max_size=12), st.integers(1, 200))
def test_whatever_arrives_ends_in_events_or_a_protocol_error(
    pieces: list[bytes], step: int
) -> None:
    connection = opened(STREAMING)
    data = b"".join(pieces)
    live: dict[Stream, None] = {}
    try:
        for start in range(0, len(data), step):
            for event, stream in connection.receive(data[start : start + step]):
                if event == BEGIN:
                    live[stream] = None
                    connection.send_headers(stream, [])
                while (taken := connection.next_message(stream)) is not None:
                    connection.send_message(stream, taken)
                if stream.half_closed:
                    connection.finish(stream, [(b"grpc-status", b"0")])
            connection.take()
    except ProtocolError:
        pass
    connection.take()
    connection.lost()
    assert all(stream.closed for stream in live)
