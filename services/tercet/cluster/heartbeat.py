"""Whether an event loop still turns, judged by the pulses that it sends.

A worker that is busy sends them late, one that hangs does not send them. Told the time by whoever
has it, so that it can be tested without waiting.
"""

from __future__ import annotations

# Pulses in one hang timeout: several may be late before a worker is taken for hung.
PULSES = 5
# Looks in one hang timeout.
LOOKS = 10
# Seconds between pulses at most: figures that operators see are not older.
LONGEST = 1.0


class Heartbeat:
    """Of one worker.

    Args:
        timeout: Seconds without a pulse after which it hangs; 0: it never does.
        now: The time, in seconds.
    """

    def __init__(self, timeout: float, now: float) -> None:
        self._timeout = timeout
        self._last = now
        self._looked = now

    def beat(self, now: float) -> None:
        self._last = now

    def look(self, now: float) -> bool:
        """Whether it hangs. To be asked every `every(timeout)` seconds.

        A look that comes late says that it was us who stood still (stopped, or starved): pulses
        that we have not read are not pulses that were not sent.
        """
        late = now - self._looked > self._timeout / 2
        self._looked = now
        if late:
            self._last = now
        return bool(self._timeout) and now - self._last > self._timeout

    def stalls(self, now: float) -> bool:
        """Whether it may hang: new connections had better go elsewhere."""
        return bool(self._timeout) and now - self._last > self._timeout / 2


def pulse(timeout: float) -> float:
    """Seconds from one pulse to the next."""
    return min(LONGEST, timeout / PULSES) if timeout else LONGEST


def every(timeout: float) -> float:
    """Seconds from one look to the next."""
    return timeout / LOOKS
