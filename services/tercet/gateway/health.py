"""Health over every upstream: one name per gRPC service."""

from __future__ import annotations

from tercet.gateway.directory import Directory
from tercet.rpc.health import NOT_SERVING, SERVING


def statuses(directory: Directory) -> dict[str, int]:
    """ "" means that this gateway knows the workers; a service, that one of its is ready."""
    found = {
        name: SERVING if upstream.available else NOT_SERVING
        for name, upstream in directory.services().items()
    }
    return {"": SERVING, **found}
