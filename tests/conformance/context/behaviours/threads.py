"""Plain functions and generators, which run on the thread pool with a context of their own."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import grpc

from tests.conformance.context.behaviour import Note, behaviour, tried

NOT_FOUND = grpc.StatusCode.NOT_FOUND


@behaviour("unary_unary")
def function(request: Any, context: Any, note: Note) -> Any:
    note(str(threading.current_thread() is threading.main_thread()))
    return request


@behaviour("unary_unary")
def function_aborts(request: Any, context: Any, note: Note) -> None:
    context.abort(NOT_FOUND, "none ☺", (("a", "1"),))


@behaviour("unary_unary", until="end")
def function_suppresses_abort(request: Any, context: Any, note: Note) -> bytes:
    tried(note, "abort", lambda: context.abort(NOT_FOUND, "none"))
    note("end")
    return b"too late"


@behaviour("unary_unary")
def function_raises(request: Any, context: Any, note: Note) -> None:
    raise ValueError("no")


@behaviour("unary_unary", worded=False)
def function_returns_none(request: Any, context: Any, note: Note) -> None:
    return None


@behaviour("unary_unary")
def function_sets_status(request: Any, context: Any, note: Note) -> bytes:
    context.set_code(NOT_FOUND)
    context.set_details("none")
    context.set_trailing_metadata((("a", "1"), ("b-bin", b"\xff")))
    return b"discarded"


@behaviour("unary_unary")
def function_sends_initial_metadata(request: Any, context: Any, note: Note) -> bytes:
    context.send_initial_metadata((("a", "1"),))
    return b"kept"


@behaviour("unary_unary")
def function_sends_initial_metadata_twice(request: Any, context: Any, note: Note) -> bytes:
    context.send_initial_metadata((("a", "1"),))
    tried(note, "again", lambda: context.send_initial_metadata((("b", "2"),)))
    return b"kept"


@behaviour("unary_unary", metadata=(("b", "2"), ("a", "1"), ("b", "3")), timeout=1000)
def function_looks_around(request: Any, context: Any, note: Note) -> bytes:
    note(repr([tuple(pair) for pair in context.invocation_metadata()]))
    note(re.sub(r"\d{4,}", "PORT", context.peer()))
    note(str(500 < context.time_remaining() < 1100))
    tried(note, "identities", context.peer_identities)
    return b""


@behaviour("unary_unary", until="called")
def function_adds_a_callback(request: Any, context: Any, note: Note) -> bytes:
    context.add_callback(lambda: note("called"))
    return b"kept"


@behaviour("unary_stream")
def generator(request: Any, context: Any, note: Note) -> Iterator[bytes]:
    yield b"one"
    yield b"two"


@behaviour("unary_stream")
def generator_without_a_message(request: Any, context: Any, note: Note) -> Iterator[bytes]:
    yield from ()


@behaviour("unary_stream")
def function_that_returns_an_iterator(request: Any, context: Any, note: Note) -> Iterator[bytes]:
    return iter([b"one", b"two"])


@behaviour("unary_stream")
def generator_raises_before_the_first(request: Any, context: Any, note: Note) -> Iterator[bytes]:
    if request:
        raise ValueError("no")
    yield b"never"


@behaviour("unary_stream")
def generator_raises_after_messages(request: Any, context: Any, note: Note) -> Iterator[bytes]:
    yield b"one"
    yield b"two"
    raise ValueError("no")


@behaviour("unary_stream")
def generator_sets_status(request: Any, context: Any, note: Note) -> Iterator[bytes]:
    yield b"one"
    context.set_code(NOT_FOUND)
    context.set_details("no more")
    context.set_trailing_metadata((("a", "1"),))


# No generator that aborts: on grpc.aio its abort races with its sends ("too many operations"), and
# the call may never end. tests/unit/rpc/test_interceptor.py has what we do instead.


@behaviour("unary_stream")
def generator_sends_initial_metadata(request: Any, context: Any, note: Note) -> Iterator[bytes]:
    context.send_initial_metadata((("a", "1"),))
    yield b"one"


@behaviour("stream_unary", requests=[b"one", b"two", b"three"])
def function_over_a_stream(requests: Any, context: Any, note: Note) -> bytes:
    return b" ".join(requests)


@behaviour("stream_unary", requests=[])
def function_over_an_empty_stream(requests: Any, context: Any, note: Note) -> bytes:
    return b"%d" % len(list(requests))


@behaviour("stream_unary")
def function_that_does_not_read(requests: Any, context: Any, note: Note) -> bytes:
    return b"unread"


@behaviour("stream_unary")
def function_aborts_a_stream(requests: Any, context: Any, note: Note) -> None:
    next(requests)
    context.abort(NOT_FOUND, "none")


@behaviour("stream_stream", requests=[b"one", b"two", b"three"])
def generator_over_a_stream(requests: Any, context: Any, note: Note) -> Iterator[bytes]:
    yield from requests


@behaviour("stream_stream")
def generator_that_returns_early(requests: Any, context: Any, note: Note) -> Iterator[bytes]:
    yield next(requests)


@behaviour("stream_stream")
def generator_raises_between_requests(requests: Any, context: Any, note: Note) -> Iterator[bytes]:
    for request in requests:
        yield request
        raise ValueError("no")
