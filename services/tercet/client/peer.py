"""One unary call: its size checked before, its status translated after."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, TypeVar

import grpc.aio
from google.protobuf.message import Message

from tercet.client.errors import translated
from tercet.errors import InvalidArgument

Request = TypeVar("Request", bound=Message, contravariant=True)
Response = TypeVar("Response", bound=Message)


class UnaryMethod(Protocol[Request, Response]):
    """A unary method of an async stub."""

    def __call__(
        self, request: Request, *, timeout: float | None = None
    ) -> grpc.aio.UnaryUnaryCall[Any, Response]: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """The server of a client."""

    address: str
    # Largest message that it accepts, in bytes.
    max_send_bytes: int

    async def call(
        self,
        method: UnaryMethod[Request, Response],
        request: Request,
        *,
        timeout: float | None = None,
        instead: str = "",
    ) -> Response:
        """Makes a call and awaits its answer.

        Args:
            timeout: Deadline of the call, in seconds from now; None means none.
            instead: What the caller may do if the request is too large.

        Raises:
            InvalidArgument: The request is larger than the server accepts; nothing was sent.
            CallError: The call ended with a status other than OK.
        """
        self.check_size(request.ByteSize(), "the request", instead=instead)
        with translated(self.address):
            return await method(request, timeout=timeout)

    def check_size(self, size: int, what: str, *, instead: str = "", field: str = "") -> None:
        if size > self.max_send_bytes:
            raise InvalidArgument(
                f"{what} has {size} bytes, and a message may have {self.max_send_bytes}",
                hint=f"{instead + ', or ' if instead else ''}raise the server's message limit and"
                " connect with max_send_bytes=...",
                reason="MESSAGE_TOO_LARGE",
                field=field,
            )
