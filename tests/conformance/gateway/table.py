"""The ways to misbehave, by name; and what the client is to see of each."""

from __future__ import annotations

from tests.conformance.gateway.vice import Outcome, Vice, ends
from tests.conformance.gateway.vices import (
    answers,
    floods,
    goaways,
    honest,
    nonsense,
    refusals,
    resets,
    silence,
    sizes,
    strays,
    windows,
)
from tests.conformance.wire import frames

CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED = 1, 2, 4, 7
RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 8, 12, 13, 14, 16
ENHANCE_YOUR_CALM, INADEQUATE_SECURITY = 11, 12

WELL = ends(0, messages=(b"hi",))
# Of a call that surely did not start.
NOT_STARTED = ends(UNAVAILABLE, "NOT_STARTED", messages=())
# Nor did this one; whoever cannot be connected to may be known not to be ready.
NOT_REACHED = ends(UNAVAILABLE, "NOT_STARTED", "NO_READY_WORKER", messages=())
LOST = ends(UNAVAILABLE, "WORKER_LOST")
BROKEN = ends(INTERNAL, "UPSTREAM_PROTOCOL_ERROR")
LATE = ends(DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
# Its message never ends: a client may tell that before it looks at the status.
CUT_OFF = ends((INTERNAL, UNAVAILABLE))
# gRPC's table of what an RST_STREAM means (PROTOCOL-HTTP2.md, "Errors").
RESETS = {
    "NO_ERROR": (frames.NO_ERROR, INTERNAL),
    "INTERNAL_ERROR": (frames.INTERNAL_ERROR, INTERNAL),
    "CANCEL": (frames.CANCEL, CANCELLED),
    "ENHANCE_YOUR_CALM": (ENHANCE_YOUR_CALM, RESOURCE_EXHAUSTED),
    "INADEQUATE_SECURITY": (INADEQUATE_SECURITY, PERMISSION_DENIED),
}
# And of what an HTTP status does (http-grpc-status-mapping.md).
STATUSES = {
    400: INTERNAL,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    429: UNAVAILABLE,
    500: UNKNOWN,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}


def reset(code: int) -> Outcome:
    return ends(code, "UPSTREAM_RESET")


def of_resets() -> dict[str, Vice]:
    found: dict[str, Vice] = {}
    for name, (code, status) in RESETS.items():
        outcome = reset(status)
        found[f"{name} before headers"] = Vice(resets.before_headers(code), outcome)
        found[f"{name} after headers"] = Vice(
            resets.after_headers(code), outcome, keeps_headers=True
        )
        found[f"{name} during data"] = Vice(
            resets.during_data(code), outcome, keeps_headers=True, grpcio=ends((INTERNAL, status))
        )
        found[f"{name} after data"] = Vice(
            resets.after_data(code), outcome._replace(messages=(b"hi",)), keeps_headers=True
        )
        found[f"{name} after trailers"] = Vice(resets.after_trailers(code), WELL)
    return found


SOUND = "sound"

VICES: dict[str, Vice] = {
    # Connections that end.
    "GOAWAY in order": Vice(goaways.in_order, WELL),
    "GOAWAY in two steps": Vice(goaways.in_two_steps, WELL),
    "GOAWAY below": Vice(goaways.below, NOT_STARTED),
    "GOAWAY, then closed": Vice(goaways.then_closed, LOST),
    "GOAWAY after headers, then closed": Vice(
        goaways.after_headers_then_closed, LOST, keeps_headers=True
    ),
    "GOAWAY with an error": Vice(
        goaways.with_an_error,
        ends((UNAVAILABLE, RESOURCE_EXHAUSTED), "WORKER_LOST", "UPSTREAM_RESET"),
    ),
    "closed": Vice(answers.closed, LOST),
    "closed after headers": Vice(answers.closed_after_headers, LOST, keeps_headers=True),
    "closed in a message": Vice(
        answers.closed_in_a_message, LOST, keeps_headers=True, grpcio=CUT_OFF
    ),
    "closed in a frame": Vice(answers.closed_in_a_frame, LOST, keeps_headers=True),
    "aborted in a message": Vice(answers.aborted_in_a_message, LOST, grpcio=CUT_OFF),
    # Streams that are reset.
    **of_resets(),
    "refused": Vice(refusals.always, NOT_STARTED),
    "refused after headers": Vice(
        resets.after_headers(frames.REFUSED_STREAM),
        ends(UNAVAILABLE, "UPSTREAM_RESET", "NOT_STARTED"),
        keeps_headers=True,
    ),
    # Silence.
    "silent": Vice(silence.silent, LATE, timeout=0.3),
    "silent after headers": Vice(
        silence.silent_after_headers, LATE, timeout=0.3, keeps_headers=True
    ),
    "no SETTINGS": Vice(
        silence.silent,
        ends((DEADLINE_EXCEEDED, UNAVAILABLE), *LATE.reasons, *NOT_REACHED.reasons),
        greets=silence.greet_with_nothing,
        timeout=0.3,
    ),
    "zero window": Vice(silence.silent, LATE, greets=silence.greet_without_a_window, timeout=0.3),
    "octet by octet": Vice(silence.octet_by_octet, WELL),
    # No HTTP/2.
    "garbage at once": Vice(honest.well, NOT_REACHED, greets=nonsense.greet_with_garbage),
    "HTTP/1.1": Vice(honest.well, NOT_REACHED, greets=nonsense.greet_with_http_1),
    "closed at once": Vice(honest.well, NOT_REACHED, greets=nonsense.greet_and_close),
    "garbage": Vice(nonsense.garbage, BROKEN),
    "garbage after headers": Vice(nonsense.garbage_after_headers, BROKEN, keeps_headers=True),
    # Answers that are none of gRPC's.
    "1xx first": Vice(answers.informational, WELL),
    **{
        f"HTTP status {status}": Vice(answers.http(status), ends(code))
        for status, code in STATUSES.items()
    },
    "HTML": Vice(answers.html, ends((UNKNOWN, INTERNAL))),
    "no trailers": Vice(answers.no_trailers, BROKEN, keeps_headers=True),
    "only headers": Vice(answers.only_headers, BROKEN),
    "trailers without a status": Vice(answers.trailers_without_status, BROKEN),
    "two :status": Vice(answers.two_statuses, BROKEN),
    "no :status": Vice(answers.no_status, BROKEN),
    "a name in capitals": Vice(answers.capitals, BROKEN),
    "a field of the connection": Vice(answers.connection_specific, BROKEN),
    "trailers that do not end": Vice(answers.trailers_that_do_not_end, BROKEN),
    "DATA before headers": Vice(answers.data_first, BROKEN),
    "more after the end": Vice(answers.more_after_the_end, WELL),
    # Field blocks.
    "headers too large": Vice(sizes.headers(sizes.LARGE), BROKEN),
    "too many headers": Vice(sizes.headers(sizes.MANY), BROKEN),
    "trailers too large": Vice(sizes.trailers(sizes.LARGE), BROKEN),
    "too many trailers": Vice(sizes.trailers(sizes.MANY), BROKEN),
    "HPACK bomb": Vice(sizes.bomb, BROKEN),
    "HPACK bomb in trailers": Vice(sizes.bomb_in_trailers, BROKEN),
    "CONTINUATION flood": Vice(sizes.continuations, BROKEN),
    # Floods.
    "PING flood": Vice(floods.pings, BROKEN),
    "PING ACK flood": Vice(floods.pongs, BROKEN),
    "SETTINGS flood": Vice(floods.settings, BROKEN),
    "SETTINGS ACK flood": Vice(floods.settings_acks, BROKEN),
    "empty DATA flood": Vice(floods.empty_data, BROKEN),
    "flood of padding": Vice(floods.padding, BROKEN),
    "WINDOW_UPDATE flood": Vice(floods.window_updates, BROKEN),
    "WINDOW_UPDATE flood of a call": Vice(floods.window_updates_of_a_call, BROKEN),
    "PRIORITY flood": Vice(floods.priorities, BROKEN),
    "flood of unknown frames": Vice(floods.unknown, BROKEN),
    "GOAWAY flood": Vice(floods.goaways, BROKEN),
    "1xx flood": Vice(floods.informational, BROKEN),
    # Windows.
    "window overflow": Vice(windows.overflow, BROKEN, keeps_headers=True),
    "window overflow of a call": Vice(windows.overflow_of_a_call, BROKEN, keeps_headers=True),
    "window update of zero": Vice(windows.update_of_zero, BROKEN, keeps_headers=True),
    "DATA beyond the window": Vice(
        windows.beyond,
        BROKEN,
        timeout=3.0,
        # Of what came before the end it reads one message, and so never gets there.
        grpcio=ends((INTERNAL, DEADLINE_EXCEEDED)),
    ),
    "no HPACK table": Vice(honest.well, WELL, greets=windows.greet_without_a_table),
    # Frames that may not be.
    "DATA on an idle stream": Vice(strays.data_on_an_idle_stream, BROKEN),
    "RST_STREAM of an idle stream": Vice(strays.reset_of_an_idle_stream, BROKEN),
    "answer on an idle stream": Vice(strays.answer_on_an_idle_stream, BROKEN),
    "answer on an even stream": Vice(strays.answer_on_an_even_stream, BROKEN),
    "DATA on the connection": Vice(strays.data_on_the_connection, BROKEN),
    "lone CONTINUATION": Vice(strays.lone_continuation, BROKEN),
    "too large a frame": Vice(strays.too_large_a_frame, BROKEN),
    "SETTINGS of a wrong size": Vice(strays.settings_of_a_wrong_size, BROKEN),
    "broken HPACK": Vice(strays.broken_hpack, BROKEN),
    "PUSH_PROMISE": Vice(strays.push, BROKEN),
    "frames of a closed stream": Vice(strays.frames_of_a_closed_stream, WELL),
}

# Those that tests of their own speak of.
OTHERS: dict[str, Vice] = {
    SOUND: Vice(honest.well, WELL),
    "tells": Vice(honest.tells, WELL),
    "refuses": Vice(honest.refuses, ends(9)),
    "answers early": Vice(honest.answers_early, WELL),
    "echoes": Vice(honest.echoes, WELL),
    "one at a time": Vice(refusals.OneAtATime(), WELL, greets=refusals.greet_for_one),
    "refused every second time": Vice(refusals.EverySecond(), WELL),
    "padding": Vice(windows.padding, ends(0)),
    "window shut and opened": Vice(windows.shut_and_open, WELL),
}

# Upstreams of several endpoints: a call that surely has not started goes to another one.
TOGETHER: dict[str, tuple[str, ...]] = {
    f"{name} or {SOUND}": (name, SOUND)
    for name in (
        "refused",
        "GOAWAY below",
        "garbage at once",
        "HTTP/1.1",
        "closed at once",
        "closed",
    )
}
