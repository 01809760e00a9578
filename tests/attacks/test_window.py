"""Bytes that come for streams that are no more go back to the connection's window, and once."""

from __future__ import annotations

import pytest

from tests.attacks.form import MIB
from tests.attacks.scene import Scene
from tests.attacks.windowed import Windowed
from tests.conformance.wire.frames import Frame
from tests.soak.client import RESET

# What the server gives a connection (docs/rpc.md).
WINDOW = 64 * MIB
# More than that in all, in streams that each stay below a stream's own window of 1 MiB.
STREAMS = 160
PER_STREAM = MIB // 2
# So many frames for streams that are over would be a flood, and its round trips pings too often.
NO_FLOOD = {"tercet.max_glitches": 1_000_000, "grpc.http2.max_ping_strikes": 0}


# Answered at once, and then given up by the server with NO_ERROR; or given up by the client.
@pytest.mark.parametrize(
    ("method", "then"), [("Missing", ()), ("Chat", (RESET,))], ids=["answered", "given up"]
)
def test_a_connection_window_outlives_closed_streams(method: str, then: tuple[Frame, ...]):
    with Scene(NO_FLOOD) as scene, Windowed(scene.port) as client:
        client.until_open(WINDOW)
        for _ in range(STREAMS):
            client.send_late(method, then, PER_STREAM)
        # A receiver may keep back what is not yet half of the window.
        assert WINDOW // 2 <= client.window <= WINDOW
        assert client.sent == STREAMS * PER_STREAM > WINDOW
