"""grpc-timeout in all its units, and what is none."""

from __future__ import annotations

import pytest

from tests.conformance.wire.conftest import Served, request
from tests.conformance.wire.connection import Answer, Connection
from tests.conformance.wire.frames import message
from tests.support import eventually

DEADLINE_EXCEEDED, INTERNAL = 4, 13


async def call(wire: Connection, method: str, timeout: bytes | None) -> Answer:
    wire.headers(1, request(method, grpc_timeout=timeout))
    wire.data(1, message(b""), end=True)
    return await wire.answer(1)


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (b"2H", 7200),
        (b"30M", 1800),
        (b"90S", 90),
        (b"90000m", 90),
        (b"90000000u", 90),
        (b"99999999n", 0.1),
        (b"00000090S", 90),
    ],
)
async def test_units(wire: Connection, timeout: bytes, seconds: float) -> None:
    """A server may round up, by up to a tenth."""
    (remaining,) = (await call(wire, "Remaining", timeout)).messages
    assert seconds * 0.5 < float(remaining) <= seconds * 1.1


async def test_none(wire: Connection) -> None:
    assert (await call(wire, "Remaining", None)).messages == [b"None"]


async def test_the_largest_is_no_error(wire: Connection) -> None:
    """11 000 years: more than a timer, or a count of nanoseconds in 64 bits, can hold."""
    answer = await call(wire, "Remaining", b"99999999H")
    assert answer.status == 0
    assert answer.messages == [b"None"] or float(answer.messages[0]) > 1e9


@pytest.mark.parametrize("timeout", [b"1x", b"15", b"S", b"-1S", b"1.5S", b"1S1", b""])
async def test_malformed(wire: Connection, served: Served, timeout: bytes) -> None:
    assert (await call(wire, "Echo", timeout)).status == INTERNAL
    assert served.notes == []


@pytest.mark.parametrize("timeout", [b"90m", b"90000u", b"90000000n"])
async def test_passed(wire: Connection, served: Served, timeout: bytes) -> None:
    """The server itself ends the call, and its handler, if a busy machine let it begin."""
    answer = await call(wire, "Wait", timeout)
    assert answer.status == DEADLINE_EXCEEDED or answer.reset is not None
    await eventually(lambda: served.notes in ([], ["started", "cancelled"]))


async def test_passed_before_it_began(wire: Connection) -> None:
    answer = await call(wire, "Wait", b"0n")
    assert answer.status == DEADLINE_EXCEEDED or answer.reset is not None
