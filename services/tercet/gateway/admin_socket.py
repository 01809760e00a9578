"""Where the admin service of a gateway process is."""

from __future__ import annotations

from tercet.cluster.runtime_dir import beside


def admin_socket(address: str) -> str:
    """gRPC target of the admin service of the gateway whose private socket is at `address`."""
    return beside(address, "admin")
