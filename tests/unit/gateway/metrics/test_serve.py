"""`/metrics` over several gateway processes."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tercet import rpc
from tercet.cluster.messages import WorkerRecord
from tercet.cluster.scrapes import Listener
from tercet.cluster.states import State
from tercet.gateway.admin import Admin
from tercet.gateway.admin_socket import admin_socket
from tercet.gateway.metrics import peers as peers_module
from tercet.gateway.metrics import serve as module
from tercet.gateway.metrics.peers import Peers
from tercet.gateway.metrics.serve import serve
from tercet.gateway.v1 import gateway_pb2_grpc
from tests.unit.gateway.fakes import gateway


def worker(
    folder: Path,
    slot: int,
    state: State = State.READY,
    service: str = "gateway",
    generation: int = 1,
) -> WorkerRecord:
    return WorkerRecord(
        service=service,
        slot=slot,
        generation=generation,
        pid=1,
        state=state,
        bound=True,
        address=f"unix:{folder}/{service}.{slot}.{generation}.sock",
        bind="",
        grpc_services=[],
        started=0.0,
        restarts=0,
        last_exit="",
        routed=False,
    )


@asynccontextmanager
async def admin(folder: Path, slot: int, servicer: Any = None) -> AsyncIterator[None]:
    server = rpc.server()
    gateway_pb2_grpc.add_GatewayServicer_to_server(
        servicer or Admin(gateway(slot=slot, connections=10 + slot)), server
    )
    server.add_insecure_port(admin_socket(worker(folder, slot).address))
    await server.start()
    yield
    await server.stop(0)


def get(listener: Listener, path: str = "/metrics") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{listener.server_port}{path}", timeout=30
        ) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@asynccontextmanager
async def listening(peers: Peers, slot: int = 0) -> AsyncIterator[Listener]:
    own = Admin(gateway(slot=slot, connections=10 + slot))
    listener = serve("127.0.0.1:0", own.metrics, peers)
    try:
        yield listener
    finally:
        await asyncio.to_thread(listener.stop)


async def test_whichever_is_asked_answers_for_all(tmp_path: Path) -> None:
    peers = Peers("gateway", 0)
    peers.update([worker(tmp_path, 0), worker(tmp_path, 1), worker(tmp_path, 0, service="other")])
    async with admin(tmp_path, 1), listening(peers) as listener:
        status, text = await asyncio.to_thread(get, listener)
    assert status == 200
    lines = text.splitlines()
    assert 'tercet_gateway_connections{gateway="0"} 10.0' in lines
    assert 'tercet_gateway_connections{gateway="1"} 11.0' in lines
    up = [line for line in lines if line.startswith("tercet_gateway_up")]
    assert up == ['tercet_gateway_up{gateway="0"} 1.0', 'tercet_gateway_up{gateway="1"} 1.0']


async def test_those_that_do_not_answer_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers_module, "PATIENCE", 0.3)
    asked = asyncio.Event()

    class Silent(gateway_pb2_grpc.GatewayServicer):
        async def GetMetrics(self, request: Any, context: Any) -> Any:
            asked.set()
            await asyncio.Event().wait()

    peers = Peers("gateway", 0)
    peers.update([worker(tmp_path, 1), worker(tmp_path, 2), worker(tmp_path, 3, State.GONE)])
    # 1 hangs, 2 was killed and nobody has said so yet, 3 is known to be gone.
    async with admin(tmp_path, 1, Silent()), listening(peers) as listener:
        status, text = await asyncio.to_thread(get, listener)
    assert status == 200
    assert asked.is_set()
    for slot, value in enumerate((1, 0, 0, 0)):
        assert f'tercet_gateway_up{{gateway="{slot}"}} {value}.0' in text.splitlines()
    assert 'connections{gateway="0"}' in text
    assert 'connections{gateway="1"}' not in text


async def test_of_several_in_a_slot_the_one_that_fills_it_is_asked(tmp_path: Path) -> None:
    peers = Peers("gateway", 0)
    peers.update([worker(tmp_path, 1), worker(tmp_path, 1, State.DRAINING, generation=0)])
    async with admin(tmp_path, 1):
        assert [answer is not None for answer in (await peers.ask()).values()] == [True]


async def test_nothing_else_is_served(tmp_path: Path) -> None:
    async with listening(Peers("gateway", 0)) as listener:
        assert (await asyncio.to_thread(get, listener, "/"))[0] == 404


async def test_a_loop_that_is_too_busy_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(module, "MARGIN", 0.1)

    class Busy(Peers):
        async def ask(self) -> Any:
            await asyncio.sleep(60)

    async with listening(Busy("gateway", 0)) as listener:
        status, text = await asyncio.to_thread(get, listener)
    assert (status, text) == (503, "the server is busy\n")


async def test_a_scrape_may_ask_for_some(tmp_path: Path) -> None:
    async with listening(Peers("gateway", 4), slot=4) as listener:
        path = "/metrics?name[]=tercet_gateway_connections"
        status, text = await asyncio.to_thread(get, listener, path)
    assert status == 200
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ['tercet_gateway_connections{gateway="4"} 14.0']
