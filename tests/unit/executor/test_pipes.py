from __future__ import annotations

import asyncio
import fcntl
import os

import pytest

from tercet.executor.pipes import Reader, Writer


async def test_bytes_arrive_and_then_the_end() -> None:
    reading, writing = os.pipe()
    reader = Reader(reading)
    os.write(writing, b"abcdef")
    assert await reader.read(4) == b"abcd"
    assert await reader.read(4) == b"ef"
    waiting = asyncio.create_task(reader.read())
    await asyncio.sleep(0)
    os.write(writing, b"g")
    assert await waiting == b"g"
    os.close(writing)
    assert await reader.read() == b""
    assert reader.ended.done()
    assert await reader.read() == b""


async def test_nothing_is_read_before_somebody_asks() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    reader = Reader(reading)
    capacity = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
    assert os.write(writing, b"x" * 2 * capacity) == capacity
    await asyncio.sleep(0.01)
    with pytest.raises(BlockingIOError):
        os.write(writing, b"x")
    assert len(await reader.read(capacity)) == capacity
    reader.close()
    os.close(writing)


async def test_a_pipe_hangs_up_when_no_writer_is_left_read_or_not() -> None:
    reading, writing = os.pipe()
    other = os.dup(writing)
    reader = Reader(reading)
    os.write(writing, b"unread")
    os.close(writing)
    assert not reader.hung_up
    os.close(other)
    assert reader.hung_up
    assert not reader.ended.done()
    assert await reader.read() == b"unread"
    assert await reader.read() == b""


@pytest.mark.parametrize("waiting", [b"", b"waiting"])
async def test_an_abandoned_pipe_ends_after_what_is_in_it(waiting: bytes) -> None:
    reading, writing = os.pipe()
    reader = Reader(reading)
    os.write(writing, waiting)
    task = asyncio.create_task(reader.read(3))
    if not waiting:
        await asyncio.sleep(0)
    reader.abandon()
    os.write(writing, b"later")
    got = await task
    while data := await reader.read(3):
        got += data
    assert got == waiting
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)


async def test_closing_wakes_who_waits_and_leaves_the_number_to_others() -> None:
    reading, writing = os.pipe()
    reader = Reader(reading)
    task = asyncio.create_task(reader.read())
    await asyncio.sleep(0)
    reader.close()
    # The number is taken again before the waiter runs.
    again, other = os.pipe()
    assert again == reading
    second = Reader(again)
    waiting = asyncio.create_task(second.read())
    assert await task == b""
    await asyncio.sleep(0)
    os.write(other, b"second")
    assert await waiting == b"second"
    second.close()
    os.close(writing)
    os.close(other)


async def test_a_cancelled_read_loses_nothing() -> None:
    reading, writing = os.pipe()
    reader = Reader(reading)
    task = asyncio.create_task(reader.read())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    os.write(writing, b"kept")
    assert await reader.read() == b"kept"
    reader.close()
    os.close(writing)


async def test_a_write_larger_than_the_pipe_goes_through_in_parts() -> None:
    reading, writing = os.pipe()
    reader, writer = Reader(reading), Writer(writing)
    data = bytes(range(256)) * 4096
    task = asyncio.create_task(writer.write(data))
    got = bytearray()
    while len(got) < len(data):
        got += await reader.read(50_000)
    await task
    assert bytes(got) == data
    writer.close()
    assert await reader.read() == b""


async def test_a_blocked_write_is_told_when_the_reader_goes_away() -> None:
    reading, writing = os.pipe()
    writer = Writer(writing)
    task = asyncio.create_task(writer.write(b"x" * 1_000_000))
    await asyncio.sleep(0.01)
    assert not task.done()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(task, 10)
    writer.close()


async def test_a_blocked_write_is_told_when_its_own_end_is_closed() -> None:
    reading, writing = os.pipe()
    writer = Writer(writing)
    task = asyncio.create_task(writer.write(b"x" * 1_000_000))
    await asyncio.sleep(0.01)
    writer.close()
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(task, 10)
    os.close(reading)
