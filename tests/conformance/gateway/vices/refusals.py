"""Calls that are not taken."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

from tests.conformance.gateway.link import Call, Link
from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame

SETTINGS_MAX_CONCURRENT_STREAMS = 3
# Seconds that a call takes of an upstream that takes one at a time.
BUSY = 0.02


async def always(call: Call) -> None:
    call.reset(frames.REFUSED_STREAM)


@dataclass
class EverySecond:
    """Refuses one call, answers the next."""

    refuses: bool = True

    async def __call__(self, call: Call) -> None:
        refuse, self.refuses = self.refuses, not self.refuses
        if refuse:
            call.reset(frames.REFUSED_STREAM)
        else:
            await call.answer()


async def greet_for_one(link: Link) -> None:
    payload = struct.pack("!HI", SETTINGS_MAX_CONCURRENT_STREAMS, 1)
    link.send(Frame(frames.SETTINGS, 0, 0, payload))


@dataclass
class OneAtATime:
    """MAX_CONCURRENT_STREAMS is 1: a second stream is only for those who cannot know that yet."""

    running: int = 0

    async def __call__(self, call: Call) -> None:
        if self.running:
            if call.link.acknowledged:
                call.link.note("too many")
            call.reset(frames.REFUSED_STREAM)
            return
        self.running += 1
        await asyncio.sleep(BUSY)
        self.running -= 1
        await call.answer()
