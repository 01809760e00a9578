"""Calls that their clients give up: a million leave the server as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame
from tests.soak.client import Call, Client, connected
from tests.soak.form import FEWER, PARTS
from tests.soak.served import Served

# Less than a server may take for an attack: nghttp2 ends a connection at 1000 resets in a burst
# (CVE-2023-44487).
PER_CONNECTION = 500
AT_ONCE = 100
# The beginning of a message that says it has more.
PIECE = Frame(frames.DATA, 0, 0, frames.message(b"hel", length=1000))


def before_its_request(client: Client) -> None:
    client.begin(Call("Wait", None, reset=True), AT_ONCE)
    client.ping()


def before_it_starts(client: Client) -> None:
    """Request and reset arrive together."""
    client.begin(Call("Wait", reset=True), AT_ONCE)
    client.ping()


def inside_a_message(client: Client) -> None:
    """Of a stream whose handler has started and waits for the next message."""
    streams = client.begin(Call("Chat", end=False), AT_ONCE)
    client.send(*(PIECE._replace(stream=stream) for stream in streams))
    client.ping()
    client.cancel(streams)
    client.ping()


def while_its_handler_waits(client: Client) -> None:
    streams = client.begin(Call("Wait"), AT_ONCE)
    client.ping()
    client.cancel(streams)
    client.ping()


def while_it_writes(client: Client) -> None:
    """More than the connection's window lets go: most of them wait for room."""
    streams = client.begin(Call("Pour", b"20000 100"), AT_ONCE)
    client.ping()
    client.cancel(streams)
    client.ping()


def at_its_deadline(client: Client) -> None:
    """Given up by the server."""
    client.until_ended(client.begin(Call("Wait", timeout=b"1m"), AT_ONCE))


KINDS = [
    before_its_request,
    before_it_starts,
    inside_a_message,
    while_its_handler_waits,
    while_it_writes,
    at_its_deadline,
]


@pytest.mark.parametrize("give_up", KINDS)
def test_calls_given_up_leave_nothing_behind(served: Served, give_up: Callable[[Client], None]):
    def load() -> None:
        for _ in range(FEWER // PARTS // PER_CONNECTION):
            with connected(served.port) as client:
                for _ in range(PER_CONNECTION // AT_ONCE):
                    give_up(client)

    served.stays_flat(load, f"{FEWER} calls given up {give_up.__name__.replace('_', ' ')}")
