"""What a call says that the gateway has failed."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from tercet.gateway.failures import KINDS, LONGEST_FACT, REMEMBERED, Failures
from tercet.gateway.v1 import gateway_pb2

WORKER = "unix:/run/tercet/4711/greeter.0.3.sock"
# What clients are told of it.
SHOWN = "greeter.0.3"
EVERYTHING = {
    "method": "/a.B/C",
    "upstream": "greeter",
    "endpoint": "ipv4:127.0.0.1:50051",
    "cause": "Connection reset by peer",
    "seconds": "1.5",
    "limit": "1024",
}
# The soft limit for metadata of the C-core, of Java and of Go's older versions.
METADATA = 8192


class Read:
    """An answer as a client sees it."""

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        assert [name for name, _ in fields] == [
            b"grpc-status",
            b"grpc-message",
            b"grpc-status-details-bin",
        ]
        self.code = int(fields[0][1])
        self.message = unquote(fields[1][1].decode("ascii"))
        packed = fields[2][1]
        assert not packed.endswith(b"=")
        status = status_pb2.Status.FromString(base64.b64decode(packed + b"=" * (-len(packed) % 4)))
        assert (status.code, status.message) == (self.code, self.message)
        self.info = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(self.info)
        self.retry: Any = None
        for detail in status.details[1:]:
            self.retry = error_details_pb2.RetryInfo()
            assert detail.Unpack(self.retry)


def failed(name: str, **facts: str) -> Read:
    return Read(Failures()(gateway_pb2.Reason.Value(f"REASON_{name}"), facts))


CODES = {
    "UNSPECIFIED": grpc.StatusCode.INTERNAL,
    "UNKNOWN_SERVICE": grpc.StatusCode.UNIMPLEMENTED,
    "NOT_EXPOSED": grpc.StatusCode.PERMISSION_DENIED,
    "NO_READY_WORKER": grpc.StatusCode.UNAVAILABLE,
    "NOT_STARTED": grpc.StatusCode.UNAVAILABLE,
    "WORKER_LOST": grpc.StatusCode.UNAVAILABLE,
    "UPSTREAM_RESET": grpc.StatusCode.UNAVAILABLE,
    "UPSTREAM_PROTOCOL_ERROR": grpc.StatusCode.INTERNAL,
    "DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
    "QUEUE_FULL": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "TOO_MUCH_UNREAD": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "GATEWAY_STOPPING": grpc.StatusCode.UNAVAILABLE,
}
REPEATABLE = {"NO_READY_WORKER", "NOT_STARTED", "QUEUE_FULL", "TOO_MUCH_UNREAD"}


def test_every_reason_of_the_contract_is_known() -> None:
    assert set(KINDS) == set(gateway_pb2.Reason.values())
    assert {f"REASON_{name}" for name in CODES} == set(gateway_pb2.Reason.keys())


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("facts", [{}, EVERYTHING], ids=["bare", "everything"])
def test_a_reason_has_its_code_and_details(name: str, facts: dict[str, str]) -> None:
    read = failed(name, **facts)
    assert read.code == CODES[name].value[0]
    assert (read.info.reason, read.info.domain) == (name, "tercet")
    assert dict(read.info.metadata).items() >= facts.items()
    assert read.message
    assert (read.retry is not None) == (name in REPEATABLE)


@pytest.mark.parametrize(
    ("name", "facts", "message"),
    [
        (
            "UNKNOWN_SERVICE",
            {"method": "/a.B/C"},
            "no upstream serves 'a.B'; `grpcurl ... list` shows what is served",
        ),
        (
            "NOT_EXPOSED",
            {"method": "/a.B/C", "hint": "set expose = true"},
            "'a.B' is not exposed here; set expose = true",
        ),
        (
            "WORKER_LOST",
            {"upstream": "greeter", "endpoint": WORKER, "cause": "Connection reset by peer"},
            f"the connection to worker {SHOWN} of 'greeter' was lost: Connection reset by peer; "
            "the call may have run; try again if it may run twice",
        ),
        (
            "DEADLINE_EXCEEDED",
            {"upstream": "greeter", "seconds": "1.5"},
            "the 1.5 s of the call have passed while it waited for a worker of 'greeter'; "
            "it did not run",
        ),
        (
            "DEADLINE_EXCEEDED",
            {"upstream": "greeter", "endpoint": WORKER},
            f"the call's time has passed while worker {SHOWN} of 'greeter' had it; it may have run",
        ),
        (
            "QUEUE_FULL",
            {"upstream": "greeter", "limit": "1024"},
            "the workers of 'greeter' are busy, and the queue of 1024 calls for them is full; "
            "try again later, or give the upstream more workers or a larger `concurrency`",
        ),
    ],
)
def test_the_message_names_the_cause(name: str, facts: dict[str, str], message: str) -> None:
    assert failed(name, **facts).message == message


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        (WORKER, SHOWN),
        ("unix:/my files/tercet/4711/a.b.0.3.sock", "a.b.0.3"),
        ("unix:///srv/stock", "stock"),
        ("unix:/", ""),
        ("unix:relative.sock", "unix:relative.sock"),
        ("unix-abstract:name", "unix-abstract:name"),
        ("ipv6:[::1]:50051", "ipv6:[::1]:50051"),
    ],
)
def test_of_a_unix_socket_the_files_name_alone_is_told(endpoint: str, shown: str) -> None:
    read = failed("WORKER_LOST", upstream="greeter", endpoint=endpoint)
    assert read.info.metadata["endpoint"] == shown
    assert read.message.startswith(f"the connection to worker {shown} of 'greeter' was lost")


def test_causes_tell_no_paths_of_sockets() -> None:
    other = "unix:/my files/4711/greeter.1.3.sock"
    cause = f"{WORKER}: No such file; {other}: it says {WORKER}, and/or nothing"
    read = failed("NO_READY_WORKER", upstream="greeter", cause=cause)
    told = "greeter.0.3: No such file; greeter.1.3: it says greeter.0.3, and/or nothing"
    assert read.info.metadata["cause"] == told
    assert read.message.startswith(f"no worker of 'greeter' is ready: {told}; ")


def test_what_a_client_has_said_is_told_as_it_was() -> None:
    path = f"/{WORKER}/C"
    assert failed("UNKNOWN_SERVICE", method=path).info.metadata["method"] == path


def test_a_hint_is_told_apart() -> None:
    read = failed("NOT_EXPOSED", method="/a.B/C", hint="set expose = true")
    assert read.info.metadata["hint"] == "set expose = true"


def test_the_manual_has_the_same_reasons() -> None:
    manual = Path(__file__, "../../../../docs/gateway-operations.md").resolve().read_text()
    table = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \| ([\d.]*)", manual, re.MULTILINE)
    assert {(name, code, retry) for name, code, retry in table} == {
        (name, code.name, f"{kind.retry_after or ''}")
        for name, code in CODES.items()
        if (kind := KINDS[gateway_pb2.Reason.Value(f"REASON_{name}")]) and name != "UNSPECIFIED"
    }


@pytest.mark.parametrize("path", ["", "/", "//", "nothing", "/\udcff\n%/é"])
def test_any_path_can_be_told(path: str) -> None:
    assert failed("UNKNOWN_SERVICE", method=path).message.startswith("no upstream serves '")


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("letter", ["x", "é", "\U0001f980", "%", "\n"])
def test_what_is_made_up_at_length_fits_into_metadata(name: str, letter: str) -> None:
    reason = gateway_pb2.Reason.Value(f"REASON_{name}")
    fields = Failures()(reason, dict.fromkeys([*EVERYTHING, "hint"], letter * 10_000))
    # As RFC 9113, section 10.5.1, counts.
    assert sum(len(name) + len(value) + 32 for name, value in fields) < METADATA
    facts = Read(fields).info.metadata.values()
    assert all(len(fact.encode()) <= LONGEST_FACT for fact in facts)


def test_a_number_that_is_no_reason_still_ends_the_call() -> None:
    read = Read(Failures()(999, {"cause": "?"}))
    assert (read.code, read.info.reason) == (13, "UNSPECIFIED")
    assert read.message == "the gateway failed the call: ?"


def test_equals_are_made_once_and_not_all_are_remembered() -> None:
    failures = Failures()
    reason = gateway_pb2.REASON_UNKNOWN_SERVICE
    first = failures(reason, {"method": "/a/0"})
    assert failures(reason, {"method": "/a/0"}) is first
    for number in range(REMEMBERED):
        failures(reason, {"method": f"/b/{number}"})
    assert failures(reason, {"method": "/a/0"}) is not first
