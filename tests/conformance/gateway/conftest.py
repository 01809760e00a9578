"""One gateway before all upstreams that misbehave, and before one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conformance.gateway.front import Front
from tests.conformance.gateway.table import OTHERS, VICES
from tests.conformance.gateway.upstreams import Upstreams, service


@dataclass
class Scene:
    """A gateway, and what is behind it."""

    front: Front
    upstreams: Upstreams

    def path(self, name: str) -> bytes:
        """That leads to the upstream of this name in the tables."""
        return f"/{service(name)}/Call".encode()


@pytest.fixture(scope="session")
def scene() -> Iterator[Scene]:
    with Upstreams({**VICES, **OTHERS}) as upstreams:
        addresses = {service(name): [f"127.0.0.1:{port}"] for name, port in upstreams.ports.items()}
        with Front(addresses) as front:
            yield Scene(front, upstreams)
