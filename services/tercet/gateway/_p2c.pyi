"""Power of two choices: of two endpoints drawn at random, the one with fewer calls in flight."""

from typing_extensions import disjoint_base

from tercet.gateway._policy import Policy

@disjoint_base
class LeastOfTwo(Policy):
    """The default policy. Where weights differ, both draws follow them, and loads count as shares.

    Args:
        seed: Of the draws.
    """

    def __new__(cls, seed: int) -> LeastOfTwo: ...
