"""The metrics of one gateway process, read off the data plane's counters when they are asked for.

Names follow Prometheus' conventions, and OpenTelemetry's (gRFC A66) where they have one:
`grpc.server.call.duration` is call_duration_seconds. Methods are "package.Service/Method". Every
sample gets the label `gateway` where the answers of all processes are put together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc

from tercet.gateway.observed import Endpoint, Gateway, Route, Upstream
from tercet.gateway.v1 import gateway_pb2
from tercet.rpc._ledger import BUCKETS

PREFIX = "tercet_gateway_"
# Of calls whose path leads nowhere: clients make up as many as they like.
OTHER = "other"
# gRPC statuses by number.
CODES = {code.value[0]: code.name for code in grpc.StatusCode}

COUNTER = gateway_pb2.METRIC_TYPE_COUNTER
GAUGE = gateway_pb2.METRIC_TYPE_GAUGE
HISTOGRAM = gateway_pb2.METRIC_TYPE_HISTOGRAM

Samples = Iterable[tuple[Sequence[str], float]]

# Name of the metric, key in `statistics()`, help.
ENDPOINT_COUNTERS = (
    ("endpoint_calls", "calls", "Calls that were begun on the endpoint."),
    ("endpoint_failures", "failures", "Calls that the endpoint lost, reset or garbled."),
    ("endpoint_retries", "retries", "Calls that it did not begin and that were tried elsewhere."),
    ("endpoint_ejections", "ejections", "Times that it was taken out for failing to connect."),
    ("endpoint_connects", "connects", "Connections made to the endpoint."),
    ("endpoint_connect_failures", "connect_failures", "Attempts to connect to it that failed."),
)
UPSTREAM_COUNTERS = (
    ("upstream_queued_calls", "queued", "Calls that have waited for an endpoint."),
    ("upstream_queue_full", "queue_full", "Calls that were refused, the queue being full."),
    ("upstream_retries", "retries", "Calls that were tried again on another endpoint."),
)
SERVER_COUNTERS = (
    ("connections_accepted", "connections_accepted", "Connections that clients have opened."),
    ("received_bytes", "bytes_received", "Bytes read from clients."),
    ("sent_bytes", "bytes_sent", "Bytes written to clients."),
)


class Families:
    """Belongs to the gateway's loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        # Paths that have led somewhere keep their name when their service is gone: counters that
        # moved to another name would look like calls.
        self._named: set[str] = set()

    def read(self) -> list[gateway_pb2.MetricFamily]:
        """All metrics, as they stand now."""
        server = self._gateway.server()
        upstreams = list(self._gateway.upstreams())
        return [
            *_calls(self._by_method(), _own_calls(self._gateway, server)),
            *_upstreams(upstreams),
            *_server(server),
            _family(
                "access_log_dropped_records",
                COUNTER,
                "Sampled calls that the access log could not be given in time.",
                (),
                [((), self._gateway.dropped_records())],
            ),
        ]

    def _by_method(self) -> dict[str, list[Route]]:
        routes = self._gateway.routes()
        self._named.intersection_update(routes)
        self._named.update(path for path, route in routes.items() if route.upstream is not None)
        found: dict[str, list[Route]] = {}
        for path, route in routes.items():
            method = path.removeprefix("/") if path in self._named else OTHER
            found.setdefault(method, []).append(route)
        return found


def _own_calls(gateway: Gateway, server: Mapping[str, Any]) -> Counter[tuple[str, int]]:
    """What the front answers itself, such as health, or has refused before it had a path."""
    routes = gateway.routes()
    found: Counter[tuple[str, int]] = Counter()
    for (path, code), count in server["calls"].items():
        if path not in routes:
            found[path.removeprefix("/") or OTHER, code] += count
    return found


