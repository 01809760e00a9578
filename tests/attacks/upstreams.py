"""Upstreams that harm the gateway before them, if it lets them: by name, and how their calls end.

A call makes each begin; what it does then, it does on its one connection, or to the next ones.
"""

from __future__ import annotations

import asyncio
import time

from tests.conformance.gateway.link import ANSWER, LARGEST, Answers, Call, Greets, Link, greet
from tests.conformance.gateway.table import BROKEN, LATE, LOST, NOT_REACHED, WELL
from tests.conformance.gateway.vice import Outcome, Vice
from tests.conformance.gateway.vices import floods, silence, sizes, windows
from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame

# Seconds for which one that hangs up goes on doing so; between two octets of one that dribbles;
# and between two pings of one that does not read.
STORM = 0.5
DRIBBLE = 0.001
PAUSE = 0.05
FIELDS = b"".join(frames.block([(b"x-%d" % number, b"y" * 100)]) for number in range(100))
# Octets of an answer, each in a frame of its own.
TINY = 2000


def late(payload: bytes) -> Answers:
    """DATA for a stream that is over, without end."""

    async def answer(call: Call) -> None:
        await call.answer()
        flood = Frame(frames.DATA, 0, call.stream, payload).encode()
        flood *= max(1, floods.STEP // len(flood))
        sent = 0
        while not call.link.closed and sent < floods.ENOUGH:
            call.link.write(flood)
            sent += len(flood)
            await call.link.drain()

    return answer


async def endless_headers(call: Call) -> None:
    """Each CONTINUATION with fields in it."""
    call.frame(frames.HEADERS, 0, frames.block(ANSWER))
    while not call.over.is_set():
        call.frame(frames.CONTINUATION, 0, FIELDS)
        await call.link.drain()


async def never_reads(call: Call) -> None:
    """Whatever the gateway has to say piles up; and there is an answer that it owes each time."""
    call.link.deafen()
    while not call.over.is_set():
        # Few enough to be no flood.
        call.link.send(Frame(frames.PING, 0, 0, bytes(8)))
        await asyncio.sleep(PAUSE)


async def dribbles(call: Call) -> None:
    """An answer octet by octet that goes on for as long as the call lives."""
    call.headers()
    octets = Frame(frames.DATA, 0, call.stream, frames.message(b"")).encode()
    while not call.over.is_set():
        await call.link.dribble(octets, DRIBBLE)


async def shatters(call: Call) -> None:
    """A good answer, in as many frames as it has octets."""
    call.headers()
    for octet in frames.message(bytes(TINY)):
        await call.data(bytes([octet]))
    call.trailers()


class Storm:
    """Once it has a call, it accepts each connection and hangs up, for a while."""

    def __init__(self) -> None:
        self._until = 0.0

    async def answers(self, call: Call) -> None:
        self._until = time.monotonic() + STORM
        call.link.abort()

    async def greets(self, link: Link) -> None:
        if time.monotonic() < self._until:
            link.abort()
        else:
            await greet(link)


def flood(answers: Answers, outcome: Outcome = BROKEN, greets: Greets = greet) -> Vice:
    return Vice(answers, outcome, greets=greets, timeout=1.0)


STORMY = Storm()
UPSTREAMS = {
    "PING flood": flood(floods.pings),
    "PING ACK flood": flood(floods.pongs),
    "SETTINGS flood": flood(floods.settings),
    "WINDOW_UPDATE flood": flood(floods.window_updates),
    "WINDOW_UPDATE flood of a call": flood(floods.window_updates_of_a_call),
    "empty DATA flood": flood(floods.empty_data),
    "flood of padding": flood(floods.padding),
    "1xx flood": flood(floods.informational),
    "CONTINUATION flood": flood(sizes.continuations),
    "endless headers": flood(endless_headers),
    "headers too large": flood(sizes.headers(sizes.LARGE)),
    "HPACK bomb": flood(sizes.bomb),
    "HPACK bomb in trailers": flood(sizes.bomb_in_trailers),
    "DATA beyond the window": flood(windows.beyond),
    "DATA of a closed stream": flood(late(bytes(LARGEST)), WELL),
    "empty DATA of a closed stream": flood(late(b""), WELL),
    "never reads": flood(never_reads, LATE),
    "dribbles": flood(dribbles, LATE),
    "octet by octet": flood(silence.octet_by_octet, WELL),
    "shatters": flood(shatters, WELL._replace(messages=(bytes(TINY),))),
    "hangs up at once": flood(STORMY.answers, LOST, STORMY.greets),
}
# What may also be while it is connected anew, or when the connection was lost that others are on.
MEANWHILE = (*BROKEN.reasons, *LOST.reasons, *NOT_REACHED.reasons, *LATE.reasons)
