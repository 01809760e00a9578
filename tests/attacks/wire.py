"""An attacker's connection: sends what its steps say, and notes what the server answers."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections import Counter
from typing import cast

import hpack

from tests.attacks.attack import Attack
from tests.attacks.form import GRACE
from tests.conformance.wire import frames

CALM = 11


class Wire(asyncio.Protocol):
    """One connection of an attack.

    Attributes:
        words: What it saw, and how often: "goaway CODE" (of code 11 "goaway 11 DEBUG"),
            "reset CODE", "status CODE", and at last how it ended: "closed" (by the server), "left"
            (its steps ended) or "cut" (its time was over and the server had not closed).
        sent: Bytes that were given to the transport.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack
        # Only where a status is looked for: to decode is the dearest thing here.
        decodes = any(word.startswith("status") for word in attack.sees)
        self._decoder = hpack.Decoder() if decodes else None
        self._unread = b""
        self._closed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.words: Counter[str] = Counter()
        self.sent = 0

    async def run(self, until: float) -> None:
        """Follows the steps until a time of time.monotonic(); then the server may yet close."""
        # Not in connection_made: uvloop begins to read after it.
        if not self._attack.reads:
            self._transport.pause_reading()
        for step in self._attack.steps():
            if isinstance(step, float):
                await _wait(self._closed, min(step, until + GRACE - time.monotonic()))
            elif time.monotonic() >= until:
                break
            else:
                self._transport.write(step)
                self.sent += len(step)
                # A transport that is never full would keep the loop to itself.
                await asyncio.sleep(0)
                await _wait(self._writable, until - time.monotonic())
            if self._closed.is_set() or time.monotonic() >= until + GRACE:
                break
        else:
            self._end("left")
            return
        await _wait(self._closed, until + GRACE - time.monotonic())
        self._end("closed" if self._closed.is_set() else "cut")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def eof_received(self) -> bool:
        return self._attack.persists

    def connection_lost(self, error: Exception | None) -> None:
        self._closed.set()
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        at = 0
        while len(data) - at >= 9:
            size = int.from_bytes(data[at : at + 3])
            if len(data) - at < 9 + size:
                break
            self._note(data[at + 3], data[at + 9 : at + 9 + size])
            at += 9 + size
        self._unread = data[at:]

    def _note(self, kind: int, payload: bytes) -> None:
        if kind == frames.GOAWAY:
            (code,) = struct.unpack_from("!I", payload, 4)
            debug = f" {payload[8:].decode(errors='replace')}" if code == CALM else ""
            self.words[f"goaway {code}{debug}"] += 1
        elif kind == frames.RST_STREAM:
            self.words[f"reset {int.from_bytes(payload)}"] += 1
        elif kind == frames.HEADERS and self._decoder is not None:
            for name, value in self._decoder.decode(payload):
                if name == "grpc-status":
                    self.words[f"status {value}"] += 1

    def _end(self, how: str) -> None:
        self.words[how] += 1
        self._transport.abort()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until it is set, or for so long."""
    if not event.is_set() and seconds > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
