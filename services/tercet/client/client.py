"""`connect()`: one channel, one object per service."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import grpc

from tercet.client.channel import (
    DEFAULT_RECEIVE_BYTES,
    DEFAULT_SEND_BYTES,
    Options,
    open_channel,
)
from tercet.client.compute import Compute
from tercet.client.executor import Executor
from tercet.client.peer import Peer


class Client:
    """A connection to a Tercet server. Made by `connect`, within a running event loop.

    Attributes:
        address: Where it connects to.
        channel: The channel, for stubs of your own services behind the same port.
        compute: The compute service.
        executor: The executor service.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: grpc.ChannelCredentials | None,
        max_send_bytes: int,
        max_receive_bytes: int,
        options: Options,
    ) -> None:
        self.address = address
        self.channel = open_channel(
            address,
            credentials=credentials,
            max_receive_bytes=max_receive_bytes,
            options=options,
        )
        peer = Peer(address, max_send_bytes)
        self.compute = Compute(self.channel, peer)
        self.executor = Executor(self.channel, peer)

    async def close(self) -> None:
        """Cancels the calls that are under way and closes the connection."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def connect(
    address: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    max_send_bytes: int = DEFAULT_SEND_BYTES,
    max_receive_bytes: int = DEFAULT_RECEIVE_BYTES,
    options: Options = (),
) -> Client:
    """Connects to a server; the connection itself is made at the first call.

    Args:
        address: As gRPC names it: "localhost:50050", "unix:/run/tercet.sock", "dns:///host:port".
        credentials: As for `grpc.aio.secure_channel`; None means plaintext.
        max_send_bytes: Largest message that the server accepts; 4 MiB unless it is configured.
        max_receive_bytes: Largest answer that is taken.
        options: gRPC channel options, which override the client's own.
    """
    return Client(
        address,
        credentials=credentials,
        max_send_bytes=max_send_bytes,
        max_receive_bytes=max_receive_bytes,
        options=options,
    )
