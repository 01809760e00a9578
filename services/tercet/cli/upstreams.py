"""`tercet upstreams`: who is behind the gateway, and how they do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tercet.cli.calling import hush
from tercet.cli.gateways import DEADLINE, ask_all, gateways
from tercet.cli.options import Mesh, examples
from tercet.cli.output import print_json, print_table

if TYPE_CHECKING:
    from tercet.gateway.v1 import gateway_pb2

EPILOG = examples(
    "tercet upstreams",
    "tercet upstreams --json | jq '.[].upstreams[] | {name, waiting}'",
)
COLUMNS = (
    "UPSTREAM",
    "ENDPOINT",
    "STATE",
    "IN FLIGHT",
    "WAITING",
    "CALLS",
    "FAILURES",
    "RETRIES",
    "EJECTIONS",
    "LAST ERROR",
)


def command(
    mesh: Mesh = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array, one object per gateway process.")
    ] = False,
) -> None:
    """List the endpoints behind the gateway of the mesh that runs on this machine.

    Numbers are sums over all gateway processes; where these see an endpoint in different states,
    each state is shown. WAITING is the upstream's queue, and the same for each of its endpoints.

    Exits with 69 if no mesh or no gateway runs, or one does not answer.
    """
    hush()
    from tercet.gateway.v1 import gateway_pb2

    answers = ask_all(
        gateways(mesh),
        lambda stub: stub.ListUpstreams(gateway_pb2.ListUpstreamsRequest(), timeout=DEADLINE),
    )
    if as_json:
        print_json([as_dict(name, answer) for name, answer in answers.given.items()])
    else:
        print_table(COLUMNS, rows(answers.given.values()), fold=False)
    answers.raise_failure()


def rows(answers: Iterable[gateway_pb2.ListUpstreamsResponse]) -> Iterator[tuple[str, ...]]:
    """One for each endpoint of each upstream, or one for an upstream without any."""
    upstreams: dict[str, list[gateway_pb2.Upstream]] = {}
    for answer in answers:
        for upstream in answer.upstreams:
            upstreams.setdefault(upstream.name, []).append(upstream)
    for name, seen in sorted(upstreams.items()):
        waiting = str(sum(upstream.waiting for upstream in seen))
        endpoints: dict[str, list[gateway_pb2.Endpoint]] = {}
        for upstream in seen:
            for endpoint in upstream.endpoints:
                endpoints.setdefault(endpoint.identity, []).append(endpoint)
        if not endpoints:
            yield (name, "-", "-", "0", waiting, *("0",) * 4, "-")
        for identity, views in sorted(endpoints.items()):
            yield row(name, identity, waiting, views)


def row(
    upstream: str, identity: str, waiting: str, views: list[gateway_pb2.Endpoint]
) -> tuple[str, ...]:
    def total(field: str) -> str:
        return str(sum(getattr(view, field) for view in views))

    states = sorted({state_of(view) for view in views})
    errors = [view.error for view in views if view.error]
    return (
        upstream,
        identity,
        "/".join(states),
        total("in_flight"),
        waiting,
        total("calls"),
        total("failures"),
        total("retries"),
        total("ejections"),
        errors[0] if errors else "-",
    )


def as_dict(name: str, answer: gateway_pb2.ListUpstreamsResponse) -> dict[str, Any]:
    """What a gateway process said, as JSON shows it: the fields of the contract."""
    return {"gateway": name, "upstreams": [upstream_as_dict(each) for each in answer.upstreams]}


def upstream_as_dict(upstream: gateway_pb2.Upstream) -> dict[str, Any]:
    return {
        **plain(upstream),
        "routes": list(upstream.routes),
        "endpoints": [
            {**plain(endpoint), "state": state_of(endpoint)} for endpoint in upstream.endpoints
        ],
    }


def plain(message: Any) -> Mapping[str, Any]:
    """The fields that are numbers and strings, those that are 0 or empty too."""
    return {
        field.name: getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
        if not field.is_repeated
    }


def state_of(endpoint: gateway_pb2.Endpoint) -> str:
    from tercet.gateway.v1 import gateway_pb2

    name = gateway_pb2.EndpointState.Name(endpoint.state)
    return name.removeprefix("ENDPOINT_STATE_").lower()
