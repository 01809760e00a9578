"""The supervisor's records as messages of tercet.cluster.v1."""

from __future__ import annotations

from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from tercet.cluster.messages import Event, EventKind, ServiceRecord, WorkerRecord
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2

STATES = {
    State.STARTING: cluster_pb2.WORKER_STATE_STARTING,
    State.READY: cluster_pb2.WORKER_STATE_READY,
    State.DRAINING: cluster_pb2.WORKER_STATE_DRAINING,
    State.GONE: cluster_pb2.WORKER_STATE_GONE,
}
KINDS = {kind: getattr(cluster_pb2, f"EVENT_KIND_{kind.name}") for kind in EventKind}


class Key(NamedTuple):
    """Which worker: a slot has several while one replaces another."""

    service: str
    slot: int
    generation: int


def key(record: WorkerRecord) -> Key:
    return Key(record.service, record.slot, record.generation)


def worker(record: WorkerRecord) -> cluster_pb2.Worker:
    made = cluster_pb2.Worker(
        service=record.service,
        slot=record.slot,
        generation=record.generation,
        pid=record.pid,
        state=STATES[record.state],
        address=record.address,
        bind=record.bind,
        grpc_services=record.grpc_services,
        restarts=record.restarts,
        last_exit=record.last_exit,
        routed=record.routed,
        revision=record.revision,
        gateway=record.gateway,
    )
    if record.started:
        made.started.CopyFrom(timestamp(record.started))
    if record.retry:
        made.retry.CopyFrom(timestamp(record.retry))
    return made


def service(record: ServiceRecord) -> cluster_pb2.Service:
    return cluster_pb2.Service(
        name=record.name,
        target=record.target,
        workers=record.workers,
        bind=record.bind,
        engine=record.engine,
        routed=record.routed,
        gateway=record.gateway,
        preload=record.preload,
    )


def event(happened: Event) -> cluster_pb2.Event:
    return cluster_pb2.Event(
        sequence=happened.sequence,
        time=timestamp(happened.time),
        kind=KINDS[happened.kind],
        service=happened.service,
        slot=happened.slot,
        generation=happened.generation,
        pid=happened.pid,
        text=happened.text,
        planned=happened.planned,
    )


def timestamp(seconds: float) -> Timestamp:
    """Of seconds since the epoch."""
    made = Timestamp()
    # A float holds no more of it than that.
    made.FromMicroseconds(round(seconds * 1e6))
    return made