def _calls(
    routes: Mapping[str, Sequence[Route]], own: Counter[tuple[str, int]]
) -> Iterable[gateway_pb2.MetricFamily]:
    codes = own.copy()
    for method, those in routes.items():
        for route in those:
            for code, count in route.codes().items():
                codes[method, code] += count
    yield _family(
        "calls",
        COUNTER,
        "Calls that have ended, by the status that the client got.",
        ("method", "code"),
        (((method, CODES.get(code, str(code))), count) for (method, code), count in codes.items()),
    )
    yield _family(
        "calls_in_flight",
        GAUGE,
        "Forwarded calls that have not ended, waiting ones among them.",
        ("method",),
        (((method,), sum(route.in_flight for route in those)) for method, those in routes.items()),
    )
    histogram = _family(
        "call_duration_seconds",
        HISTOGRAM,
        "Time of forwarded calls, from the request's headers to the status.",
        ("method",),
    )
    histogram.bounds.extend(BUCKETS)
    for method, those in routes.items():
        histogram.samples.add(
            labels=(method,),
            value=sum(route.seconds for route in those),
            buckets=map(sum, zip(*(route.latencies() for route in those), strict=True)),
        )
    yield histogram


def _upstreams(upstreams: Sequence[Upstream]) -> Iterable[gateway_pb2.MetricFamily]:
    yield _family(
        "upstream_waiting_calls",
        GAUGE,
        "Calls that wait for an endpoint.",
        ("upstream",),
        (((upstream.name,), upstream.waiting) for upstream in upstreams),
    )
    counts = [(upstream.name, upstream.statistics()) for upstream in upstreams]
    for name, key, text in UPSTREAM_COUNTERS:
        samples = (((upstream,), counted[key]) for upstream, counted in counts)
        yield _family(name, COUNTER, text, ("upstream",), samples)
    yield from _endpoints(
        [
            ((upstream.name, endpoint.identity), endpoint)
            for upstream in upstreams
            for endpoint in upstream.endpoints
        ]
    )


def _endpoints(
    endpoints: Sequence[tuple[tuple[str, str], Endpoint]],
) -> Iterable[gateway_pb2.MetricFamily]:
    labels = ("upstream", "endpoint")
    yield _family(
        "endpoint_up",
        GAUGE,
        "Whether the endpoint takes calls: 1 or 0.",
        labels,
        ((names, _takes_calls(endpoint)) for names, endpoint in endpoints),
    )
    yield _family(
        "endpoint_calls_in_flight",
        GAUGE,
        "Calls of this gateway that the endpoint has now.",
        labels,
        ((names, endpoint.in_flight) for names, endpoint in endpoints),
    )
    counts = [(names, endpoint.statistics()) for names, endpoint in endpoints]
    for name, key, text in ENDPOINT_COUNTERS:
        samples = ((names, counted[key]) for names, counted in counts)
        yield _family(name, COUNTER, text, labels, samples)


def _takes_calls(endpoint: Endpoint) -> bool:
    return endpoint.connected and endpoint.healthy and not endpoint.drained


def _server(server: Mapping[str, Any]) -> Iterable[gateway_pb2.MetricFamily]:
    yield _family(
        "connections", GAUGE, "Connections of clients.", (), [((), server["connections"])]
    )
    for name, key, text in SERVER_COUNTERS:
        yield _family(name, COUNTER, text, (), [((), server[key])])
    yield _family(
        "limits_applied",
        COUNTER,
        "Times that a limit on clients was applied: docs/security.md lists them.",
        ("limit",),
        (((name,), count) for name, count in server["limits"].items()),
    )
    yield _family(
        "endpoint_limits_applied",
        COUNTER,
        "Times that an endpoint went beyond a limit.",
        ("limit",),
        (((name,), count) for name, count in server["endpoint_limits"].items() if count),
    )


def _family(
    name: str,
    kind: gateway_pb2.MetricType,
    text: str,
    labels: Sequence[str],
    samples: Samples = (),
) -> gateway_pb2.MetricFamily:
    made = gateway_pb2.MetricFamily(name=PREFIX + name, help=text, type=kind, labels=labels)
    for values, value in samples:
        made.samples.add(labels=values, value=value)
    return made
