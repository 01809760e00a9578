"""The user's functions that are called with events: `[cluster.hooks]`.

Guarantees:
* one after another, in the order of the events, in one thread: a slow one holds up the next one and
  nothing else;
* one that raises is logged, and the others go on;
* beyond WAITING events that wait, further ones are dropped, which is logged.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tercet.cluster import messages
from tercet.cluster.hook import Event
from tercet.cluster.messages import EventKind
from tercet.cluster.spec import CONTROL, WorkerSpec
from tercet.cluster.worker import loading
from tercet.errors import ConfigError

log = logging.getLogger("tercet")

WAITING = 1000
# Seconds that a stop waits for what is under way.
PATIENCE = 1.0

Function = Callable[[Event], Any]


def load(hooks: Mapping[str, str], spec: WorkerSpec) -> dict[EventKind, Function]:
    """Imports the functions; the module may be in the directory of the start.

    Raises:
        ConfigError: There is no such event, or no such function.
    """
    found: dict[EventKind, Function] = {}
    for name, target in hooks.items():
        try:
            kind = EventKind(name)
        except ValueError:
            raise ConfigError(
                f"there is no event {name!r} for a hook",
                hint=f"the events are: {', '.join(EventKind)}",
                reason="NO_EVENT",
            ) from None
        found[kind] = loading.load(
            msgspec.structs.replace(spec, target=target, import_from_cwd=True)
        )
    return found


def untold(events: Iterable[messages.Event], generation: int) -> list[messages.Event]:
    """Of events from before this process was there, those that no predecessor has told.

    Args:
        generation: This control process's own. The first one is started together with the others.
    """
    happened = list(events)
    if generation == 1:
        return happened
    earlier = [
        (place, event)
        for place, event in enumerate(happened)
        if event.service == CONTROL and event.generation < generation
    ]
    exits = [(place, event) for place, event in earlier if event.kind is EventKind.WORKER_EXITED]
    gone = {event.generation for _, event in exits}
    if not exits or any(event.generation not in gone for _, event in earlier):
        # A predecessor is still there, and goes on.
        return []
    return happened[exits[-1][0] :]


class Hooks:
    """
    Args:
        functions: By what has happened.
    """

    def __init__(self, functions: Mapping[EventKind, Function]) -> None:
        self._functions = dict(functions)
        self._waiting: queue.Queue[messages.Event | None] = queue.Queue(WAITING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="hooks", daemon=True)
        self._thread.start()

    def tell(self, event: messages.Event) -> None:
        """Has the function of that kind of event called, if there is one. Never waits."""
        if event.kind not in self._functions:
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._dropped += 1
            if self._dropped == 1:
                log.error(
                    "the hooks are behind by %d events: dropped %d (%s), and those that follow",
                    WAITING,
                    event.sequence,
                    event.kind,
                )
            return
        if self._dropped:
            log.error("the hooks go on; %d events were dropped", self._dropped)
            self._dropped = 0

    def stop(self) -> None:
        """Waits for what was told so far, for PATIENCE at most. Blocks."""
        try:
            self._waiting.put(None, timeout=PATIENCE)
        except queue.Full:
            return
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            try:
                self._functions[event.kind](Event(**_fields(event)))
            except (Exception, SystemExit):
                log.exception("the hook %s failed", event.kind)


def _fields(event: messages.Event) -> dict[str, Any]:
    return {**msgspec.structs.asdict(event), "kind": event.kind.value}
