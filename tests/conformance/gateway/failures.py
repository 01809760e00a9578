"""What an answer says of why its call failed."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from google.rpc import error_details_pb2, status_pb2

from tests.conformance.gateway.vice import Outcome
from tests.conformance.wire.connection import Answer

DETAILS = "grpc-status-details-bin"
DOMAIN = "tercet"
# Of answers without a grpc-status: what a client makes of the HTTP status
# (http-grpc-status-mapping.md).
OF_HTTP = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
UNKNOWN = 2
# No code of gRPC's.
BARE_RESET = -1


def reason(details: bytes) -> str:
    """Of the gateway's ErrorInfo; "" if there is none."""
    for each in status_pb2.Status.FromString(details).details:
        info = error_details_pb2.ErrorInfo()
        if each.Unpack(info):
            return str(info.reason) if info.domain == DOMAIN else ""
    return ""


def reason_of(trailers: Iterable[tuple[str, str | bytes]]) -> str:
    """As grpc tells trailers."""
    for key, value in trailers:
        if key == DETAILS and isinstance(value, bytes):
            return reason(value)
    return ""


def code(answer: Answer) -> int:
    """What a client takes for the status of an answer that ended."""
    if not answer.blocks:
        return BARE_RESET
    if answer.status is not None:
        return answer.status
    return OF_HTTP.get(int(answer.headers[":status"]), UNKNOWN)


def reason_in(answer: Answer) -> str:
    value = answer.trailers.get(DETAILS) if answer.blocks else None
    return "" if value is None else reason(base64.b64decode(value + "=" * (-len(value) % 4)))


def differs(outcome: Outcome, code: int, reason: str) -> list[str]:
    """What is not as expected."""
    found = []
    if code not in outcome.codes:
        found.append(f"the status is {code}")
    if reason not in (outcome.reasons or {""}):
        found.append(f"the reason is {reason!r}")
    return found
