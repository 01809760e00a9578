"""The ends of a program's pipes that the service holds.

Nothing is read before somebody asks. What nobody reads stays in the kernel's pipe (64 KiB), and
the program blocks: that is the whole of the backpressure.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import select
import termios

CHUNK = 64 << 10


class _End:
    """One end of a pipe. Owns the descriptor; one task uses it at a time."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Closes the end; whoever waits for it goes on."""
        if self._fd < 0:
            return
        self._forget()
        os.close(self._fd)
        self._fd = -1
        self._wake()

    async def _ready(self) -> None:
        """Waits until the end is ready, closed, or `_wake` is called."""
        self._waiter = self._loop.create_future()
        self._watch()
        try:
            await self._waiter
        finally:
            # Closed meanwhile, the number may be another's already.
            if self._fd >= 0:
                self._forget()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _watch(self) -> None:
        raise NotImplementedError

    def _forget(self) -> None:
        raise NotImplementedError


class Reader(_End):
    """The reading end."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._left: int | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()

    async def read(self, size: int = CHUNK) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        while self._fd >= 0 and self._left != 0:
            try:
                data = os.read(self._fd, size if self._left is None else min(size, self._left))
            except BlockingIOError:
                await self._ready()
                continue
            if not data:
                break
            if self._left is not None:
                self._left -= len(data)
            return data
        self.close()
        return b""

    @property
    def hung_up(self) -> bool:
        """Whether no process can write any more; there may still be bytes to read."""
        if self._fd < 0:
            return True
        poll = select.poll()
        poll.register(self._fd, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def abandon(self) -> None:
        """Ends the stream after the bytes that are in the pipe now, whoever still holds it."""
        if self._fd < 0:
            return
        waiting = array.array("i", [0])
        fcntl.ioctl(self._fd, termios.FIONREAD, waiting)
        self._left = waiting[0]
        self._wake()

    def close(self) -> None:
        """Closes the pipe: whoever writes to it gets SIGPIPE."""
        super().close()
        if not self.ended.done():
            self.ended.set_result(None)

    def _watch(self) -> None:
        self._loop.add_reader(self._fd, self._wake)

    def _forget(self) -> None:
        self._loop.remove_reader(self._fd)


class Writer(_End):
    """The writing end."""

    async def write(self, data: bytes) -> None:
        """Writes all of it, as fast as the program reads.

        Raises:
            BrokenPipeError: The program has closed its input, or ended; or this end is closed.
        """
        rest = memoryview(data)
        while rest:
            if self._fd < 0:
                raise BrokenPipeError
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                await self._ready()

    def _watch(self) -> None:
        self._loop.add_writer(self._fd, self._wake)

    def _forget(self) -> None:
        self._loop.remove_writer(self._fd)
