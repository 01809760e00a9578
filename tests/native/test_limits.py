"""What a peer may do: each limit by the bytes that go beyond it, and by those that do not."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tercet.rpc._connection import BEGIN, CLOSED, Connection
from tercet.rpc._limits import Limits
from tests.native.test_connection import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    STREAMING,
    UNARY,
    WINDOW_UPDATE,
    frame,
    frames,
    literal,
    message,
    request,
)

PRIORITY, CONTINUATION, UNKNOWN = 2, 9, 0xBB
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11


class Peer:
    """A connection, what was fed to it, and what it said."""

    def __init__(self, method: object = UNARY, **limits: int) -> None:
        self.limits = Limits(**limits)
        self.connection = Connection(lambda path: method, limits=self.limits)
        self.sent: list[tuple[int, int, int, bytes]] = []
        self.events: list[tuple[int, object]] = []
        self.turns = 0
        self.feed(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0))

    def feed(self, data: bytes) -> str:
        """The verdict afterwards. Every call that begins is answered at once."""
        at = 0
        while at < len(data) and not self.connection.verdict:
            events = self.connection.receive(data, start=at)
            at = self.connection.taken
            self.turns += 1
            self.events += events
            for event, stream in events:
                if event == BEGIN and stream.half_closed:
                    self.connection.respond(stream, b"")
            self.sent += frames(self.connection.take())
        return self.connection.verdict

    def of(self, kind: int) -> list[bytes]:
        return [payload for each, _, _, payload in self.sent if each == kind]


def call(stream: int) -> bytes:
    return request(stream) + frame(DATA, END_STREAM, stream, message(b""))


def reset(stream: int) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))


def window(stream: int, octets: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", octets))


def streams(count: int, first: int = 1) -> range:
    return range(first, first + 2 * count, 2)


FLOODS = {
    "ping_flood": frame(PING, 0, 0, bytes(8)),
    "settings_flood": frame(SETTINGS, 0, 0),
    "priority_flood": frame(PRIORITY, 0, 1, struct.pack(">IB", 0, 15)),
    "window_updates": window(0, 1),
    "unknown_frames": frame(UNKNOWN, 0, 0, b"anything"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_ended_when_its_allowance_is_used_up(name: str) -> None:
    peer = Peer(glitches=100)
    assert peer.feed(FLOODS[name] * (9 if name == "settings_flood" else 90)) == ""
    assert peer.feed(FLOODS[name] * 100) == name
    assert peer.limits.snapshot()[name] == 1


def test_empty_frames_are_a_flood() -> None:
    peer = Peer(STREAMING, glitches=100)
    peer.feed(request(1))
    assert peer.feed(frame(DATA, 0, 1) * 200) == "empty_frames"


@pytest.mark.parametrize("name", FLOODS)
def test_time_fills_the_allowance_up(name: str) -> None:
    peer = Peer(glitches=100, glitches_per_second=10)
    for second in range(1, 100):
        peer.connection.passed(second)
        assert peer.feed(FLOODS[name] * (1 if name == "settings_flood" else 10)) == ""


@pytest.mark.parametrize("kind", [FLOODS["ping_flood"], FLOODS["window_updates"]])
def test_what_answers_our_frames_is_no_glitch(kind: bytes) -> None:
    """A client's estimate of the bandwidth pings for each round trip of data (grpc-go)."""
    peer = Peer(glitches=0)
    for stream in streams(200):
        assert peer.feed(call(stream) + kind * 10) == ""


def test_resets_are_limited() -> None:
    peer = Peer(STREAMING, resets=100)
    assert peer.feed(b"".join(request(each) + reset(each) for each in streams(100))) == ""
    assert peer.feed(request(201) + reset(201)) == "resets"


