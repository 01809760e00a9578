"""How long a slot waits before it is filled again."""

from __future__ import annotations

from random import Random


class Backoff:
    """Exponential with jitter; forgets after a worker has lived long enough.

    The first death after a stable life is answered at once: a single crash should not cost a
    user anything. Growth and ceiling are pm2's (x1.5 to 15 s), but doubling.

    Args:
        base: Seconds of the first wait.
        ceiling: Longest wait in seconds.
        stable: Seconds of life after which earlier deaths are forgotten.
    """

    def __init__(
        self, *, rng: Random, base: float = 0.1, ceiling: float = 15.0, stable: float = 10.0
    ) -> None:
        self._rng = rng
        self._base = base
        self._ceiling = ceiling
        self.stable = stable
        self._deaths = 0

    def next(self, lifetime: float) -> float:
        """Seconds to wait after a worker that lived `lifetime` seconds has died."""
        if lifetime >= self.stable:
            self._deaths = 0
            return 0.0
        delay = min(self._ceiling, self._base * 2.0**self._deaths)
        self._deaths = min(self._deaths + 1, 32)
        # Up to a quarter less, so that slots which die together do not return together.
        return delay * (1.0 - 0.25 * self._rng.random())
