"""The socketpair between the supervisor and one child: messages both ways, and a life line.

When either end closes, the other learns at once: that is how a worker notices that its supervisor
was killed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import msgspec

from tercet.cluster.messages import Message

# A whole list of a thousand workers is below 1 MiB; more than this is not a message of ours.
MAX_MESSAGE = 16 * 1024 * 1024
# What msgspec raises of a message that is none: of bad UTF-8 in a string, and of one that is nested
# too deeply, it raises the interpreter's own.
RUBBISH = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Link:
    """One end. Owned by the loop that made it; not for other threads.

    Sending never waits: what the socket does not take is kept and sent when it can be.

    Args:
        end: A connected stream socket; the link owns it from now on.
        on_message: Called for each message.
        on_close: Called once, when the peer is gone or has sent rubbish.
    """

    def __init__(
        self,
        end: socket.socket,
        *,
        on_message: Callable[[Message], None],
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        end.setblocking(False)
        self._socket = end
        self._on_message = on_message
        self._on_close = on_close
        self._decoder = msgspec.json.Decoder(Message)
        self._received = bytearray()
        self._unsent = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self._readable)

    @property
    def closed(self) -> bool:
        return self._socket.fileno() < 0

    def send(self, message: Message) -> None:
        """Queues a message; one to a peer that is gone is dropped."""
        if self.closed:
            return
        idle = not self._unsent
        self._unsent += msgspec.json.encode(message) + b"\n"
        if idle:
            self._flush()

    def offer(self, message: Message) -> bool:
        """Sends a message, unless earlier ones still wait for the peer to read; whether it did.

        For what is soon out of date: while a peer stands still, nothing piles up.
        """
        if self._unsent or self.closed:
            return False
        self.send(message)
        return True

    def close(self) -> None:
        """Closes this end without calling `on_close`."""
        if not self.closed:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lost()
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)

    def drain(self) -> None:
        """Reads what the peer, which has ended, had said."""
        while not self.closed and self._read():
            pass

    def _readable(self) -> None:
        self._read()

    def _read(self) -> bool:
        """Reads once; False if there was nothing."""
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._lost()
            return False
        self._received += data
        *lines, rest = self._received.split(b"\n")
        self._received = rest
        for line in lines:
            try:
                message = self._decoder.decode(line)
            except RUBBISH:
                self._lost()
                return False
            self._on_message(message)
            if self.closed:
                return False
        if len(self._received) > MAX_MESSAGE:
            self._lost()
        return True

    def _lost(self) -> None:
        self.close()
        self._on_close()
