"""What the functions of `[cluster.hooks]` are called with. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that has happened in the mesh."""

    # From 1, without a gap.
    sequence: int
    # Seconds since the epoch.
    time: float
    # Such as "worker_exited": the name of the hook.
    kind: str
    # The service that it is about; "" if it is about the mesh.
    service: str = ""
    # The slot, or -1.
    slot: int = -1
    # The generation, or 0.
    generation: int = 0
    # The process id, or 0.
    pid: int = 0
    # More about it, in words.
    text: str = ""
    # Of "worker_exited": the worker was to go, as in a reload, a scaling or a stop; if not, it has
    # died. False of all others.
    planned: bool = False
