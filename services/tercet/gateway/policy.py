"""What a balancing policy is. Policies are pure: randomness and time are given to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Load(Protocol):
    """Something that can be picked."""

    @property
    def in_flight(self) -> int:
        """Calls that it works on now."""
        ...


L = TypeVar("L", bound=Load)


class Policy(Protocol):
    """Picks who gets the next call."""

    def pick(self, endpoints: Sequence[L]) -> L:
        """Picks one of at least one endpoint."""
        ...
