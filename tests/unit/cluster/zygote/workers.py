"""What tests of zygotes need: a supervisor's part, without a supervisor."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

from tercet.cluster.life import Process, Starter
from tercet.cluster.link import Link
from tercet.cluster.messages import Bound, Failed, Message, Start, Stop
from tercet.cluster.spec import WorkerSpec


class Worker:
    """One worker, by whatever starter; its exit code is the result of `exited`."""

    def __init__(
        self,
        start: Starter,
        folder: Path,
        number: int = 0,
        *,
        descriptors: tuple[int, ...] = (),
        engine: str = "native",
    ) -> None:
        loop = asyncio.get_running_loop()
        self.bound: asyncio.Future[None] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.causes: list[str] = []
        ours, theirs = socket.socketpair()
        self.link = Link(ours, on_message=self._heard)
        with theirs:
            self.process: Process = start(
                theirs,
                name=f"shop/{number}",
                on_exit=self.exited.set_result,
                descriptors=descriptors,
            )
        self.link.send(
            Start(
                WorkerSpec(
                    service="shop",
                    slot=number,
                    generation=1,
                    target="shop:register",
                    options={},
                    address=f"unix:{folder}/{number}.sock",
                    bind="",
                    control="",
                    engine=engine,
                    grace=1.0,
                    max_message_bytes=4 << 20,
                    server_options={},
                    import_from_cwd=False,
                )
            )
        )

    async def serving(self) -> int:
        """Waits until its server listens; gives its pid."""
        await asyncio.wait({self.bound, self.exited}, return_when=asyncio.FIRST_COMPLETED)
        assert not self.exited.done(), (self.exited.result(), self.causes)
        return self.process.pid

    async def stop(self) -> int:
        self.link.send(Stop(0.0))
        self.process.signal(signal.SIGTERM)
        return await self.exited

    def _heard(self, message: Message) -> None:
        if isinstance(message, Bound):
            self.bound.set_result(None)
        elif isinstance(message, Failed):
            self.causes.append(message.cause)


def private_memory(pid: int) -> int:
    """Bytes of a process that no other shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
