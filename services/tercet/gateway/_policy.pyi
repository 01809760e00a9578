"""Balancing policies, and what they see."""

from collections.abc import Sequence

from typing_extensions import disjoint_base

@disjoint_base
class Candidates:
    """Those who can be picked now: at least one."""

@disjoint_base
class Policy:
    """Picks who gets the next call."""

@disjoint_base
class Draw:
    """Random numbers.

    Args:
        seed: Equal seeds give equal numbers.
    """

    def __new__(cls, seed: int) -> Draw: ...

@disjoint_base
class Listed(Candidates):
    """Candidates whose loads are told, for simulations."""

    def __new__(cls, loads: Sequence[int], weights: Sequence[float]) -> Listed: ...

def pick(policy: Policy, loads: Sequence[int], weights: Sequence[float]) -> int:
    """What a policy picks, by index.

    Raises:
        ValueError: There is nobody to pick, or there are more loads than weights or fewer.
    """
