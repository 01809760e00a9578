"""`tercet drain`: gives an endpoint no new calls."""

from __future__ import annotations

from tercet.cli.calling import hush
from tercet.cli.draining import Endpoint, Upstream, told
from tercet.cli.gateways import DEADLINE
from tercet.cli.options import Mesh, examples

EPILOG = examples(
    "tercet drain ipv4:10.0.0.1:50051",
    "tercet drain $XDG_RUNTIME_DIR/tercet/4711/greeter.0.1.sock",
    "tercet upstreams   # until its STATE is drained",
)


def command(endpoint: Endpoint, upstream: Upstream = "", mesh: Mesh = None) -> None:
    """Give an endpoint no new calls; those that it has go on.

    Told to every gateway process of the mesh. Each forgets it when it is restarted, and does not
    know of it for a worker that takes the place of this one: a drain is for hours, not for ever.

    Exits with 1 if a gateway process has no such endpoint, 69 if one does not answer; the others
    were told then all the same.
    """
    hush()
    from tercet.gateway.v1 import gateway_pb2

    told(
        mesh,
        endpoint,
        lambda stub, name: stub.DrainEndpoint(
            gateway_pb2.DrainEndpointRequest(upstream=upstream, endpoint=name), timeout=DEADLINE
        ),
    )
