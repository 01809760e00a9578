"""One worker as the gateway sees it: an address, a channel, and the calls in flight."""

from __future__ import annotations

import asyncio
from types import TracebackType

import grpc
import grpc.aio

OPTIONS = [
    # Each endpoint has its own connection, whatever else this process is connected to.
    ("grpc.use_local_subchannel_pool", 1),
    # The limit is the front's and the worker's business, not the wire's between them.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Retries are the caller's; a second layer of them would multiply.
    ("grpc.enable_retries", 0),
    # A worker that comes back has a new address, so there is nothing to wait for.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class Endpoint:
    """Entered once per call: `with endpoint: ...` counts it in flight."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.in_flight = 0
        self.channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._retired = False
        self._closing: asyncio.Task[None] | None = None
        # Connects now, not when the first call waits for it.
        self.channel.get_state(try_to_connect=True)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now; if not, one is begun."""
        return self.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    @property
    def failing(self) -> bool:
        """Whether the last attempt to connect has failed."""
        return self.channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE

    def retire(self) -> None:
        """Takes no more calls; the channel is closed when the last one has ended."""
        self._retired = True
        self._close_when_idle()

    def __enter__(self) -> Endpoint:
        self.in_flight += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.in_flight -= 1
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._retired and not self.in_flight and not self._closing:
            self._closing = asyncio.create_task(self.channel.close(None))
