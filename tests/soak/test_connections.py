"""Connections opened and closed: thousands leave the server as it was."""

from __future__ import annotations

import pytest

from tests.soak.client import Call, Client
from tests.soak.form import CONNECTIONS, PARTS
from tests.soak.served import Served

AT_ONCE = 10


@pytest.mark.parametrize("abort", [False, True], ids=["in order", "with a reset"])
@pytest.mark.parametrize("running", [False, True], ids=["idle", "with calls"])
def test_connections_leave_nothing_behind(served: Served, abort: bool, running: bool):
    kinds = [
        Call("Wait"),
        Call("Pour", b"20000 100"),
        Call("Chat", end=False),
        Call("Ignore", end=False),
    ]

    def load() -> None:
        for _ in range(CONNECTIONS // PARTS // AT_ONCE):
            clients = [Client(served.port) for _ in range(AT_ONCE)]
            for client in clients:
                (stream,) = client.begin(Call("Echo"))
                client.until_ended([stream])
                if running:
                    for call in kinds:
                        client.begin(call)
                    client.ping()
            for client in clients:
                client.close(abort=abort)

    served.stays_flat(load, f"{CONNECTIONS} connections")
