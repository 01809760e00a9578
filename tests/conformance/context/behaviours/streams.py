"""Reading and writing: too much, too little, too early, too large.

Not here, since grpc.aio never answers it: a half-close without the message that a method with one
request waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from tests.conformance.context.behaviour import Note, behaviour

MIB = 2**20


async def never_half_close(call: Any, messages: list[Any]) -> None:
    await call.write(b"one")
    while (message := await call.read()) is not grpc.aio.EOF:
        messages.append(message)


async def send_one_and_await(call: Any, messages: list[Any]) -> None:
    await call.write(b"one")
    messages.append(await call)


@behaviour("stream_stream")
async def never_reads(requests: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    yield b"unread"


@behaviour("stream_stream", requests=[bytes(MIB)] * 4)
async def never_reads_what_does_not_fit(
    requests: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    yield b"unread"


@behaviour("stream_stream", client=never_half_close)
async def returns_before_half_close(
    requests: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request
        return


@behaviour("stream_unary", client=send_one_and_await)
async def answers_before_half_close(requests: Any, context: Any, note: Note) -> Any:
    return await context.read()


@behaviour("stream_unary", until="end")
async def reads_past_the_end(requests: Any, context: Any, note: Note) -> bytes:
    for _ in range(5):
        message = await context.read()
        note("EOF" if message is grpc.aio.EOF else repr(message))
    note("end")
    return b""


@behaviour("stream_unary")
async def iterates_twice(requests: Any, context: Any, note: Note) -> bytes:
    note(repr([each async for each in requests]))
    note(repr([each async for each in requests]))
    return b""


@behaviour("stream_unary", requests=[b"one", b"two", b"three"])
async def iterates_and_reads(requests: Any, context: Any, note: Note) -> bytes:
    note(repr(await anext(requests)))
    note(repr(await context.read()))
    note(repr([each async for each in requests]))
    return b""


@behaviour("stream_unary", requests=[])
async def reads_from_an_empty_stream(requests: Any, context: Any, note: Note) -> bytes:
    note(repr([each async for each in requests]))
    return b"none"


@behaviour("stream_stream", requests=[b"", b"", b"a", b""])
async def empty_messages_are_messages(
    requests: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


@behaviour("unary_unary", client_kind="stream_stream", requests=[b"one", b"two"])
async def unary_with_two_messages(request: Any, context: Any, note: Note) -> Any:
    note("called")
    return request


@behaviour("unary_unary")
async def unary_that_reads(request: Any, context: Any, note: Note) -> bytes:
    message = await context.read()
    note("EOF" if message is grpc.aio.EOF else repr(message))
    return b"kept"


@behaviour("unary_stream")
async def stream_without_a_message(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    if request == b"never":
        yield b""


@behaviour("unary_stream")
async def writer_without_a_message(request: Any, context: Any, note: Note) -> None:
    note("called")


@behaviour("unary_stream")
async def writer_that_returns_something(request: Any, context: Any, note: Note) -> bytes:
    await context.write(b"one")
    return b"ignored"


@behaviour("unary_stream")
async def generator_that_also_writes(
    request: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    yield b"one"
    await context.write(b"two")
    yield b"three"


@behaviour("stream_stream", requests=[b"%d" % n for n in range(50)])
async def reads_and_writes_in_two_tasks(requests: Any, context: Any, note: Note) -> None:
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read() -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            queue.put_nowait(message)
        queue.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        while (message := await queue.get()) is not None:
            await context.write(message)


@behaviour("stream_stream", requests=[bytes([n]) * MIB for n in range(4)])
async def large_messages(requests: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


@behaviour("unary_unary", requests=[bytes(4 * MIB)])
async def message_of_the_largest_size(request: Any, context: Any, note: Note) -> bytes:
    return b"%d" % len(request)


@behaviour("unary_unary", requests=[bytes(4 * MIB + 1)])
async def message_larger_than_the_default(request: Any, context: Any, note: Note) -> bytes:
    note("called")
    return b""


OPTIONS = [("grpc.max_receive_message_length", 10), ("grpc.max_send_message_length", 20)]


@behaviour("unary_unary", requests=[bytes(11)], options=OPTIONS)
async def message_larger_than_the_option(request: Any, context: Any, note: Note) -> bytes:
    note("called")
    return b""


@behaviour("stream_unary", requests=[bytes(10), bytes(11)], options=OPTIONS)
async def second_message_too_large(requests: Any, context: Any, note: Note) -> bytes:
    note(str(len(await context.read())))
    await context.read()
    return b""


@behaviour("unary_unary", options=OPTIONS)
async def answer_too_large(request: Any, context: Any, note: Note) -> bytes:
    return bytes(21)


@behaviour("unary_stream", options=OPTIONS)
async def second_answer_too_large(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    yield bytes(20)
    yield bytes(21)
