"""One program with its streams live."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from tercet.cli.exec_.feed import feed as feed_stdin
from tercet.cli.exec_.progress import Bar, Lines, ProgressView
from tercet.client import Outcome, Progress, Spawned, Stderr, Stdout


async def run(spawned: Spawned, program: str, *, feed: bool) -> Outcome:
    """Copies the program's output until it ends.

    A reader of ours that went away raises BrokenPipeError; leaving the context then kills the
    program, as SIGPIPE would have.
    """
    view: ProgressView = Bar(program) if sys.stderr.isatty() else Lines(program)
    with contextlib.closing(view):
        async with spawned:
            feeder = asyncio.create_task(_feed(spawned, feed))
            try:
                async for event in spawned:
                    match event:
                        case Stdout(data):
                            view.write(sys.stdout, data)
                        case Stderr(data):
                            view.write(sys.stderr, data)
                        case Progress():
                            view.update(event)
            finally:
                feeder.cancel()
                # What it raised is of the call, and was raised by the reading too.
                await asyncio.gather(feeder, return_exceptions=True)
    assert spawned.outcome is not None
    return spawned.outcome


async def _feed(spawned: Spawned, feed: bool) -> None:
    # A program may end before its input does: `head` is made for it.
    with contextlib.suppress(BrokenPipeError):
        if feed:
            await feed_stdin(sys.stdin.buffer.fileno(), spawned.write)
        await spawned.close_stdin()
