"""What a call raises: a gRPC status with its rich details, made readable."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from tercet.errors import TercetError

if TYPE_CHECKING:
    from tercet.client.outcome import Completed

_DETAILS = "grpc-status-details-bin"
# gRPC's own words: a status that it makes itself says in no other way what happened.
_CUT_OFF = (
    "Socket closed",
    "Stream removed",
    "Connection reset",
    "Broken pipe",
    "Transport closed",
    "GOAWAY",
    "keepalive",
    "ping timeout",
)
_NOT_CONNECTED = "failed to connect"
_TOO_LARGE = "message larger than max"
_FROZEN = frozenset(
    {"code", "message", "reason", "hint", "field", "retry_after", "metadata", "exit_code"}
)


class CallError(TercetError):
    """A call ended with a status other than OK. Its fields cannot be changed.

    Chained from the `grpc.aio.AioRpcError` that carried it.

    Args:
        code: The gRPC status code.
        message: What happened, without the hint.
        reason: What a program may switch on (google.rpc.ErrorInfo.reason); "" if the answer did
            not come from Tercet.
        hint: What to do about it; may be "".
        field: Path of the field at fault (google.rpc.BadRequest), such as `parameters.n`; or "".
        retry_after: Seconds after which the same call may succeed (google.rpc.RetryInfo), or None.
        metadata: Facts for a program (google.rpc.ErrorInfo.metadata), without the hint.
    """

    metadata: Mapping[str, str]  # type: ignore[assignment]

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        hint: str = "",
        field: str = "",
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.reason = reason
        self.field = field
        self.retry_after = retry_after
        self.metadata = MappingProxyType(dict(metadata or {}))
        self._sealed = True

    def __setattr__(self, name: str, value: Any) -> None:
        # Not a frozen dataclass: contextlib and traceback assign `__traceback__` to exceptions.
        if name in _FROZEN and getattr(self, "_sealed", False):
            raise AttributeError(f"{name} of a CallError cannot be changed")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        shown = {
            "reason": self.reason,
            "hint": self.hint,
            "field": self.field,
            "retry_after": self.retry_after,
            "metadata": dict(self.metadata),
        }
        more = "".join(f", {name}={value!r}" for name, value in shown.items() if value)
        return f"CallError({self.code.name}, {self.message!r}{more})"


class ProgramFailed(TercetError):
    """A program did not succeed, and the caller had asked for `check=True`.

    Attributes:
        completed: The whole result, output included.
    """

    def __init__(self, completed: Completed) -> None:
        failed = completed.failed
        lines = failed.stderr.decode(errors="replace").strip().splitlines()[-1:] if failed else []
        super().__init__(
            f"{failed.program} {failed.outcome.describe()}" if failed else "a program failed",
            reason="PROGRAM_FAILED",
            hint=f"it said: {lines[0]}" if lines else "",
        )
        self.completed = completed


@contextlib.contextmanager
def translated(address: str) -> Iterator[None]:
    """Raises the `CallError` of an `AioRpcError` that leaves the block."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise call_error(error, address) from error


def call_error(error: grpc.aio.AioRpcError, address: str) -> CallError:
    """Reads the rich details of a status (AIP-193); a status without them is passed on bare."""
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after = None
    for detail in _details(error):
        if not detail.Unpack(info) and not detail.Unpack(request) and detail.Unpack(retry):
            retry_after = retry.retry_delay.ToNanoseconds() / 1e9
    metadata = dict(info.metadata)
    hint = metadata.pop("hint", "")
    message = (error.details() or "").removesuffix(f"; {hint}" if hint else "")
    code = error.code()
    reason = info.reason
    if not reason and code is grpc.StatusCode.UNAVAILABLE:
        connected = _NOT_CONNECTED not in message
        if connected and any(words in message for words in _CUT_OFF):
            message = f"the call to {address} was cut off: {message}"
            hint = "its worker or the connection was lost; it may have run, and may be tried again"
        else:
            message = f"no answer from {address}: {message}"
            hint = "see whether a server runs there; `tercet up` starts one"
    elif not reason and code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in message:
        reason = "MESSAGE_TOO_LARGE"
        hint = "send or ask for less, or raise max_message_bytes of the service and of the gateway"
    return CallError(
        code,
        message or f"the call ended with {code.name}",
        reason=reason,
        hint=hint,
        field=request.field_violations[0].field if request.field_violations else "",
        retry_after=retry_after,
        metadata=metadata,
    )


def _details(error: grpc.aio.AioRpcError) -> list[Any]:
    # Not grpc_status.from_call: it raises where a proxy on the way changed the message.
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            return list(status_pb2.Status.FromString(value).details)
    return []
