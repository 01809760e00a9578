"""Health made from the states of the workers."""

from __future__ import annotations

from tercet.cluster.control.aggregate import statuses
from tercet.cluster.states import State
from tercet.rpc.health import NOT_SERVING, SERVING
from tests.unit.cluster.control.made import description, record


def test_a_service_is_healthy_while_one_worker_is_ready() -> None:
    dying = record(slot=1, state=State.GONE)
    assert statuses([record(), dying])["a.B"] == SERVING
    assert statuses([record(), dying])["readiness"] == SERVING
    assert statuses([dying])["greeter"] == NOT_SERVING


def test_readiness_needs_every_service_and_liveness_none() -> None:
    health = statuses([record(), record("compute", state=State.STARTING, grpc_services=[])])
    assert (health["readiness"], health[""]) == (NOT_SERVING, NOT_SERVING)
    assert health["liveness"] == SERVING
    assert statuses([record("control")])["readiness"] == NOT_SERVING


def test_while_one_worker_replaces_another_the_service_is_healthy() -> None:
    old, new = record(generation=1), record(generation=2, state=State.STARTING, grpc_services=[])
    starting = statuses([old, new])
    draining = statuses([record(state=State.DRAINING), record(generation=2)])
    for health in (starting, draining):
        assert set(health.values()) == {SERVING}


def test_a_service_of_which_all_drain_is_not() -> None:
    health = statuses([record(state=State.DRAINING), record("compute", grpc_services=["c.D"])])
    assert (health["greeter"], health["a.B"], health["readiness"]) == (NOT_SERVING,) * 3
    assert (health["c.D"], health["liveness"]) == (SERVING, SERVING)


def test_a_grpc_service_that_the_new_code_lacks_does_not_make_the_whole_unready() -> None:
    old = record(state=State.DRAINING, grpc_services=["a.B", "a.Old"])
    health = statuses([old, record(generation=2)])
    assert (health["a.Old"], health["a.B"], health["readiness"]) == (NOT_SERVING, SERVING, SERVING)


def test_a_service_that_a_reload_adds_or_takes_away_does_not_either() -> None:
    added = record("new", state=State.STARTING, grpc_services=[])
    assert statuses([record(), added], description("greeter"))["readiness"] == SERVING
    assert statuses([record(), added], description("greeter", "new"))["readiness"] == NOT_SERVING
    assert statuses([record()], description("greeter", "old"))["readiness"] == SERVING
    assert statuses([record()], description("old"))["readiness"] == NOT_SERVING
