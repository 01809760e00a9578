"""Rolling reloads, and services that grow and shrink: no call fails of it."""

from __future__ import annotations

import itertools

from tests.promises.conftest import Start
from tests.promises.form import ROUNDS, ROUNDS_BUILT_IN
from tests.promises.judging import nothing_failed
from tests.promises.loading import calling
from tests.promises.operators import Events, Operator
from tests.promises.scene import GATEWAYS, SERVICES, past, through

WORKERS = 2


def test_no_call_fails_of_a_reload(start: Start, suite: str) -> None:
    mesh = start(suite, workers=WORKERS)
    operator = Operator(mesh)
    rounds = rounds_of(suite)
    first = {each["pid"] for each in mesh.workers() if each["service"] != "control"}
    with Events(mesh) as events:
        direct = past(mesh, suite)
        with calling(through(mesh, suite), direct) as load:
            for number in range(rounds):
                assert operator.reload() == number + 2
        events.wait(lambda: len(events.of("reload_finished")) == rounds)
    nothing_failed(load.report)
    # All of them were replaced, each time.
    now = mesh.workers()
    assert first.isdisjoint(each["pid"] for each in now)
    generations = {
        (each["service"], each["slot"]): each["generation"]
        for each in now
        if each["service"] != "control"
    }
    assert set(generations.values()) == {rounds + 1}, generations
    assert len(generations) == GATEWAYS + WORKERS * len(SERVICES[suite])
    assert not events.of("reload_failed"), str(events)


def test_no_call_fails_when_a_service_grows_and_shrinks(start: Start, suite: str) -> None:
    mesh = start(suite, workers=WORKERS)
    operator = Operator(mesh)
    # Each in turn.
    services = itertools.cycle(["gateway", *SERVICES[suite]])
    with calling(through(mesh, suite), past(mesh, suite)) as load:
        for number, service in zip(range(scalings_of(suite)), services, strict=False):
            for wanted in (WORKERS + 1 + number % 2, WORKERS):
                operator.scale(service, wanted)
                assert len(mesh.workers(service)) == wanted
    nothing_failed(load.report)


def scalings_of(suite: str) -> int:
    return max(rounds_of(suite), 1 + len(SERVICES[suite]))


def rounds_of(suite: str) -> int:
    return ROUNDS if suite == "plain" else ROUNDS_BUILT_IN
