"""How a moment is shown."""

from __future__ import annotations

import time

import pytest

from tercet.cli.output import age
from tercet.cli.top.snapshot import COLUMNS, Key, Snapshot, cells, event_line, size
from tercet.cluster.v1 import cluster_pb2


def worker(
    service: str, slot: int = 0, generation: int = 1, **fields: object
) -> cluster_pb2.Worker:
    made = cluster_pb2.Worker(
        service=service, slot=slot, generation=generation, state=cluster_pb2.WORKER_STATE_READY
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_rows_are_in_the_order_of_the_mesh_and_none_is_left_out() -> None:
    described = cluster_pb2.DescribeResponse(
        services=[cluster_pb2.Service(name="gateway"), cluster_pb2.Service(name="compute")]
    )
    listed = [worker("compute", 1), worker("compute", 0, 2), worker("gateway"), worker("control")]
    # One replaces another, and was not there yet when the list was made.
    usage = [cluster_pb2.Usage(worker=worker("compute", 0, 3), calls=1)]
    rows = list(Snapshot(described, listed, usage).rows())
    assert [key for key, _, _ in rows] == [
        Key("gateway", 0, 1),
        Key("compute", 0, 2),
        Key("compute", 0, 3),
        Key("compute", 1, 1),
        Key("control", 0, 1),
    ]
    assert [used.calls if used else None for _, _, used in rows] == [None, None, 1, None, None]


def test_a_row() -> None:
    there = worker("shop", 2, pid=7, restarts=3)
    there.started.FromNanoseconds(int((time.time() - 3700) * 1e9))
    used = cluster_pb2.Usage(
        worker=there,
        rss_bytes=50 << 20,
        pss_bytes=1000 << 10,
        cpus=0.5,
        calls_per_second=1234.4,
        in_flight=4,
    )
    used.p99.FromMilliseconds(12)
    assert dict(zip(COLUMNS, cells(there, used), strict=True)) == {
        "SERVICE": "shop",
        "SLOT": "2",
        "PID": "7",
        "STATE": "ready",
        "AGE": "1 h 1 m",
        "RSS": "50 MiB",
        "PSS": "0.977 MiB",
        "CPU": "50 %",
        "CALLS/S": "1234",
        "IN FLIGHT": "4",
        "P50": "-",
        "P99": "12 ms",
        "RESTARTS": "3",
    }


def test_one_that_waits_has_no_usage() -> None:
    gone = worker("shop", state=cluster_pb2.WORKER_STATE_GONE)
    gone.retry.FromNanoseconds(int((time.time() + 9.8) * 1e9))
    shown = cells(gone, None)
    assert shown[2:5] == ("-", "retry in 10 s", "-")
    assert set(shown[5:-1]) == {"-"}


def test_an_event_is_a_line() -> None:
    event = cluster_pb2.Event(
        kind=cluster_pb2.EVENT_KIND_WORKER_EXITED, service="shop", slot=1, pid=7, text="SIGKILL"
    )
    assert event_line(event).endswith("  worker exited shop/1 pid 7: SIGKILL")
    mesh = cluster_pb2.Event(kind=cluster_pb2.EVENT_KIND_RELOAD_STARTED, slot=-1)
    assert event_line(mesh).endswith("  reload started")


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (3 << 31, "6 GiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("elapsed", "shown"),
    [(-1, "0 s"), (59.9, "59 s"), (61, "1 m 1 s"), (7300, "2 h 1 m"), (90000, "1 d 1 h")],
)
def test_ages(elapsed: float, shown: str) -> None:
    assert age(elapsed) == shown
