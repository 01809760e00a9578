"""The attacks by name: which limit stops each, what its client sees, and under which options."""

from __future__ import annotations

from dataclasses import replace

from tests.attacks import floods, headers, many, readers, resets, slow
from tests.attacks.attack import Attack, Connects, calmed
from tests.attacks.form import MIB

# Pings that come one after another are against the keepalive rule long before they are a flood.
NO_STRIKES = {"grpc.http2.max_ping_strikes": 0}
CANCELLED = "reset 8"
REFUSED_STREAM = "reset 7"
EXHAUSTED = "status 8"
# Which of the two it is, nghttp2 decides: a breach of its stream, or of the connection.
RESET_OR_BREACH = (calmed("resets"), "goaway 1", "goaway 3", "goaway 5", "goaway 6")


def flood(counter: str, steps: Connects, **more: object) -> Attack:
    return Attack(steps, (counter,), (calmed(counter),), **more)  # type: ignore[arg-type]


def breach(code: int, steps: Connects) -> Attack:
    return Attack(steps, ("protocol_errors",), (f"goaway {code}",))


def made_to_reset(steps: Connects) -> Attack:
    return Attack(steps, ("resets", "protocol_errors"), RESET_OR_BREACH)


def slowly(counter: str, option: str, steps: Connects, *sees: str) -> Attack:
    """Many at a time, each of which is to be ended after 300 ms."""
    sees = sees or (calmed(counter), "closed")
    return Attack(steps, (counter,), sees, options={option: 300}, at_once=50, rate=100.0)


HANDSHAKE = ("handshake_timeout", "grpc.server_handshake_timeout_ms")
HEADERS = ("headers_timeout", "tercet.headers_timeout_ms")
REQUEST = ("request_timeout", "tercet.request_timeout_ms")