def test_as_many_resets_as_answered_calls_are_in_order() -> None:
    """Who hedges, or is a proxy of many, resets one of two."""
    peer = Peer(resets=2)
    for stream in streams(1000):
        if stream % 4 == 1:
            assert peer.feed(call(stream)) == ""
        else:
            assert peer.feed(request(stream) + reset(stream)) == ""


def test_what_is_given_up_later_is_no_rapid_reset() -> None:
    """All the calls of a client may reach their deadline at once."""
    peer = Peer(STREAMING, resets=2, resets_per_second=0)
    peer.connection.passed(100.0)
    peer.feed(b"".join(map(request, streams(100))))
    peer.connection.passed(101.5)
    assert peer.feed(b"".join(map(reset, streams(100)))) == ""
    peer.feed(b"".join(map(request, streams(3, 201))))
    peer.connection.passed(102.0)
    assert peer.feed(b"".join(map(reset, streams(3, 201)))) == "resets"


def overflow(stream: int) -> bytes:
    return request(stream) + window(stream, 2**31 - 1)


def trailers_with_a_path(stream: int) -> bytes:
    block = literal(b":path", b"/")
    return request(stream) + frame(HEADERS, END_HEADERS | END_STREAM, stream, block)


@pytest.mark.parametrize("make", [overflow, trailers_with_a_path])
def test_what_makes_us_reset_counts_as_a_reset(make: Callable[[int], bytes]) -> None:
    peer = Peer(STREAMING, resets=100, glitches=1 << 20)
    for stream in streams(101):
        if peer.feed(make(stream)):
            break
    assert peer.connection.verdict == "resets"
    assert len(peer.of(RST_STREAM)) == 101


@pytest.mark.parametrize("broken", [window(1, 0), frame(PRIORITY, 0, 3, struct.pack(">IB", 3, 1))])
def test_a_breach_of_the_protocol_is_counted(broken: bytes) -> None:
    peer = Peer(STREAMING)
    peer.feed(request(1) + broken)
    assert len(peer.of(GOAWAY)) == 1
    assert peer.limits.snapshot()["protocol_errors"] == 1


def bomb(fields: int, *, trailers: bool = False) -> bytes:
    """One field in the table, and an octet for each time it is meant (RFC 7541, section 6.1)."""
    named = {":method": "POST", ":scheme": "http", ":path": "/a.B/C", ":authority": "x"}
    if trailers:
        named = {}
    block = b"".join(literal(name.encode(), value.encode()) for name, value in named.items())
    return block + b"\x40" + literal(b"x", b"y" * 100)[1:] + b"\xbe" * fields


@pytest.mark.parametrize(
    ("limits", "name"),
    [({"metadata_size": 1000}, "metadata_size"), ({"metadata_fields": 10}, "metadata_fields")],
)
def test_too_many_fields_end_their_call_alone(limits: dict[str, int], name: str) -> None:
    peer = Peer(**limits)
    assert peer.feed(frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb(10))) == ""
    ((event, stream),) = peer.events
    assert event == BEGIN
    assert stream.refusal[0] == 8
    assert peer.limits.snapshot()[name] == 1


@pytest.mark.parametrize("limits", [{"metadata_size": 1000}, {"metadata_fields": 10}])
@pytest.mark.parametrize("trailers", [False, True])
def test_a_bomb_ends_its_connection(limits: dict[str, int], trailers: bool) -> None:
    peer = Peer(STREAMING, **limits)
    if trailers:
        peer.feed(request(1))
    block = bomb(5000, trailers=trailers)
    assert peer.feed(frame(HEADERS, END_HEADERS | END_STREAM, 1, block)) == "header_block"


def test_fields_without_a_name_are_counted_too() -> None:
    """nghttp2 leaves them out (CVE-2019-9516)."""
    peer = Peer(metadata_fields=10)
    block = bomb(0) + literal(b"", b"") * 50
    assert peer.feed(frame(HEADERS, END_HEADERS | END_STREAM, 1, block)) == "header_block"


