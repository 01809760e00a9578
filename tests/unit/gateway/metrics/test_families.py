"""Counters of the data plane as metrics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tercet.gateway.metrics.families import Families
from tercet.gateway.v1 import gateway_pb2
from tercet.rpc._ledger import BUCKETS
from tests.unit.gateway.fakes import FakeEndpoint, FakeRoute, FakeUpstream, gateway


def read(*arguments: Any, **options: Any) -> dict[str, gateway_pb2.MetricFamily]:
    found = Families(gateway(*arguments, **options)).read()
    names = [family.name for family in found]
    assert len(set(names)) == len(names)
    return by_name(found)


def by_name(found: list[gateway_pb2.MetricFamily]) -> dict[str, gateway_pb2.MetricFamily]:
    return {family.name.removeprefix("tercet_gateway_"): family for family in found}


def values(family: gateway_pb2.MetricFamily) -> dict[tuple[str, ...], float]:
    assert all(len(sample.labels) == len(family.labels) for sample in family.samples)
    return {tuple(sample.labels): sample.value for sample in family.samples}


def test_calls_are_counted_by_method_and_code() -> None:
    one = FakeUpstream("one")
    routes = {
        "/a.B/C": FakeRoute(one, {0: 5, 14: 1}, in_flight=2),
        # What clients make up has one name.
        "/x/1": FakeRoute(None, {12: 1}),
        "/x/2": FakeRoute(None, {12: 1}),
    }
    # The front's own: a forwarded path is not counted twice.
    own = {("/grpc.health.v1.Health/Check", 0): 7, ("/a.B/C", 0): 5, ("", 12): 1}
    found = read(one, routes=routes, calls=own)
    assert values(found["calls"]) == {
        ("a.B/C", "OK"): 5,
        ("a.B/C", "UNAVAILABLE"): 1,
        ("other", "UNIMPLEMENTED"): 3,
        ("grpc.health.v1.Health/Check", "OK"): 7,
    }
    assert values(found["calls_in_flight"]) == {("a.B/C",): 2, ("other",): 0}


def test_durations_are_a_histogram() -> None:
    one = FakeUpstream("one")
    last = len(BUCKETS)
    routes = {"/a.B/C": FakeRoute(one, {0: 5}, seconds=321.5, buckets={0: 2, 3: 2, last: 1})}
    family = read(one, routes=routes)["call_duration_seconds"]
    [sample] = family.samples
    assert tuple(family.bounds) == BUCKETS
    assert list(sample.buckets) == [2, 0, 0, 2, *[0] * (last - 4), 1]
    assert (list(sample.labels), sample.value) == (["a.B/C"], 321.5)


def test_a_method_keeps_its_name_when_its_service_is_gone() -> None:
    route = FakeRoute(FakeUpstream("one"), {0: 5})
    families = Families(gateway(routes={"/a.B/C": route}))
    before = values(by_name(families.read())["calls"])
    route.upstream = None
    assert values(by_name(families.read())["calls"]) == before == {("a.B/C", "OK"): 5}


def test_upstreams_and_endpoints_are_told_apart() -> None:
    worker = FakeEndpoint("ipv4:1.1.1.1:1", in_flight=3, counts={"calls": 9, "ejections": 2})
    drained = FakeEndpoint("ipv4:1.1.1.2:1", drained=True)
    one = FakeUpstream("one", [worker, drained], waiting=4, counts={"queue_full": 6})
    found = read(one, FakeUpstream("two"))
    assert values(found["upstream_waiting_calls"]) == {("one",): 4, ("two",): 0}
    assert values(found["upstream_queue_full"]) == {("one",): 6, ("two",): 0}
    names = [("one", worker.identity), ("one", drained.identity)]
    assert values(found["endpoint_up"]) == dict(zip(names, (1, 0), strict=True))
    assert values(found["endpoint_calls_in_flight"]) == dict(zip(names, (3, 0), strict=True))
    assert values(found["endpoint_calls"]) == dict(zip(names, (9, 0), strict=True))
    assert values(found["endpoint_ejections"]) == dict(zip(names, (2, 0), strict=True))


def test_the_front_is_counted_too() -> None:
    found = read(connections=3, bytes_received=10, limits={"resets": 2}, dropped=8)
    assert values(found["connections"]) == {(): 3}
    assert values(found["received_bytes"]) == {(): 10}
    assert values(found["limits_applied"]) == {("resets",): 2}
    assert values(found["endpoint_limits_applied"]) == {("ping_flood",): 1}
    assert values(found["access_log_dropped_records"]) == {(): 8}


@pytest.mark.parametrize("name", ["connections", "calls_in_flight", "endpoint_up"])
def test_what_falls_is_no_counter(name: str) -> None:
    assert read()[name].type == gateway_pb2.METRIC_TYPE_GAUGE


async def test_the_statistics_of_a_real_front_are_understood() -> None:
    from tercet import rpc

    server: Any = rpc.server(engine="native")
    families = Families(
        gateway()._replace(server=lambda: {**server.statistics(), "endpoint_limits": {}})
    )
    assert ("resets",) in values(by_name(families.read())["limits_applied"])
    await server.stop(0)


def test_the_manual_has_the_same_metrics() -> None:
    manual = Path(__file__, "../../../../../docs/gateway-operations.md").resolve().read_text()
    table = manual.partition("## Metrics")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (\w+) \| (.*?) \|", table, re.MULTILINE)
    written = {
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)))
        for names, kind, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    kinds = gateway_pb2.MetricType
    assert written == {("up", "gauge", ())} | {
        (
            name + ("_total" if family.type == gateway_pb2.METRIC_TYPE_COUNTER else ""),
            kinds.Name(family.type).removeprefix("METRIC_TYPE_").lower(),
            tuple(family.labels),
        )
        for name, family in read().items()
    }
