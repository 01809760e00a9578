"""The metrics of all gateway processes, put together for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import cast

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from tercet.gateway.metrics.families import PREFIX
from tercet.gateway.metrics.peers import Answers
from tercet.gateway.v1 import gateway_pb2

LABEL = "gateway"
Sample = tuple[str, gateway_pb2.MetricSample]


class Gateways(Collector):
    """A collector of prometheus_client; called from the threads that answer scrapes.

    Args:
        ask: Asks all gateways, this process among them, and waits for the answers.
    """

    def __init__(self, ask: Callable[[], Answers]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        answers = self._ask()
        up = GaugeMetricFamily(
            f"{PREFIX}up", "Whether the gateway process answers: 1 or 0.", labels=[LABEL]
        )
        for slot, answer in sorted(answers.items()):
            up.add_metric([str(slot)], float(answer is not None))
        yield up
        for family, samples in _merged(answers):
            yield METRICS[family.type](family, samples)


def _merged(answers: Answers) -> Iterable[tuple[gateway_pb2.MetricFamily, list[Sample]]]:
    """Families of one name are one, as the format wants it."""
    found: dict[str, tuple[gateway_pb2.MetricFamily, list[Sample]]] = {}
    for slot, answer in sorted(answers.items()):
        for family in answer.families if answer is not None else ():
            _, samples = found.setdefault(family.name, (family, []))
            samples.extend((str(slot), sample) for sample in family.samples)
    return found.values()


def _counter(family: gateway_pb2.MetricFamily, samples: Iterable[Sample]) -> Metric:
    made = CounterMetricFamily(family.name, family.help, labels=[*family.labels, LABEL])
    for slot, sample in samples:
        made.add_metric([*sample.labels, slot], sample.value)
    return made


def _gauge(family: gateway_pb2.MetricFamily, samples: Iterable[Sample]) -> Metric:
    made = GaugeMetricFamily(family.name, family.help, labels=[*family.labels, LABEL])
    for slot, sample in samples:
        made.add_metric([*sample.labels, slot], sample.value)
    return made


def _histogram(family: gateway_pb2.MetricFamily, samples: Iterable[Sample]) -> Metric:
    made = HistogramMetricFamily(family.name, family.help, labels=[*family.labels, LABEL])
    bounds = [*map(floatToGoString, family.bounds), "+Inf"]
    for slot, sample in samples:
        # Prometheus' buckets hold those of the lower ones too.
        counts = map(float, accumulate(sample.buckets))
        buckets = list(zip(bounds, counts, strict=True))
        made.add_metric([*sample.labels, slot], buckets, sample.value)
    return made


Maker = Callable[[gateway_pb2.MetricFamily, Iterable[Sample]], Metric]
METRICS = cast(
    "Mapping[int, Maker]",
    {
        gateway_pb2.METRIC_TYPE_COUNTER: _counter,
        gateway_pb2.METRIC_TYPE_GAUGE: _gauge,
        gateway_pb2.METRIC_TYPE_HISTOGRAM: _histogram,
    },
)
