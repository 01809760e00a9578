"""What has happened, for those who must not miss any of it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice

from tercet.cluster.control.changes import Changes
from tercet.cluster.messages import Event
from tercet.errors import OutOfRange

KEPT = 1000
# Events of one response.
BATCH = 100


class EventLog:
    """The newest events, by sequence number.

    A reader holds a number and no events: one that is slow takes no memory, and is told if it was
    too slow.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._known = False
        self._changes = Changes()

    @property
    def last(self) -> int:
        """Sequence number of the newest; 0 if there is none."""
        return self._events[-1].sequence if self._events else 0

    def fill(self, events: Iterable[Event]) -> None:
        """Takes over what has happened before this process was there."""
        self._known = True
        for event in events:
            self.add(event)
        self._changes.made()

    def add(self, event: Event) -> bool:
        """Adds one; whether it is new."""
        if event.sequence <= self.last:
            return False
        if self._events and event.sequence != self.last + 1:
            # Not by any supervisor of ours. A gap would be passed over in silence.
            self._events.clear()
        self._events.append(event)
        self._changes.made()
        return True

    def shut_down(self) -> None:
        """Ends all watches."""
        self._changes.close()

    async def watch(self, after: int | None) -> AsyncIterator[list[Event]]:
        """The events that follow `after`, and those that happen from then on.

        Args:
            after: 0 for all that are kept, None for none of them.

        Raises:
            OutOfRange: Some are not kept any more, or `after` has not happened in this mesh.
        """
        while not self._known and not self._changes.closed:
            await self._changes.next()
        if after is None:
            after = self.last
        elif after == 0:
            after = self._first - 1
        while True:
            if found := self._following(after):
                after = found[-1].sequence
                yield found
            elif self._changes.closed:
                return
            else:
                await self._changes.next()

    @property
    def _first(self) -> int:
        return self._events[0].sequence if self._events else 1

    def _following(self, after: int) -> list[Event]:
        if not self._first - 1 <= after <= self.last:
            raise OutOfRange(
                f"the events after {after} are not all kept: {self._first} to {self.last} are",
                field="after",
                hint="watch with after = 0 for all that are kept",
                reason="EVENTS_FORGOTTEN",
            )
        start = after + 1 - self._first
        return list(islice(self._events, start, start + BATCH))
