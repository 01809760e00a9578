"""What the supervisor and its children tell each other over their socketpair.

One JSON object a line, tagged by `type`. Imports nothing that a process may not.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tercet.cluster.spec import WorkerSpec
from tercet.cluster.states import State


class EventKind(StrEnum):
    """Names of v1.EventKind, in lower case."""

    WORKER_STARTED = "worker_started"
    WORKER_READY = "worker_ready"
    WORKER_DRAINING = "worker_draining"
    WORKER_EXITED = "worker_exited"
    WORKER_HUNG = "worker_hung"
    RELOAD_STARTED = "reload_started"
    RELOAD_FINISHED = "reload_finished"
    RELOAD_FAILED = "reload_failed"
    SCALED = "scaled"
    RECYCLED = "recycled"
    STOPPING = "stopping"
    UPGRADE_STARTED = "upgrade_started"
    UPGRADE_FAILED = "upgrade_failed"


class OrderKind(StrEnum):
    RELOAD = "reload"
    SCALE = "scale"
    RECYCLE = "recycle"
    KILL = "kill"


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Supervisor to worker, once, first: what it is."""

    spec: WorkerSpec


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Supervisor to worker: drain and end.

    Its health says NOT_SERVING, it finishes the calls that it has, for so long at most, and exits.
    Nobody lists it any more. Less than its own grace where others have used up some of the mesh's.
    """

    # Seconds.
    grace: float


class Bound(msgspec.Struct, frozen=True, tag="bound"):
    """Worker to supervisor: its server listens; these are its services."""

    grpc_services: list[str]


class Pulse(msgspec.Struct, frozen=True, tag="pulse"):
    """Worker to supervisor, from its event loop, every `WorkerSpec.pulse` seconds since `Bound`.

    That it comes says that the loop turns. How busy the worker is says nothing of that.
    """

    # Calls that have begun since its start; 0 where the engine does not count.
    calls: int = 0
    # Calls that run now.
    in_flight: int = 0
    # Seconds by which the loop was late with this.
    lag: float = 0.0
    # Seconds that a no-op waited for a thread of the handlers' pool; -1 if it has none.
    pool_wait: float = -1.0


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Worker to supervisor, about once a second: `statistics()` of its server, as JSON.

    Its `calls` are {path: {code: count}} here; `loop` is beside, with the `lag` and `pool_wait` of
    the last pulse. The supervisor does not look into it; it goes on to the control process as
    `Reported`.
    """

    statistics: msgspec.Raw


class Leaving(msgspec.Struct, frozen=True, tag="leaving"):
    """Worker to supervisor: somebody has sent it TERM. It serves until it is told to stop."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Worker to supervisor, before it exits: why it cannot start, in a line."""

    cause: str


class Acknowledged(msgspec.Struct, frozen=True, tag="acknowledged"):
    """Gateway to supervisor: it has taken over that version of the list of workers.

    It sends no more calls to a worker that was ready in an earlier version and is not in this one.
    """

    version: int


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One worker as the supervisor sees it; the fields of tercet.cluster.v1.Worker."""

    service: str
    slot: int
    generation: int
    # Of the configuration and code that it was started with: grows with each reload.
    revision: int = 1
    pid: int
    state: State
    # Whether it has said `Bound`.
    bound: bool
    address: str
    bind: str
    grpc_services: list[str]
    # Seconds since the epoch.
    started: float
    restarts: int
    last_exit: str
    routed: bool
    # Whether it is a gateway.
    gateway: bool = False
    # Seconds since the epoch of the next try, where the slot waits for one; else 0.
    retry: float = 0.0


class Workers(msgspec.Struct, frozen=True, tag="workers"):
    """Supervisor to control process and to gateways, after each change: the whole list.

    A slot has more than one worker while one replaces another.
    """

    version: int
    workers: list[WorkerRecord]


class Serving(msgspec.Struct, frozen=True, tag="serving"):
    """Control process to supervisor: that worker's health is SERVING over its own socket."""

    service: str
    slot: int
    generation: int


class Reported(msgspec.Struct, frozen=True, tag="reported"):
    """Supervisor to control process: what a worker has last said of itself."""

    service: str
    slot: int
    generation: int
    pid: int
    statistics: msgspec.Raw


class Event(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """Supervisor to control process: something has happened; the fields of v1.Event."""

    # From 1, without a gap.
    sequence: int
    # Seconds since the epoch.
    time: float
    kind: EventKind
    service: str = ""
    slot: int = -1
    generation: int = 0
    pid: int = 0
    text: str = ""
    # Of WORKER_EXITED: it was to go, as it drained or was told to stop before.
    planned: bool = False


class Events(msgspec.Struct, frozen=True, tag="events"):
    """Supervisor to a new control process, first: what has happened before it was there."""

    events: list[Event]


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One service as it is meant to be; the fields of tercet.cluster.v1.Service."""

    name: str
    target: str
    # Workers that it is to have now: `Scale` changes it.
    workers: int
    bind: str
    engine: str
    routed: bool
    gateway: bool
    preload: bool


class Description(msgspec.Struct, frozen=True, kw_only=True, tag="description"):
    """Supervisor to control process, when it changes: the mesh; v1.DescribeResponse."""

    pid: int
    runtime_dir: str
    # Seconds since the epoch.
    started: float
    revision: int
    services: list[ServiceRecord]
    # Why the last reload has failed; "" if it has not.
    reload_error: str = ""
    # What is under way, such as "reload" or "scale shop to 4"; "" if nothing is.
    operation: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """Control process to supervisor: do something, and say by `Done` how it went."""

    # Chosen by the control process.
    number: int
    kind: OrderKind
    # Of these kinds but RELOAD: which service.
    service: str = ""
    # SCALE: workers that it is to have.
    workers: int = 0
    # RECYCLE and KILL: which slot; -1 for each of the service in turn (RECYCLE alone).
    slot: int = -1
    # KILL: the worker that is meant, which may be gone; 0 for whichever is there.
    generation: int = 0


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """Supervisor to control process: an order is carried out, or is not going to be."""

    number: int
    # "" if it is carried out, else why not.
    error: str = ""
    # Reason of ErrorInfo, such as "NO_SERVICE", where there is an error.
    reason: str = ""
    # What an operator should know of it.
    text: str = ""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Successor to the supervisor that it is to follow (binary upgrade): its whole mesh serves.

    Before that it may say `Failed`; the other one may say `Stop`.
    """


class HandedOver(msgspec.Struct, frozen=True, tag="handed_over"):
    """Supervisor to its successor: the mesh is yours. From now on the old one only stops."""


Message = (
    Start
    | Stop
    | Bound
    | Pulse
    | Report
    | Leaving
    | Failed
    | Acknowledged
    | Workers
    | Serving
    | Reported
    | Event
    | Events
    | Description
    | Order
    | Done
    | Ready
    | HandedOver
)
