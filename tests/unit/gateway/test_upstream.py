"""Who is picked while a worker is dead and the list of workers does not say so yet."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tercet import rpc
from tercet.gateway import upstream as module
from tercet.gateway.endpoint import Endpoint
from tercet.gateway.p2c import LeastOfTwo
from tercet.gateway.upstream import Upstream
from tests.support import eventually, running


class Fake:
    """An endpoint in the state that its address names."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.in_flight = {"connected": 5}.get(address, 0)

    @property
    def connected(self) -> bool:
        return self.address == "connected"

    @property
    def failing(self) -> bool:
        return self.address == "failing"


@pytest.mark.parametrize(
    ("states", "picked"),
    [
        # Lost: its connection is gone, and has not been tried again, so it is not known to fail.
        (["connected", "lost", "failing"], "connected"),
        (["lost", "failing"], "lost"),
        # Somebody must be asked, so that the call ends with the reason.
        (["failing"], "failing"),
    ],
)
async def test_the_likeliest_to_answer_is_picked(
    states: list[str], picked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Endpoint", Fake)
    upstream = Upstream("one", LeastOfTwo(Random(1)))
    upstream.update(states)
    assert {upstream.pick().address for _ in range(50)} == {picked}


async def test_asking_connects_an_endpoint(tmp_path: Path) -> None:
    # Else one that has gone idle would never be picked again beside one that is connected.
    async with running(rpc.server(), tmp_path):
        endpoint = Endpoint(f"unix:{tmp_path}/s")
        await eventually(lambda: endpoint.connected)
        await endpoint.channel.close()
    nobody = Endpoint(f"unix:{tmp_path}/nobody")
    await eventually(lambda: nobody.failing)
    assert not nobody.connected
    await nobody.channel.close()
