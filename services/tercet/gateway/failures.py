"""What a call says that the gateway itself has failed: from a reason and facts to trailers.

The reasons, and what a client should do about each, are in `tercet.gateway.v1.Reason`. Here is one
row for each: the error that it is (whose status is in `tercet.rpc.status`), its words, its hint.

Clients may be strangers: where a worker's UNIX socket is (which tells the runtime directory, and
the supervisor's pid in it) is not theirs to know. They are told its file's name, such as
"greeter.0.3"; logs, metrics and the admin service have the whole path.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import grpc

from tercet.errors import (
    DeadlineExceeded,
    PermissionDenied,
    ResourceExhausted,
    Retryable,
    TercetError,
    Unavailable,
    Unimplemented,
)
from tercet.gateway.v1 import gateway_pb2
from tercet.rpc.native.metadata import percent_encoded, sent
from tercet.rpc.status import status_of

Fields = list[tuple[bytes, bytes]]
Facts = Mapping[str, str]

# Failures come in floods of equals (a full queue, a dead worker), and what clients make up (paths)
# must not be remembered without end. An entry has at most a few kB.
REMEMBERED = 256
STATUSES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
# Bytes of UTF-8 of one fact: all fields of the longest failure together stay below the 8 KiB of
# metadata that gRPC clients take.
LONGEST_FACT = 200
# The address of a UNIX socket, alone or within a text, and its file's name. Directories may have
# blanks in their names where it ends as those of a mesh do.
SOCKET = re.compile(r"unix:/(?:(?:[^/:;]*/)*([^/:;]+?)\.sock\b|(?:[^/:;\s]*/)*([^/:;\s]*))")
# Seconds after which it is worth trying again.
SOON = 0.1
LATER = 0.5


class Failures:
    """Makes the header fields that end a call. Given to the data plane; belongs to its loop."""

    def __init__(self) -> None:
        self._remembered = functools.lru_cache(maxsize=REMEMBERED)(_fields)

    def __call__(self, reason: int, facts: dict[str, str], code: int = -1) -> Fields:
        """The fields grpc-status, grpc-message and grpc-status-details-bin, in this order.

        The list is shared: it must not be changed.

        Args:
            reason: A value of `tercet.gateway.v1.Reason`; one that is not known is answered like
                REASON_UNSPECIFIED.
            facts: What is known of the failure; all go into ErrorInfo.metadata, and none must be
                there. The words are made of:

                * method: path of the call
                * upstream: its name
                * endpoint: identity of the worker that has, or had, the call, whose path is not
                  told; without it the call was with none
                * cause: what the system or the peer said, such as "Connection reset by peer";
                  paths of UNIX sockets in it are not told
                * seconds: the time that the caller allows for the call
                * limit: calls that wait in a full queue, or bytes that are unread
                * hint: what to do, instead of the reason's own
            code: The gRPC status, where what a peer has said means another one than the reason's
                own; -1 if it does not.
        """
        return self._remembered(reason, code, tuple(sorted(facts.items())))


class Kind(NamedTuple):
    """What a reason means."""

    error: type[TercetError]
    words: Callable[[Facts], str]
    hint: str = ""
    # Seconds of RetryInfo, or None.
    retry_after: float | None = None


def _service(facts: Facts) -> str:
    return repr(facts.get("method", "").rpartition("/")[0].removeprefix("/"))


def _upstream(facts: Facts) -> str:
    return f"{facts['upstream']!r}" if "upstream" in facts else "the upstream"


def _worker(facts: Facts) -> str:
    """Such as "worker greeter.0.1 of 'greeter'"."""
    return (
        f"worker {facts['endpoint']} of {_upstream(facts)}"
        if "endpoint" in facts
        else (f"a worker of {_upstream(facts)}")
    )


def _cause(facts: Facts) -> str:
    return f": {facts['cause']}" if "cause" in facts else ""


def _unknown_service(facts: Facts) -> str:
    return f"no upstream serves {_service(facts)}"


def _not_exposed(facts: Facts) -> str:
    return f"{_service(facts)} is not exposed here"


def _no_ready_worker(facts: Facts) -> str:
    return f"no worker of {_upstream(facts)} is ready{_cause(facts)}"


def _not_started(facts: Facts) -> str:
    return f"{_worker(facts)} could not be given the call{_cause(facts)}; it did not run"


def _worker_lost(facts: Facts) -> str:
    return f"the connection to {_worker(facts)} was lost{_cause(facts)}; the call may have run"


def _upstream_reset(facts: Facts) -> str:
    return f"{_worker(facts)} reset the call{_cause(facts)}; it may have run"


def _upstream_protocol_error(facts: Facts) -> str:
    return f"{_worker(facts)} answered what is not gRPC{_cause(facts)}; the call may have run"


def _deadline_exceeded(facts: Facts) -> str:
    allowed = f"the {facts['seconds']} s of the call" if "seconds" in facts else "the call's time"
    verb = "have" if "seconds" in facts else "has"
    if "endpoint" in facts:
        return f"{allowed} {verb} passed while {_worker(facts)} had it; it may have run"
    return f"{allowed} {verb} passed while it waited for {_worker(facts)}; it did not run"


def _queue_full(facts: Facts) -> str:
    waiting = f" of {facts['limit']} calls" if "limit" in facts else ""
    return f"the workers of {_upstream(facts)} are busy, and the queue{waiting} for them is full"


def _too_much_unread(facts: Facts) -> str:
    held = f"{facts['limit']} bytes" if "limit" in facts else "too many bytes"
    return f"{held} of answers wait on this connection for their reader"


def _gateway_stopping(facts: Facts) -> str:
    if "endpoint" in facts:
        return f"the gateway stopped while {_worker(facts)} had the call; it may have run"
    return "the gateway is stopping; the call did not run"


def _unspecified(facts: Facts) -> str:
    return f"the gateway failed the call{_cause(facts)}"


KINDS: dict[int, Kind] = {
    gateway_pb2.REASON_UNSPECIFIED: Kind(TercetError, _unspecified),
    gateway_pb2.REASON_UNKNOWN_SERVICE: Kind(
        Unimplemented, _unknown_service, "`grpcurl ... list` shows what is served"
    ),
    gateway_pb2.REASON_NOT_EXPOSED: Kind(PermissionDenied, _not_exposed),
    gateway_pb2.REASON_NO_READY_WORKER: Kind(
        Unavailable,
        _no_ready_worker,
        "try again soon; `tercet upstreams` shows what they are up to",
        LATER,
    ),
    gateway_pb2.REASON_NOT_STARTED: Kind(Unavailable, _not_started, "try again", SOON),
    gateway_pb2.REASON_WORKER_LOST: Kind(
        Unavailable, _worker_lost, "try again if it may run twice"
    ),
    gateway_pb2.REASON_UPSTREAM_RESET: Kind(
        Unavailable, _upstream_reset, "try again if it may run twice"
    ),
    gateway_pb2.REASON_UPSTREAM_PROTOCOL_ERROR: Kind(
        TercetError, _upstream_protocol_error, "see whether a gRPC server listens there"
    ),
    gateway_pb2.REASON_DEADLINE_EXCEEDED: Kind(DeadlineExceeded, _deadline_exceeded),
    gateway_pb2.REASON_QUEUE_FULL: Kind(
        ResourceExhausted,
        _queue_full,
        "try again later, or give the upstream more workers or a larger `concurrency`",
        LATER,
    ),
    gateway_pb2.REASON_TOO_MUCH_UNREAD: Kind(
        ResourceExhausted, _too_much_unread, "read the answers of earlier calls first", LATER
    ),
    gateway_pb2.REASON_GATEWAY_STOPPING: Kind(
        Unavailable, _gateway_stopping, "connect again; another gateway may be there"
    ),
}


def _fields(reason: int, code: int, given: tuple[tuple[str, str], ...]) -> Fields:
    if reason not in KINDS:
        reason = gateway_pb2.REASON_UNSPECIFIED
    kind = KINDS[reason]
    facts = {name: _shortened(_without_path(name, value)) for name, value in given}
    error = kind.error(
        kind.words(facts),
        hint=facts.pop("hint", kind.hint),
        reason=gateway_pb2.Reason.Name(reason).removeprefix("REASON_"),
    )
    error.metadata = facts
    if isinstance(error, Retryable):
        error.retry_after = kind.retry_after
    status = status_of(error, STATUSES.get(code))
    return [
        (b"grpc-status", b"%d" % status.code.value[0]),
        (b"grpc-message", percent_encoded(str(error))),
        *sent(status.trailing_metadata),
    ]


def _without_path(name: str, value: str) -> str:
    return SOCKET.sub(_stem, value) if name in ("endpoint", "cause") else value


def _stem(found: re.Match[str]) -> str:
    return found[1] or found[2]


def _shortened(value: str) -> str:
    # A lone surrogate, as in the bytes of a path, is no UTF-8 and would be refused by protobuf.
    data = value.encode("utf-8", "replace")
    if len(data) <= LONGEST_FACT:
        return data.decode()
    return data[: LONGEST_FACT - 3].decode(errors="ignore") + "..."
