"""What a `register` function may know of the worker that it runs in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tercet.cluster.messages import Message
from tercet.cluster.spec import WorkerSpec

Closer = Callable[[], Awaitable[None]]


class Worker:
    """Given to `register` functions that have a parameter named `worker`.

    Args:
        spec: What this worker is.
        send: Sends a message to the supervisor.
    """

    def __init__(self, spec: WorkerSpec, send: Callable[[Message], None]) -> None:
        self.spec = spec
        self.send = send
        self.draining: list[Callable[[], None]] = []
        self.closing: list[Closer] = []
        self._messages: list[Callable[[Message], None]] = []
        self._backlog: list[Message] = []

    def on_drain(self, callback: Callable[[], None]) -> None:
        """Calls back when the worker is told to stop, before its server takes no more calls."""
        self.draining.append(callback)

    def on_close(self, closer: Closer) -> None:
        """Awaits it when the server has stopped; the last registered comes first."""
        self.closing.append(closer)

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
