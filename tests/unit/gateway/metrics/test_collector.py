"""The metrics of several gateways in the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from tercet.gateway.metrics.collector import Gateways
from tercet.gateway.metrics.families import Families
from tercet.gateway.v1 import gateway_pb2
from tests.unit.gateway.fakes import FakeRoute, FakeUpstream, gateway


def answer(slot: int, calls: int) -> gateway_pb2.GetMetricsResponse:
    upstream = FakeUpstream('gree"ter')
    route = FakeRoute(upstream, {0: calls}, seconds=1.5, buckets={0: 1, 2: calls - 1})
    read = Families(gateway(upstream, slot=slot, routes={"/a.B/C": route})).read()
    return gateway_pb2.GetMetricsResponse(gateway=slot, families=read)


def scraped(answers: dict[int, gateway_pb2.GetMetricsResponse | None]) -> dict[str, float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Gateways(lambda: answers))
    text = generate_latest(registry).decode()
    # One family each, however many gateways: the format's rule, which scrapers enforce.
    types = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(set(types)) == len(types)
    return {
        f"{sample.name}{{{written(sample.labels)}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def written(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels))


def test_each_sample_says_whose_it_is() -> None:
    found = scraped({0: answer(0, 5), 1: answer(1, 7)})
    assert found["tercet_gateway_calls_total{code=OK,gateway=0,method=a.B/C}"] == 5
    assert found["tercet_gateway_calls_total{code=OK,gateway=1,method=a.B/C}"] == 7
    assert found['tercet_gateway_upstream_waiting_calls{gateway=1,upstream=gree"ter}'] == 0


def test_buckets_hold_the_lower_ones_too() -> None:
    found = scraped({0: answer(0, 5)})
    prefix = "tercet_gateway_call_duration_seconds"
    assert found[prefix + "_bucket{gateway=0,le=1e-05,method=a.B/C}"] == 1
    assert found[prefix + "_bucket{gateway=0,le=5e-05,method=a.B/C}"] == 1
    assert found[prefix + "_bucket{gateway=0,le=0.0001,method=a.B/C}"] == 5
    assert found[prefix + "_bucket{gateway=0,le=+Inf,method=a.B/C}"] == 5
    assert found[prefix + "_count{gateway=0,method=a.B/C}"] == 5
    assert found[prefix + "_sum{gateway=0,method=a.B/C}"] == 1.5


def test_one_that_does_not_answer_is_down_and_nothing_else() -> None:
    found = scraped({0: answer(0, 5), 1: None})
    assert found["tercet_gateway_up{gateway=0}"] == 1
    assert found["tercet_gateway_up{gateway=1}"] == 0
    assert [name for name in found if "gateway=1" in name] == ["tercet_gateway_up{gateway=1}"]