ATTACKS = {
    # Headers.
    "metadata too large": Attack(headers.too_large, ("metadata_size",), (EXHAUSTED,)),
    "too many fields": Attack(headers.too_many, ("metadata_fields",), (EXHAUSTED,)),
    "too many cookie crumbs": Attack(headers.too_many_crumbs, ("metadata_fields",), (EXHAUSTED,)),
    "HPACK bomb": flood("header_block", headers.hpack_bomb),
    "HTTP/2 bomb": flood("header_block", headers.http2_bomb),
    "HTTP/2 bomb of cookie crumbs": flood("header_block", headers.crumb_bomb),
    "bomb of nameless fields": flood("header_block", headers.nameless),
    "CONTINUATION flood": flood("continuations", headers.empty_continuations),
    "CONTINUATION flood with fields": Attack(
        headers.full_continuations,
        # The fields are too many before the frames are.
        ("continuations", "header_block"),
        (calmed("continuations"), calmed("header_block")),
    ),
    # Resets.
    "rapid reset": flood("resets", resets.before_the_request),
    "rapid reset with requests": flood("resets", resets.with_the_request),
    "rapid reset of waiting handlers": flood("resets", resets.while_the_handler_waits),
    "rapid reset of streams": flood("resets", resets.of_a_stream),
    "rapid reset of no method": flood("resets", resets.of_no_method),
    "MadeYouReset by a window of zero": made_to_reset(resets.by_a_window_of_zero),
    "MadeYouReset by an overflow": flood("resets", resets.by_an_overflow),
    "MadeYouReset by DATA after the end": made_to_reset(resets.by_data_after_the_end),
    "MadeYouReset by HEADERS after the end": made_to_reset(resets.by_headers_after_the_end),
    "MadeYouReset by HEADERS in the middle": made_to_reset(resets.by_headers_in_the_middle),
    "MadeYouReset by a wrong PRIORITY": made_to_reset(resets.by_priority_of_a_wrong_size),
    # Floods.
    "PING flood": flood("ping_flood", floods.pings, options=NO_STRIKES),
    "PING flood that goes on after goodbye": flood(
        "ping_flood", floods.pings, options=NO_STRIKES, persists=True
    ),
    "PING ACK flood": flood("ping_flood", floods.pongs, options=NO_STRIKES),
    "SETTINGS flood": flood("settings_flood", floods.settings),
    "SETTINGS flood that moves windows": flood(
        "settings_flood",
        floods.settings_that_move_windows,
        # To open streams is a call's right, and has its cost.
        rate=5.0,
    ),
    "empty DATA flood": flood("empty_frames", floods.empty_data),
    "flood of padding": Attack(
        floods.padding,
        # It does not wait for its window: what is beyond it ends the stream, and then it is late.
        ("empty_frames", "closed_streams"),
        (calmed("empty_frames"), calmed("closed_streams")),
    ),
    "empty HEADERS flood": Attack(
        floods.empty_headers,
        # They are malformed: the server resets their streams.
        ("empty_frames", "resets"),
        (calmed("empty_frames"), calmed("resets")),
    ),
    "PRIORITY flood": flood("priority_flood", floods.priorities),
    "PRIORITY flood of a call": flood("priority_flood", floods.priorities_of_a_call),
    "WINDOW_UPDATE flood": flood("window_updates", floods.window_updates),
    "WINDOW_UPDATE flood of a call": flood("window_updates", floods.window_updates_of_a_call),
    "flood of unknown frames": flood("unknown_frames", floods.unknown),
    "flood of large unknown frames": flood("unknown_frames", floods.unknown_large),
    "DATA flood of a closed stream": flood("closed_streams", floods.data_on_a_closed_stream),
    "RST_STREAM flood of a closed stream": flood(
        "closed_streams", floods.resets_of_a_closed_stream
    ),
    "WINDOW_UPDATE flood of a closed stream": Attack(
        floods.window_updates_of_a_closed_stream,
        ("closed_streams", "window_updates"),
        (calmed("closed_streams"), calmed("window_updates")),
    ),
    "pings too early": flood("too_many_pings", floods.few_pings, at_once=20),
    # Breaches of HTTP/2.
    "window overflow of the connection": breach(3, floods.window_overflow),
    "window update of zero of the connection": breach(1, floods.window_of_zero),
    "DATA on an idle stream": breach(1, floods.data_on_an_idle_stream),
    "too large a frame": breach(6, floods.too_large_a_frame),
    "broken HPACK": breach(9, floods.broken_hpack),
    "no HTTP/2": Attack(floods.not_http2, ("protocol_errors",), ("closed",)),
    # Readers.
    "zero window": slowly("stalled", "tercet.stalled_ms", readers.shut),
    "dribbling reader": Attack(
        readers.dribbling,
        ("stalled",),
        ("closed",),
        options={"tercet.stalled_ms": 300},
        at_once=20,
        rate=50.0,
        # The answers of 1 MiB that wait for it.
        growth=(20 + 16) * MIB,
    ),
    "hoard of unread answers": Attack(
        readers.hoarding,
        ("unsent_bytes",),
        (EXHAUSTED,),
        options={"tercet.max_unsent_bytes": 4 * MIB},
        at_once=2,
        rate=4.0,
        # Of each connection four times the limit, since the calls had begun, and an answer more.
        growth=(2 * (4 * 4 + 1) + 16) * MIB,
    ),
    "deaf reader": Attack(
        readers.deaf,
        ("outbound_frames",),
        (),
        options={"tercet.max_outbound_frames": 1000, "tercet.stalled_ms": 300},
        reads=False,
        # What it asks for, and what the sockets hold.
        growth=(4 * 10 + 16) * MIB,
    ),
    # Slow ones.
    "silence": slowly(*HANDSHAKE, slow.silent),
    "half a preface": slowly(*HANDSHAKE, slow.half_a_preface),
    "no SETTINGS": slowly(*HANDSHAKE, slow.no_settings),
    "slow preface": slowly(*HANDSHAKE, slow.slow_preface),
    "half a HEADERS frame": slowly(*HEADERS, slow.half_a_header_frame),
    "slow HEADERS frame": slowly(*HEADERS, slow.slow_header_frame),
    "headers without an end": slowly(*HEADERS, slow.headers_without_end),
    "slow CONTINUATION": slowly(*HEADERS, slow.slow_continuations),
    "no request": slowly(*REQUEST, slow.no_request, CANCELLED),
    "half a request": slowly(*REQUEST, slow.half_a_request, CANCELLED),
    # Too many.
    "half-open streams": Attack(
        many.half_open,
        ("half_open_streams",),
        (REFUSED_STREAM,),
        options={"tercet.max_half_open_streams": 100, "tercet.max_half_open_ms": 100},
    ),
    "streams": Attack(
        many.streams,
        (),
        (REFUSED_STREAM, "goaway 1"),
        options={"grpc.max_concurrent_streams": 100},
        rate=5.0,
    ),
    "connections": Attack(
        many.connections,
        ("connections",),
        ("closed",),
        options={"tercet.max_connections": 30},
        at_once=60,
        rate=200.0,
    ),
    "calls at once": Attack(
        many.at_once,
        ("queued_calls",),
        (EXHAUSTED,),
        options={"tercet.max_queued_calls": 100},
        rate=4.0,
        # It may be the neighbour's call that is one too many, for as long as others wait.
        refused=0.05,
    ),
    # Messages.
    "message that says it is large": Attack(
        many.message_that_says_it_is_large, ("message_size",), (EXHAUSTED,)
    ),
    "compressed zeros": Attack(
        many.compressed_zeros,
        ("message_size",),
        (EXHAUSTED,),
        options={"grpc.max_receive_message_length": MIB},
    ),
}

