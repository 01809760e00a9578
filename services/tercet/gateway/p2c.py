"""Power of two choices: of two endpoints drawn at random, the one with fewer calls in flight.

Almost as even as asking everyone, with two looks; and, unlike "the least loaded of all", it does
not send every gateway to the same endpoint at once. Mitzenmacher, "The Power of Two Choices in
Randomized Load Balancing", IEEE TPDS 12(10), 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tercet.gateway.policy import L


class LeastOfTwo:
    """The default policy.

    Args:
        rng: Where the draws come from.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def pick(self, endpoints: Sequence[L]) -> L:
        if len(endpoints) == 1:
            return endpoints[0]
        first, second = self._rng.sample(range(len(endpoints)), 2)
        one, other = endpoints[first], endpoints[second]
        return other if other.in_flight < one.in_flight else one
