"""One connection with one call at a time; subclasses know the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

# Seconds for a call; no peer is meant to need them.
TIMEOUT = 10.0


class Lost(Exception):
    """A call had no answer.

    Args:
        kind: Why, in a word or two, for the report.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Connection(asyncio.Protocol):
    """Args:
    address: "host:port", for a header.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._received = bytearray()
        self._leaving = False

    @property
    def usable(self) -> bool:
        """Whether it takes another call, for all that is known."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and not self._leaving

    async def call(self) -> int:
        """The pid of who has answered.

        Raises:
            Lost: Nobody has.
        """
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(self._request())
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._answer
        except TimeoutError:
            self.close()
            raise Lost("timed out") from None
        finally:
            self._answer = None
            if self._leaving:
                self.close()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("connection reset" if exc else "connection closed")

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._read()

    def _answered(self, pid: int) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(pid)

    def _lose(self, kind: str) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(Lost(kind))

    def _leave(self) -> None:
        """No further call, and the end of it once nothing is in flight."""
        self._leaving = True
        if self._answer is None:
            self.close()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def _request(self) -> bytes:
        raise NotImplementedError

    def _read(self) -> None:
        """Takes what is whole from what was received."""
        raise NotImplementedError


async def dial(kind: type[Connection], address: str) -> Connection:
    """Raises:
    Lost: Nobody took the connection.
    """
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    arguments: tuple[Any, ...] = (lambda: kind(address), host, int(port))
    try:
        async with asyncio.timeout(TIMEOUT):
            _, connection = await loop.create_connection(*arguments)
    except ConnectionRefusedError:
        raise Lost("connection refused") from None
    except TimeoutError:
        raise Lost("timed out") from None
    except OSError:
        raise Lost("connection reset") from None
    assert isinstance(connection, Connection)
    return connection
