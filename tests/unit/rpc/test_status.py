"""Each of our errors becomes its status with the details that a program needs."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from tercet import errors
from tercet.rpc.status import STATUS, code_of, status_of


def details(error: errors.TercetError) -> status_pb2.Status:
    [(key, value)] = status_of(error).trailing_metadata
    assert key == "grpc-status-details-bin"
    return status_pb2.Status.FromString(value)


def test_every_error_class_has_a_code() -> None:
    def leaves(kind: type[errors.TercetError]) -> set[type[errors.TercetError]]:
        return {kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))}

    # Those of the client and the command line never leave a server; Retryable is a base that
    # nobody raises.
    ours = {kind for kind in leaves(errors.TercetError) if kind.__module__ == errors.__name__}
    assert ours - {errors.Retryable} == set(STATUS)


def test_a_subclass_has_the_code_of_its_base() -> None:
    class NoSuchKernel(errors.NotFound):
        pass

    assert code_of(NoSuchKernel("x")) is grpc.StatusCode.NOT_FOUND


def test_error_info_carries_reason_domain_and_hint() -> None:
    status = details(
        errors.NotFound("no kernel 'x'", hint="list them", reason="NO_KERNEL", metadata={"k": "x"})
    )
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("NO_KERNEL", "tercet")
    assert dict(info.metadata) == {"k": "x", "hint": "list them"}
    assert status.message == "no kernel 'x'; list them"


@pytest.mark.parametrize(
    "kind",
    [errors.InvalidArgument, errors.NotFound, errors.PermissionDenied, errors.FailedPrecondition],
)
def test_a_bad_field_is_named(kind: type[errors.TercetError]) -> None:
    status = details(kind("n is -1", field="parameters.n"))
    request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(request)
    assert request.field_violations[0].field == "parameters.n"


@pytest.mark.parametrize("kind", [errors.Unavailable, errors.ResourceExhausted])
def test_what_may_be_retried_says_when(kind: type[errors.Retryable]) -> None:
    retry = error_details_pb2.RetryInfo()
    assert details(kind("busy", retry_after=1.5)).details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1500