# What a gateway leaves to the servers, since it knows of no messages: whether requests are whole,
# and how many of them begin at once.
OF_MESSAGES = {"half-open streams", "no request", "half a request", "calls at once"}
# What a gateway holds for hoarders: the limit, and what came in the read that went beyond it; and
# the rest.
HOARDED = (2 * (4 + 1) + 16) * MIB
# The same with a gateway before the server.
BEFORE_SERVERS = {name: attack for name, attack in ATTACKS.items() if name not in OF_MESSAGES} | {
    # The server answers these, as it would without a gateway.
    "message that says it is large": Attack(many.message_that_says_it_is_large, (), (EXHAUSTED,)),
    "compressed zeros": Attack(many.compressed_zeros, (), (EXHAUSTED,)),
    # Its calls are answered by the server, and not where they come in.
    "deaf reader": replace(ATTACKS["deaf reader"], works=True),
    # A gateway does not wait until answers are finished, of which it might have to hold much by
    # then. The server behind it refuses nobody.
    "hoard of unread answers": replace(ATTACKS["hoard of unread answers"], growth=HOARDED),
    "hoard of unread streams": replace(
        ATTACKS["hoard of unread answers"], steps=readers.hoarding_streams, growth=HOARDED
    ),
    "dribbling reader of a stream": replace(
        ATTACKS["dribbling reader"], steps=readers.dribbling_of_a_stream
    ),
}
# Whoever is attacked.
NAMED = BEFORE_SERVERS | ATTACKS
# So many of them are enough for every run of the tests: each kind of limit, and what a gateway
# does with it.
FEW = (
    "metadata too large",
    "HTTP/2 bomb",
    "CONTINUATION flood with fields",
    "rapid reset of waiting handlers",
    "rapid reset of streams",
    "MadeYouReset by an overflow",
    "MadeYouReset by HEADERS in the middle",
    "SETTINGS flood that moves windows",
    "flood of padding",
    "WINDOW_UPDATE flood of a call",
    "DATA flood of a closed stream",
    "broken HPACK",
    "dribbling reader",
    "dribbling reader of a stream",
    "hoard of unread answers",
    "hoard of unread streams",
    "deaf reader",
    "slow HEADERS frame",
    "connections",
    "message that says it is large",
)
