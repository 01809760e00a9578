"""A gateway of its own before upstreams of fixed addresses, supervised as by `tercet gateway`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType

from tercet.cli.mesh import GATEWAY_TARGET
from tercet.cluster.spec import MeshSpec, ServiceSpec
from tercet.gateway.admin_socket import admin_socket
from tests.integration.meshes import Mesh


class Front:
    """One gateway process, until its `with` ends.

    Args:
        upstreams: The addresses of each upstream, by the gRPC service that leads to it; "" for the
            only one, which takes every path.
        server_options: Of its server.
    """

    def __init__(
        self,
        upstreams: Mapping[str, Sequence[str]],
        *,
        server_options: Mapping[str, int] | None = None,
    ) -> None:
        names = {service: f"upstream-{number}" for number, service in enumerate(upstreams)}
        options = {
            "upstreams": [
                {"name": names[service], "target": f"static:///{','.join(addresses)}"}
                for service, addresses in upstreams.items()
            ],
            "routes": {service: name for service, name in names.items() if service},
        }
        gateway = ServiceSpec(
            name="gateway",
            target=GATEWAY_TARGET,
            workers=1,
            bind="127.0.0.1:0",
            options=options,
            routed=False,
            gateway=True,
            server_options=dict(server_options or {}),
        )
        # Without grace: what tests leave behind need not come to its end.
        self._mesh = Mesh(spec=MeshSpec(services=[gateway], grace=0.1))
        try:
            self._mesh.wait_ready()
            self.address = self._mesh.gateway
            self.pid = int(self._mesh.worker("gateway")["pid"])
        except BaseException:
            self._mesh.close()
            raise

    @property
    def admin(self) -> str:
        """gRPC target of its admin service."""
        return admin_socket(self._mesh.worker("gateway")["address"])

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def __enter__(self) -> Front:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._mesh.close()
        if kind is None:
            self.goes_on(ended=True)

    def goes_on(self, *, ended: bool = False) -> None:
        """
        Raises:
            AssertionError: Its process has died, or has told of an error of its own.
        """
        assert ended or os.path.exists(f"/proc/{self.pid}"), self._mesh.output()
        assert "Traceback" not in self._mesh.output(), self._mesh.output()
