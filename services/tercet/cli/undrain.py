"""`tercet undrain`: gives a drained endpoint calls again."""

from __future__ import annotations

from tercet.cli.calling import hush
from tercet.cli.draining import Endpoint, Upstream, told
from tercet.cli.gateways import DEADLINE
from tercet.cli.options import Mesh, examples

EPILOG = examples("tercet undrain ipv4:10.0.0.1:50051")


def command(endpoint: Endpoint, upstream: Upstream = "", mesh: Mesh = None) -> None:
    """Give a drained endpoint calls again.

    Told to every gateway process of the mesh.

    Exits with 1 if a gateway process has no such endpoint, 69 if one does not answer; the others
    were told then all the same.
    """
    hush()
    from tercet.gateway.v1 import gateway_pb2

    told(
        mesh,
        endpoint,
        lambda stub, name: stub.UndrainEndpoint(
            gateway_pb2.UndrainEndpointRequest(upstream=upstream, endpoint=name), timeout=DEADLINE
        ),
    )
