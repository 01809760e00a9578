"""Records as messages."""

from __future__ import annotations

from tercet.cluster.control import records
from tercet.cluster.messages import EventKind
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2
from tests.unit.cluster.control.made import event, record, service


def test_every_state_has_its_value_in_the_proto() -> None:
    assert set(records.STATES) == set(State)
    assert set(records.STATES.values()) == set(cluster_pb2.WorkerState.values()) - {0}


def test_every_kind_of_event_has_its_value_in_the_proto() -> None:
    assert set(records.KINDS) == set(EventKind)
    assert set(records.KINDS.values()) == set(cluster_pb2.EventKind.values()) - {0}


def test_a_worker_has_all_its_fields() -> None:
    made = records.worker(record(revision=4, gateway=True, retry=1_700_000_001.25, bind="x"))
    assert {field.name for field, _ in made.ListFields()} | {"slot"} == set(
        cluster_pb2.Worker.DESCRIPTOR.fields_by_name
    )
    assert made.started.ToMilliseconds() == 1_700_000_000_500
    assert made.retry.ToMilliseconds() == 1_700_000_001_250


def test_one_that_was_never_started_and_is_not_tried_again_has_no_times() -> None:
    made = records.worker(record(started=0.0))
    assert not made.HasField("started")
    assert not made.HasField("retry")


def test_services_and_events_have_theirs() -> None:
    made = records.service(service())
    assert (made.name, made.target, made.workers, made.engine) == ("greeter", "a:b", 2, "native")
    happened = records.event(event(3, slot=-1, service="x", generation=2, pid=9, text="t"))
    assert (happened.sequence, happened.slot, happened.service) == (3, -1, "x")
    assert (happened.generation, happened.pid, happened.text) == (2, 9, "t")
    assert happened.kind == cluster_pb2.EVENT_KIND_WORKER_READY
    assert happened.time.ToMilliseconds() == 1_700_000_000_500
    assert not happened.planned
    assert records.event(event(3, EventKind.WORKER_EXITED, planned=True)).planned
