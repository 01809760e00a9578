"""Metrics of all workers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from tercet.cluster.control.families import LABELS, Slot, Snapshot, families
from tercet.cluster.messages import EventKind, WorkerRecord
from tercet.cluster.states import State
from tercet.cluster.statistics import Loop, Statistics, decode
from tests.unit.cluster.control.made import counted, description, encoded, record


def slot(
    *workers: WorkerRecord, statistics: Statistics | None = None, cpu: float | None = 1.5
) -> Slot:
    first = workers[0]
    return Slot(first.service, first.slot, workers, statistics, rss=1000, cpu=cpu)


def told(slots: Sequence[Slot], **events: int) -> dict[str, dict[tuple[str, ...], float]]:
    """What Prometheus reads: by name of the sample, by the values of its labels."""
    snapshot = Snapshot(
        slots, {EventKind(kind): count for kind, count in events.items()}, description("greeter")
    )

    class Given(Collector):
        def collect(self) -> Sequence[object]:  # type: ignore[override]
            return list(families(snapshot))

    registry = CollectorRegistry()
    registry.register(Given())
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            # Those that all have come first.
            labels = tuple(sample.labels.pop(name) for name in LABELS if name in sample.labels)
            labels += tuple(value for _, value in sorted(sample.labels.items(), reverse=True))
            # Prometheus drops a whole scrape that has one series twice.
            assert labels not in series, (sample.name, labels)
            series[labels] = sample.value
    return found


def test_a_worker_is_told_of_by_service_and_slot() -> None:
    found = told([slot(record(restarts=3)), slot(record(slot=1, state=State.STARTING), cpu=None)])
    assert found["tercet_worker_up"] == {("greeter", "0"): 1, ("greeter", "1"): 0}
    assert found["tercet_worker_restarts_total"]["greeter", "0"] == 3
    assert found["tercet_worker_resident_memory_bytes"]["greeter", "0"] == 1000
    assert found["tercet_worker_cpu_seconds_total"] == {("greeter", "0"): 1.5}
    assert found["tercet_worker_start_time_seconds"]["greeter", "0"] == 1_700_000_000.5


def test_two_workers_of_one_slot_are_one_series() -> None:
    old = record(generation=4, state=State.DRAINING)
    found = told([slot(old, record(generation=5, revision=2))])
    assert found["tercet_worker_up"] == {("greeter", "0"): 1}
    assert found["tercet_worker_generation"] == {("greeter", "0"): 5}
    assert found["tercet_worker_revision"] == {("greeter", "0"): 2}
    assert found["tercet_worker_processes"] == {
        ("greeter", "0", "starting"): 0,
        ("greeter", "0", "ready"): 1,
        ("greeter", "0", "draining"): 1,
        ("greeter", "0", "gone"): 0,
    }


def test_calls_are_told_by_method_and_status_and_in_buckets() -> None:
    statistics = decode(encoded(counted(3, calls={"/a.B/C": {0: 2}, "": {12: 1}, "/x": {99: 1}})))
    found = told([slot(record(), statistics=statistics)])
    assert found["tercet_worker_calls_total"] == {
        ("greeter", "0", "a.B/C", "OK"): 2,
        ("greeter", "0", "other", "UNIMPLEMENTED"): 1,
        ("greeter", "0", "x", "99"): 1,
    }
    assert found["tercet_worker_call_duration_seconds_bucket"] == {
        ("greeter", "0", "a.B/C", "0.001"): 0,
        ("greeter", "0", "a.B/C", "0.002"): 3,
        ("greeter", "0", "a.B/C", "+Inf"): 3,
    }
    assert found["tercet_worker_call_duration_seconds_sum"] == {
        ("greeter", "0", "a.B/C"): pytest.approx(0.0045)
    }
    assert found["tercet_worker_call_duration_seconds_count"] == {("greeter", "0", "a.B/C"): 3}
    # Of limits, those that were applied.
    assert found["tercet_worker_limits_applied_total"] == {("greeter", "0", "idle"): 5}
    assert found["tercet_worker_connections"]["greeter", "0"] == 1
    assert found["tercet_worker_connections_accepted_total"]["greeter", "0"] == 2
    assert found["tercet_worker_received_bytes_total"]["greeter", "0"] == 3
    assert found["tercet_worker_sent_bytes_total"]["greeter", "0"] == 4


def test_a_worker_that_does_not_add_times_up_has_no_sum() -> None:
    statistics = decode(encoded(counted(3, seconds={})))
    found = told([slot(record(), statistics=statistics)])
    assert "tercet_worker_call_duration_seconds_sum" not in found
    assert ("greeter", "0", "a.B/C", "+Inf") in found["tercet_worker_call_duration_seconds_bucket"]


def test_what_is_not_known_has_no_series() -> None:
    some = Statistics(calls_running=2)
    found = told([slot(record(), statistics=some), slot(record(slot=1))])
    assert found["tercet_worker_calls_in_flight"] == {("greeter", "0"): 2}
    for name in ("connections", "sent_bytes_total", "loop_lag_seconds", "calls_total"):
        assert f"tercet_worker_{name}" not in found


def test_lag_and_waiting_for_a_thread_are_told_if_they_are_reported() -> None:
    found = told([slot(record(), statistics=Statistics(loop=Loop(0.25, 0.5)))])
    assert found["tercet_worker_loop_lag_seconds"]["greeter", "0"] == 0.25
    assert found["tercet_worker_handler_pool_wait_seconds"]["greeter", "0"] == 0.5


def test_the_mesh_is_told_of() -> None:
    found = told([slot(record())], reload_failed=2)
    assert found["tercet_mesh_events_total"]["reload_failed",] == 2
    assert found["tercet_mesh_events_total"]["worker_hung",] == 0
    assert found["tercet_mesh_revision"][()] == 1
    assert found["tercet_mesh_reload_failed"][()] == 0
    assert found["tercet_mesh_workers"]["greeter",] == 2