def test_a_block_is_limited_as_it_is_on_the_wire() -> None:
    """Whatever is wrong with its fields, of which nghttp2 does not tell."""
    peer = Peer(metadata_size=1000)
    block = literal(b"Upper", b"") + bytes(3) * 1500
    assert peer.feed(frame(HEADERS, END_HEADERS | END_STREAM, 1, block)) == "header_block"


def test_continuations_are_limited() -> None:
    peer = Peer(continuations=8)
    block = bomb(0)
    assert peer.feed(frame(HEADERS, END_STREAM, 1, block[:10])) == ""
    for at in range(7):
        assert peer.feed(frame(CONTINUATION, 0, 1, block[10 + at : 11 + at])) == ""
    assert peer.feed(frame(CONTINUATION, END_HEADERS, 1, block[17:])) == ""
    assert len(peer.events) == 1
    peer.feed(frame(HEADERS, END_STREAM, 3, block[:10]))
    assert peer.feed(frame(CONTINUATION, 0, 3, b"\xbe") * 9) == "continuations"


def test_requests_that_are_not_whole_are_limited() -> None:
    peer = Peer(half_open_streams=10)
    peer.feed(b"".join(map(request, streams(10))))
    peer.feed(request(21) + reset(21))
    peer.connection.passed(2.0)
    peer.feed(b"".join(map(request, streams(2, 23))))
    assert peer.of(RST_STREAM) == [struct.pack(">I", REFUSED_STREAM)] * 2
    assert peer.connection.half_open == 10
    # One that was refused may be sent again when there is room.
    peer.feed(frame(DATA, END_STREAM, 1, message(b"")) + reset(3) + request(27) + request(29))
    assert peer.connection.half_open == 10
    assert len(peer.of(RST_STREAM)) == 2


def test_a_burst_of_headers_is_in_order() -> None:
    """Who is built on nghttp2 sends the headers of all its calls before any message."""
    peer = Peer(half_open_streams=10, glitches=0)
    for first in 1, 401, 801:
        headers, messages = [], []
        for stream in streams(200, first):
            headers.append(request(stream))
            messages.append(frame(DATA, END_STREAM, stream, message(b"")))
        assert peer.feed(b"".join(headers + messages)) == ""
        peer.connection.passed(first)
    assert peer.of(RST_STREAM) == []


def test_after_a_burst_the_latest_requests_go_that_are_too_many() -> None:
    peer = Peer(half_open_streams=10)
    peer.feed(b"".join(map(request, streams(12))))
    peer.connection.reset_overdue(1.0, 60)
    assert peer.sent[-1][0] != RST_STREAM
    for _ in range(2):
        # Who does not read is given up once.
        peer.connection.reset_overdue(2.0, 60)
    peer.feed(frame(PING, 0, 0, bytes(8)))
    assert [each[2] for each in peer.sent if each[0] == RST_STREAM] == [23, 21]
    assert peer.of(RST_STREAM) == [struct.pack(">I", REFUSED_STREAM)] * 2
    assert peer.limits.snapshot()["half_open_streams"] == 2


def test_a_request_without_progress_is_reset() -> None:
    peer = Peer()
    peer.feed(request(1) + request(3))
    for second in range(1, 12):
        peer.feed(
            frame(DATA, 0, 3, message(bytes(2000), size=100_000) if second == 1 else bytes(2000))
        )
        # Less than 500 bytes a second are none.
        peer.feed(frame(DATA, 0, 1, b"\0" if second == 1 else b""))
        peer.connection.reset_overdue(second, 10)
        peer.feed(frame(PING, 0, 0, bytes(8)))
        assert len(peer.of(RST_STREAM)) == (second == 11)
    assert peer.limits.snapshot()["request_timeout"] == 1
    assert peer.connection.half_open == 1


