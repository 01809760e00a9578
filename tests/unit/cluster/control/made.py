"""What the tests of the control process are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tercet.cluster.messages import (
    Description,
    Event,
    EventKind,
    Message,
    Reported,
    ServiceRecord,
    WorkerRecord,
)
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.states import State
from tercet.cluster.worker.context import Worker


def record(service: str = "greeter", **changes: Any) -> WorkerRecord:
    made = WorkerRecord(
        service=service,
        slot=0,
        generation=1,
        pid=42,
        state=State.READY,
        bound=True,
        address="unix:/x",
        bind="",
        grpc_services=["a.B"],
        started=1_700_000_000.5,
        restarts=3,
        last_exit="killed by SIGKILL",
        routed=True,
    )
    return msgspec.structs.replace(made, **changes)


def service(name: str = "greeter", workers: int = 2) -> ServiceRecord:
    return ServiceRecord(
        name=name,
        target="a:b",
        workers=workers,
        bind="127.0.0.1:1",
        engine="native",
        routed=True,
        gateway=False,
        preload=False,
    )


def description(*names: str, **changes: Any) -> Description:
    made = Description(
        pid=7,
        runtime_dir="/run/x",
        started=1_700_000_000.5,
        revision=1,
        services=[service(name) for name in names],
    )
    return msgspec.structs.replace(made, **changes)


def event(sequence: int, kind: EventKind = EventKind.WORKER_READY, **changes: Any) -> Event:
    return msgspec.structs.replace(
        Event(sequence=sequence, time=1_700_000_000.5, kind=kind), **changes
    )


def counted(ended: int = 0, **changes: Any) -> dict[str, Any]:
    """What a worker tells of so many calls of one method, each of 1 to 2 ms."""
    return {
        "connections": 1,
        "connections_accepted": 2,
        "bytes_received": 3,
        "bytes_sent": 4,
        "streams_begun": ended,
        "calls_running": 0,
        "calls_queued": 0,
        "calls": {"/a.B/C": {0: ended}} if ended else {},
        "latency_buckets": (0.001, 0.002),
        "latency": {"/a.B/C": [0, ended, 0]} if ended else {},
        "seconds": {"/a.B/C": ended * 0.0015} if ended else {},
        "limits": {"resets": 0, "idle": 5},
    } | changes


def encoded(statistics: Mapping[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(statistics))


def reported(service: str = "greeter", generation: int = 1, **told: Any) -> Reported:
    return Reported(
        service=service,
        slot=0,
        generation=generation,
        pid=42,
        statistics=encoded(counted(**told)),
    )


def worker(sent: list[Message], **changes: Any) -> Worker:
    """A control process without a supervisor: what it sends is put into a list."""
    spec = WorkerSpec(
        service="control",
        slot=0,
        generation=1,
        target="tercet.cluster.control:register",
        options={},
        address="unix:/x",
        bind="",
        control="unix:/x",
        engine="native",
        grace=1.0,
        max_message_bytes=1 << 22,
        server_options={},
        import_from_cwd=False,
    )
    return Worker(msgspec.structs.replace(spec, **changes), sent.append)
