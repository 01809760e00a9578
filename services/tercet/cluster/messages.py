"""What the supervisor and its children tell each other over their socketpair.

One JSON object a line, tagged by `type`. Imports nothing that a process may not.
"""

from __future__ import annotations

import msgspec

from tercet.cluster.spec import WorkerSpec
from tercet.cluster.states import State


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Supervisor to worker, once, first: what it is."""

    spec: WorkerSpec


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Supervisor to worker, before TERM: how long it may go on with the calls that it has.

    Less than its own grace where others have used up some of the mesh's.
    """

    # Seconds.
    grace: float


class Bound(msgspec.Struct, frozen=True, tag="bound"):
    """Worker to supervisor: its server listens; these are its services."""

    grpc_services: list[str]


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One worker as the supervisor sees it; the fields of tercet.cluster.v1.Worker."""

    service: str
    slot: int
    generation: int
    pid: int
    state: State
    # Whether it has said `Bound`.
    bound: bool
    address: str
    bind: str
    grpc_services: list[str]
    started: float
    restarts: int
    last_exit: str
    routed: bool


class Workers(msgspec.Struct, frozen=True, tag="workers"):
    """Supervisor to control process, after each change: the whole list."""

    version: int
    workers: list[WorkerRecord]


class Serving(msgspec.Struct, frozen=True, tag="serving"):
    """Control process to supervisor: that worker's health is SERVING over its own socket."""

    service: str
    slot: int
    generation: int


Message = Start | Stop | Bound | Workers | Serving
