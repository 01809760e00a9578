"""The one table that maps our errors to gRPC statuses, and their rich details.

Details follow AIP-193: ErrorInfo always, BadRequest where a field of the request is at fault,
RetryInfo where a retry may help. The messages of these are loaded with the first error: a worker
starts without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from tercet import errors

if TYPE_CHECKING:
    from google.protobuf import any_pb2
    from google.rpc import error_details_pb2

DOMAIN = "tercet"

STATUS: dict[type[errors.TercetError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ConfigError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TercetError: grpc.StatusCode.INTERNAL,
}


def code_of(error: errors.TercetError) -> grpc.StatusCode:
    """The status code of an error: its class's entry, or that of the nearest base."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def status_of(error: errors.TercetError, status: grpc.StatusCode | None = None) -> grpc.Status:
    """The whole status of an error, for `context.abort_with_status`.

    Args:
        status: Its code, if it is another one than the table's.
    """
    from google.rpc import error_details_pb2, status_pb2
    from grpc_status import rpc_status

    info = error_details_pb2.ErrorInfo(
        reason=error.reason, domain=DOMAIN, metadata={**error.metadata}
    )
    if error.hint:
        info.metadata["hint"] = error.hint
    details = [_pack(info)]
    # Whatever the code: which of several names was not found is as much to be told.
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=str(error)
        )
        details.append(_pack(error_details_pb2.BadRequest(field_violations=[violation])))
    if isinstance(error, errors.Retryable) and error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after * 1e9))
        details.append(_pack(retry))
    code: int = (status or code_of(error)).value[0]
    return rpc_status.to_status(status_pb2.Status(code=code, message=str(error), details=details))


def _pack(
    message: error_details_pb2.ErrorInfo
    | error_details_pb2.BadRequest
    | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    from google.protobuf import any_pb2

    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
