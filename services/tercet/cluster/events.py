"""What has happened in a mesh: numbered without a gap, and the newest kept.

The supervisor has them, so that none is lost when the control process dies, which tells outsiders.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from tercet.cluster.messages import Event, EventKind

KEPT = 1000


class History:
    """
    Args:
        tell: Called with each event.
    """

    def __init__(self, tell: Callable[[Event], None] = lambda _: None) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._tell = tell
        self._sequence = 0

    def add(self, kind: EventKind, **about: Any) -> None:
        """
        Args:
            about: Fields of `Event`.
        """
        self._sequence += 1
        event = Event(sequence=self._sequence, time=time.time(), kind=kind, **about)
        self._events.append(event)
        self._tell(event)

    def all(self) -> list[Event]:
        """Those that are kept, oldest first."""
        return list(self._events)
