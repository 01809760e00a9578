"""All upstreams that misbehave, each on a port of its own, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from types import TracebackType

from tests.conformance.gateway.link import BUG, Link
from tests.conformance.gateway.vice import Vice


def service(name: str) -> str:
    """The gRPC service that leads to the vice of a name."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "misbehaving." + "".join(word[0].upper() + word[1:] for word in words)


class Upstreams:
    """Runs until its `with` ends. Notes may be read from any thread.

    Attributes:
        ports: By the name of the vice.
    """

    def __init__(self, vices: Mapping[str, Vice]) -> None:
        self._vices = vices
        self._notes: dict[str, list[str]] = {name: [] for name in vices}
        self._links: dict[Link, asyncio.Task[None]] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.ports: dict[str, int] = {}

    def notes(self, name: str) -> list[str]:
        """What an upstream has seen: see Link."""
        return list(self._notes[name])

    def __enter__(self) -> Upstreams:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        bugs = [note for notes in self._notes.values() for note in notes if note.startswith(BUG)]
        assert kind is not None or not bugs, bugs

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        servers = [await self._listen(name, vice) for name, vice in self._vices.items()]
        self._ready.set()
        await self._end.wait()
        for server in servers:
            server.close()
        for link in self._links:
            link.abort()
        await asyncio.gather(*self._links.values())

    async def _listen(self, name: str, vice: Vice) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            link = Link(reader, writer, vice.answers, vice.greets, self._notes[name].append)
            running = self._links[link] = asyncio.create_task(link.run())
            try:
                await running
            finally:
                del self._links[link]

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.ports[name] = server.sockets[0].getsockname()[1]
        return server
