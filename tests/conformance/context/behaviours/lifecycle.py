"""Deadlines, cancellation, done(), and the callbacks.

Not compared: done() and cancelled() of a call that the client has cancelled or whose deadline has
passed, of which grpc.aio says False; whether a read that waits then gives EOF or CancelledError,
which is a race there; and that a callback which raises keeps the later ones from being called.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tests.conformance.context.behaviour import Note, attempt, behaviour


async def forever() -> None:
    await asyncio.Event().wait()


def note_state(context: Any, note: Note) -> None:
    note(f"cancelled {context.cancelled()} done {context.done()} code {context.code()!r}")


async def cancel_after_a_message(call: Any, messages: list[Any]) -> None:
    messages.append(await call.read())
    call.cancel()


async def cancel_after_initial_metadata(call: Any, messages: list[Any]) -> None:
    await call.initial_metadata()
    call.cancel()


@behaviour("unary_unary", timeout=None)
async def time_remaining_without_a_deadline(request: Any, context: Any, note: Note) -> bytes:
    note(repr(context.time_remaining()))
    return b""


@behaviour("unary_unary", timeout=1000)
async def time_remaining_with_a_deadline(request: Any, context: Any, note: Note) -> bytes:
    remaining = context.time_remaining()
    note(f"{type(remaining).__name__} {500 < remaining < 1100}")
    return b""


@behaviour("unary_unary", timeout=0.2, until="end", worded=False)
async def deadline_in_unary(request: Any, context: Any, note: Note) -> None:
    try:
        await forever()
    except asyncio.CancelledError:
        # The client may have given up a little earlier: it has the same deadline, an older clock.
        note(f"little remains {context.time_remaining() < 0.15} code {context.code()!r}")
        raise
    finally:
        note("end")


@behaviour("unary_stream", timeout=0.2, until="end", worded=False)
async def deadline_in_a_stream(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    try:
        yield b"one"
        await forever()
    finally:
        note("end")


@behaviour("stream_stream", timeout=0.2, until="end", client=cancel_after_a_message, worded=False)
async def deadline_while_reading(requests: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    try:
        async for request in requests:
            yield request
    finally:
        note("end")


@behaviour(
    "unary_unary", client_kind="unary_stream", until="end", client=cancel_after_initial_metadata
)
async def cancel_in_unary(request: Any, context: Any, note: Note) -> None:
    await context.send_initial_metadata(())
    try:
        await forever()
    except asyncio.CancelledError:
        note(f"code {context.code()!r}")
        raise
    finally:
        note("end")


@behaviour("unary_stream", until="end", client=cancel_after_a_message)
async def cancel_in_a_generator(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    try:
        yield b"one"
        await forever()
    except asyncio.CancelledError:
        note(f"code {context.code()!r}")
        raise
    finally:
        note("end")


@behaviour("unary_stream", until="end", client=cancel_after_a_message)
async def cancel_in_a_writer(request: Any, context: Any, note: Note) -> None:
    await context.write(b"one")
    try:
        await forever()
    finally:
        note("end")


@behaviour(
    "unary_unary", client_kind="unary_stream", until="end", client=cancel_after_initial_metadata
)
async def cancel_suppressed(request: Any, context: Any, note: Note) -> bytes:
    await context.send_initial_metadata(())
    try:
        await forever()
    except asyncio.CancelledError:
        note("suppressed")
    await asyncio.sleep(0)
    note("end")
    return b"too late"


@behaviour("unary_stream", until="called", client=cancel_after_a_message)
async def cancel_calls_the_callbacks(
    request: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    context.add_done_callback(lambda same: note(f"{same is context}"))
    context.add_done_callback(lambda same: note("called"))
    yield b"one"
    await forever()


@behaviour("stream_stream", until="end", client=cancel_after_a_message)
async def cancel_a_child_that_reads(requests: Any, context: Any, note: Note) -> None:
    await context.write(b"one")

    async def read_on() -> None:
        try:
            await forever()
        finally:
            note("child")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(read_on())
    finally:
        note("end")


@behaviour("unary_unary", until="called")
async def callbacks_after_success(request: Any, context: Any, note: Note) -> bytes:
    context.add_done_callback(lambda same: note(f"{same is context} {same.done()} {same.code()}"))
    context.add_done_callback(lambda same: note("called"))
    note_state(context, note)
    return b""


@behaviour("unary_unary", until="called")
async def callbacks_after_an_abort(request: Any, context: Any, note: Note) -> None:
    context.add_done_callback(lambda same: note(f"{same.done()} {same.code()} {same.details()}"))
    context.add_done_callback(lambda same: note("called"))
    await attempt(note, "abort", context.abort(context.code() or 10, "no"))


@behaviour("unary_unary", until="called")
async def callbacks_after_an_exception(request: Any, context: Any, note: Note) -> None:
    context.add_done_callback(lambda same: note(f"{same.done()} {same.code()} {same.details()}"))
    context.add_done_callback(lambda same: note("called"))
    raise ValueError("no")


@behaviour("unary_unary", until="before")
async def callback_that_raises(request: Any, context: Any, note: Note) -> bytes:
    def fail(same: Any) -> None:
        raise ValueError("in a callback")

    context.add_done_callback(lambda same: note("before"))
    context.add_done_callback(fail)
    return b"kept"