def test_data_on_a_closed_stream_is_limited_to_what_may_be_under_way() -> None:
    peer = Peer()
    peer.feed(call(1))
    late = frame(DATA, 0, 1, bytes(16384))
    assert peer.feed(late * 64) == ""
    assert peer.feed(late * 128) == "closed_streams"


def test_empty_messages_may_be_under_way_for_a_whole_window() -> None:
    """Each in a frame of its own, as grpc-go sends them."""
    peer = Peer(STREAMING)
    peer.feed(call(1))
    assert peer.feed(frame(DATA, 0, 1, message(b"")) * ((1 << 20) // 5)) == ""


def test_the_window_of_closed_streams_is_given_back_once() -> None:
    peer = Peer()
    sent = 0
    for stream in streams(150):
        peer.feed(call(stream))
        assert peer.feed(frame(DATA, 0, stream, bytes(16384)) * 63) == ""
        sent += 5 + 16384 * 63
    granted = sum(
        struct.unpack(">I", payload)[0]
        for kind, _, stream, payload in peer.sent
        if kind == WINDOW_UPDATE and stream == 0
    )
    # The window is 64 MiB, and is given back when half of it is used up.
    assert sent - (32 << 20) <= granted - ((64 << 20) - 65535) <= sent


@pytest.mark.parametrize("trusted", [False, True])
def test_who_speaks_for_many_has_no_limits_by_rate(trusted: bool) -> None:
    peer = Peer(STREAMING, resets=10, glitches=10)
    if trusted:
        peer.connection.trust()
    resets = b"".join(request(each) + reset(each) for each in streams(50))
    floods = b"".join(FLOODS.values()) * 50
    assert bool(peer.feed(floods + resets)) != trusted


def test_one_read_is_dealt_with_in_turns() -> None:
    peer = Peer(glitches=1 << 20)
    before = peer.turns
    peer.feed(b"".join(map(call, streams(1000))))
    assert peer.turns - before >= 7
    assert len([1 for event, _ in peer.events if event == BEGIN]) == 1000
    before = peer.turns
    peer.feed(frame(PING, 0, 0, bytes(8)) * 10_000)
    assert peer.turns - before >= 2
    assert len(peer.of(PING)) == 10_000


@pytest.mark.parametrize("cut", [1, 2, 8, 9, 10, 100])
def test_frames_are_counted_however_they_are_cut(cut: int) -> None:
    peer = Peer(glitches=100, half_open_streams=1000)
    data = FLOODS["unknown_frames"] * 100 + b"".join(map(call, streams(20)))
    for at in range(0, len(data), cut):
        assert peer.feed(data[at : at + cut]) == ""
    assert len([1 for event, _ in peer.events if event == BEGIN]) == 20
    assert peer.feed(FLOODS["unknown_frames"]) == "unknown_frames"


def test_a_peer_is_told_what_it_did() -> None:
    peer = Peer(glitches=0)
    peer.feed(FLOODS["unknown_frames"])
    peer.connection.calm(peer.connection.verdict.encode())
    (payload,) = [each[3] for each in frames(peer.connection.take()) if each[0] == GOAWAY]
    assert payload[4:] == struct.pack(">I", ENHANCE_YOUR_CALM) + b"unknown_frames"


def test_unread_answers_are_counted_until_they_are_taken_or_dropped() -> None:
    peer = Peer()
    connection = peer.connection
    peer.feed(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 100)))
    ((_, one), (_, two)) = connection.receive(call(1) + call(3))
    for stream in one, two:
        connection.respond(stream, bytes(1000))
    connection.take()
    assert connection.settled == 2 * (1005 - 100)
    connection.receive(window(1, 500))
    connection.take()
    assert connection.settled == 2 * (1005 - 100) - 500
    assert (CLOSED, two) in connection.receive(reset(3))
    assert connection.settled == 1005 - 600
    connection.receive(window(1, 500))
    connection.take()
    assert connection.settled == 0


def test_a_limit_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="there are no limits"):
        Limits(speed=1)  # one that nobody knows
