"""A gateway of its own, as a user starts one: `tercet gateway`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType

from tests.integration.meshes import Mesh


class Front:
    """One gateway process before upstreams of fixed addresses, until its `with` ends.

    Args:
        upstreams: The addresses of each upstream, by the gRPC service that leads to it; "" for the
            only one, which takes every path.
        checks: Whether it asks the endpoints for their health.
        server_options: Of its server.
    """

    def __init__(
        self,
        upstreams: Mapping[str, Sequence[str]],
        *,
        checks: bool = True,
        server_options: Mapping[str, int] | None = None,
    ) -> None:
        words = [
            f"--upstream={f'{service}=' if service else ''}static:///{','.join(addresses)}"
            for service, addresses in upstreams.items()
        ]
        words += [
            f"--server-option={name}={value}" for name, value in (server_options or {}).items()
        ]
        self._mesh = Mesh("gateway", *words, "--bind=127.0.0.1:0", "--workers=1")
        try:
            self._mesh.wait_ready()
            self.address = self._mesh.gateway
            self.pid = int(self._mesh.worker("gateway")["pid"])
        except BaseException:
            self._mesh.close()
            raise

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
