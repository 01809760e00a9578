"""/metrics of the mesh, over HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.error
import urllib.request

import pytest

from tercet.cluster.control import metrics
from tercet.cluster.control.lists import Lists
from tercet.cluster.control.metrics import Metrics
from tercet.cluster.control.reports import Reports
from tercet.cluster.messages import EventKind, Workers
from tercet.cluster.scrapes import Listener
from tercet.cluster.states import State
from tests.unit.cluster.control.made import event, record, reported


async def scrape(listener: Listener) -> list[str]:
    url = f"http://{listener.server_name}:{listener.server_port}/metrics"

    def get() -> str:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read(), "utf-8")

    return (await asyncio.to_thread(get)).splitlines()


async def test_a_scrape_tells_of_all_workers_on_a_socket_of_the_supervisor() -> None:
    lists, reports = Lists(), Reports()
    told = Metrics(lists, reports)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listener = told.serve(f"fd:{listening.fileno()}")
        workers = [record(pid=os.getpid()), record("compute", pid=0, state=State.GONE)]
        lists.update(Workers(1, workers))
        reports.update(workers)
        reports.add(reported(ended=7))
        told.count(event(1, EventKind.RELOAD_FAILED))
        lines = await scrape(listener)
        calls = 'tercet_worker_calls_total{code="OK",method="a.B/C",service="greeter",worker="0"} 7'
        assert f"{calls}.0" in lines
        assert 'tercet_worker_up{service="compute",worker="0"} 0.0' in lines
        assert 'tercet_mesh_events_total{kind="reload_failed"} 1.0' in lines
        memory = 'tercet_worker_resident_memory_bytes{service="greeter",worker="0"}'
        (line,) = (line for line in lines if line.startswith(memory))
        assert float(line.split()[-1]) > 1 << 20
        await asyncio.to_thread(listener.stop)


async def test_the_counters_of_a_slot_never_go_back_while_its_workers_change() -> None:
    lists, reports = Lists(), Reports()
    told = Metrics(lists, reports)
    counts = []

    async def look(*workers: object) -> None:
        lists.update(Workers(1, list(workers)))  # type: ignore[arg-type]
        reports.update(lists.records)
        (slot,) = (await told.snapshot()).slots
        assert slot.statistics
        assert slot.cpu
        counts.append((slot.statistics.begun, slot.cpu > 0))

    reports.add(reported(ended=100))
    old = record(pid=os.getpid())
    new = record(generation=2, pid=os.getpid())
    await look(old)
    reports.add(reported(ended=110))
    await look(old, record(generation=2, pid=0, state=State.STARTING))
    await look(new)
    reports.add(reported(ended=5, generation=2))
    await look(new)
    assert counts == [(100, True), (110, True), (110, True), (115, True)]


async def test_a_loop_that_is_too_busy_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    listener = Metrics(Lists(), Reports()).serve("127.0.0.1:0")
    with pytest.raises(urllib.error.HTTPError) as raised:
        await scrape(listener)
    with raised.value:
        assert raised.value.code == 503
    await asyncio.to_thread(listener.stop)
