"""What a `register` function may know of the worker that it runs in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tercet.cluster.messages import Message
from tercet.cluster.spec import WorkerSpec

Closer = Callable[[], Awaitable[None]]
# Without arguments; a coroutine function or a plain one, whose answer says nothing.
Hook = Callable[[], Any]


class Worker:
    """Given to `register` functions that have a parameter named `worker`.

    All callbacks run on the worker's event loop. One that fails is logged, and nothing else comes
    of it.

    Args:
        spec: What this worker is.
        send: Sends a message to the supervisor.
    """

    def __init__(self, spec: WorkerSpec, send: Callable[[Message], None]) -> None:
        self.spec = spec
        self.send = send
        self.ready: list[Hook] = []
        self.draining: list[Hook] = []
        self.closing: list[Hook] = []
        self.reopening: list[Hook] = []
        self._messages: list[Callable[[Message], None]] = []
        self._backlog: list[Message] = []

    def on_ready(self, callback: Hook) -> None:
        """Calls back once, when the server listens on all its addresses.

        One that is a coroutine function runs beside the calls; it is cancelled if it still does
        when the server has stopped.
        """
        self.ready.append(callback)

    def on_drain(self, callback: Hook) -> None:
        """Calls back when the worker is told to stop, before its server takes no more calls.

        Health says NOT_SERVING by then. Those that are coroutine functions run at the same time,
        and the stop waits for them, within the grace.
        """
        self.draining.append(callback)

    def on_close(self, closer: Hook) -> None:
        """Calls, or awaits, it when the server has stopped; the last registered comes first."""
        self.closing.append(closer)

    def on_reopen(self, callback: Hook) -> None:
        """Calls back when files that were renamed are to be opened anew, as at USR1."""
        self.reopening.append(callback)

    def on_message(self, callback: Callable[[Message], None]) -> None:
        """Calls back with each message of the supervisor, the first also with earlier ones."""
        self._messages.append(callback)
        backlog, self._backlog = self._backlog, []
        for message in backlog:
            callback(message)

    def hear(self, message: Message) -> None:
        """Hands on what the supervisor has said."""
        if not self._messages:
            self._backlog.append(message)
        for callback in self._messages:
            callback(message)
