"""What a slot needs of the mesh that it is in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from tercet.cluster.messages import EventKind, Message
from tercet.cluster.region import Rows
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.spec import MeshSpec

if TYPE_CHECKING:
    from tercet.cluster.life import Life


class Told(Protocol):
    """Takes note of an event; the named arguments are fields of `messages.Event`."""

    def __call__(self, kind: EventKind, **about: Any) -> None: ...


Heard = Callable[["Life", Message], None]


class Failing(Protocol):
    """A slot whose worker has died; its text is its name."""

    last_exit: str


GiveUp = Callable[[Failing, int, int], bool]


class Surroundings:
    """
    Args:
        spec: The mesh as it is meant to be now.
        rows: Of the region that gateways share; None where there are none.
        changed: The list of workers is not what it was.
        heard: A worker has said something.
        tell: Something has happened.
        settled: Waits until every gateway knows the list as it is now.
        give_up: Whether a slot whose worker has died, with that code and for so many times in a
            row, is to be left empty.
    """

    def __init__(
        self,
        spec: MeshSpec,
        runtime: RuntimeDir,
        *,
        rows: Rows | None = None,
        changed: Callable[[], None] = lambda: None,
        heard: Heard = lambda *_: None,
        tell: Told = lambda kind, **_: None,
        settled: Callable[[], Awaitable[None]],
        give_up: GiveUp = lambda *_: False,
    ) -> None:
        self.spec = spec
        self.runtime = runtime
        self.rows = rows
        self.changed = changed
        self.heard = heard
        self.tell = tell
        self.settled = settled
        self.give_up = give_up
