"""One gateway before all upstreams that misbehave, and before such as do not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conformance.gateway.front import Front
from tests.conformance.gateway.table import OTHERS, SOUND, TOGETHER, VICES
from tests.conformance.gateway.upstreams import Upstreams, service

# Upstreams where nobody is, or not yet: names as in the tables.
NOBODY, LATER, NOBODY_OR_SOUND = "nobody", "later", f"nobody or {SOUND}"


@dataclass
class Scene:
    """A gateway, and what is behind it.

    Attributes:
        later: The port of the upstream LATER, bound, on which nobody listens.
    """

    front: Front
    upstreams: Upstreams
    later: socket.socket

    def path(self, name: str) -> bytes:
        """That leads to the upstream of this name in the tables."""
        return f"/{service(name)}/Call".encode()


@pytest.fixture(scope="session")
def scene() -> Iterator[Scene]:
    with Upstreams({**VICES, **OTHERS}) as upstreams, bound() as nobody, bound() as later:
        at = {name: address(port) for name, port in upstreams.ports.items()}
        alone, beside = address(nobody.getsockname()[1]), at[SOUND]
        addresses = {
            **{name: [where] for name, where in at.items()},
            **{name: [at[each] for each in names] for name, names in TOGETHER.items()},
            NOBODY: [alone],
            NOBODY_OR_SOUND: [alone, beside],
            LATER: [address(later.getsockname()[1])],
        }
        with Front({service(name): each for name, each in addresses.items()}) as front:
            yield Scene(front, upstreams, later)


def bound() -> socket.socket:
    """A port that is taken, on which nobody listens: a connection is refused."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


def address(port: int) -> str:
    return f"127.0.0.1:{port}"
