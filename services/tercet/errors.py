"""The errors that Tercet raises on purpose, by what went wrong.

A servicer raises them; `tercet.rpc.interceptor` answers them as gRPC statuses by the one table in
`tercet.rpc.status`. The command line prints them and exits with `exit_code`.

This module imports nothing of ours and no grpc, so that anyone may raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class TercetError(Exception):
    """Something that the user can act upon.

    Args:
        message: What happened, as one sentence without a final period.
        hint: What to do about it, as one sentence without a final period.
        reason: UPPER_SNAKE_CASE, at most 63 characters: what a program may switch on
            (google.rpc.ErrorInfo.reason). Each class has a default.
        metadata: Facts for a program (google.rpc.ErrorInfo.metadata).
        field: Path of the field of the request at fault, such as `parameters.n`
            (google.rpc.BadRequest); empty if none is.
    """

    default_reason: ClassVar[str] = "INTERNAL"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        field: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason or self.default_reason
        self.metadata = dict(metadata or {})
        self.field = field

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class InvalidArgument(TercetError):
    """The caller's request is wrong whatever the state of the server.

    Args:
        facts: `metadata`, by name.
    """

    default_reason = "INVALID_ARGUMENT"

    def __init__(
        self, message: str, *, field: str = "", hint: str = "", reason: str = "", **facts: str
    ) -> None:
        super().__init__(message, hint=hint, reason=reason, metadata=facts, field=field)


class NotFound(TercetError):
    """The caller named something that does not exist."""

    default_reason = "NOT_FOUND"


class PermissionDenied(TercetError):
    """The caller may not do this."""

    default_reason = "PERMISSION_DENIED"


class FailedPrecondition(TercetError):
    """The server's configuration or state does not allow this; retrying will not help."""

    default_reason = "FAILED_PRECONDITION"


class OutOfRange(TercetError):
    """The caller asks for what lies beyond what there is, or is not there any more."""

    default_reason = "OUT_OF_RANGE"


class Unimplemented(TercetError):
    """Nobody here serves that method."""

    default_reason = "UNIMPLEMENTED"


class DeadlineExceeded(TercetError):
    """The call took longer than its caller allows."""

    default_reason = "DEADLINE_EXCEEDED"


class Retryable(TercetError):
    """The same request may succeed later.

    Args:
        retry_after: Seconds to wait before trying again; None if the same request never succeeds.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = 0.1,
        hint: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, reason=reason, metadata=metadata)
        self.retry_after = retry_after


class ResourceExhausted(Retryable):
    """A limit is reached."""

    default_reason = "RESOURCE_EXHAUSTED"


class Unavailable(Retryable):
    """Nobody can serve this now. The call surely did not start."""

    default_reason = "NOT_STARTED"
    exit_code = 69  # EX_UNAVAILABLE of sysexits.h


class ConfigError(TercetError):
    """A configuration, a command line or an environment variable is wrong."""

    default_reason = "CONFIG"
    exit_code = 78  # EX_CONFIG of sysexits.h
