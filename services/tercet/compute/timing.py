"""Where the time of a job went, as a message."""

from __future__ import annotations

from tercet.compute._pool import Job
from tercet.compute.v1 import compute_pb2


def timing(job: Job) -> compute_pb2.Timing:
    """The times of a finished job."""
    message = compute_pb2.Timing(threads=job.threads, tiles=job.tiles)
    message.queued.FromNanoseconds(job.queued)
    message.running.FromNanoseconds(job.running)
    return message
