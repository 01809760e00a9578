"""The section `compute` of the configuration."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ComputeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the compute service; each is per worker process."""

    threads: Annotated[
        int,
        Meta(
            description="threads of a worker's pool, at most 1024; 0 for the usable CPUs divided by"
            " workers"
        ),
    ] = 0
    queue_limit: Annotated[
        int, Meta(description="jobs that may wait for a thread; the next one is refused at once")
    ] = 64
    max_fill_elements: Annotated[
        int, Meta(description="elements (8 bytes each) of one `fill` input")
    ] = 1 << 26
    # imgproxy's default.
    max_pixels: Annotated[int, Meta(description="pixels of one decoded image")] = 50_000_000
    # gRPC's default message limit, less the other fields.
    max_encoded_bytes: Annotated[
        int, Meta(description="bytes of one encoded image in an answer")
    ] = (4 << 20) - (64 << 10)
    memory_limit: Annotated[
        int,
        Meta(
            description="bytes that the fill inputs and decoded images of all calls may hold at"
            " once"
        ),
    ] = 2 << 30

    def __post_init__(self) -> None:
        if not 0 <= self.threads <= 1024:
            raise ValueError("threads must be 0 (one per usable CPU) to 1024")
        if not 1 <= self.max_fill_elements <= 1 << 30:
            raise ValueError("max_fill_elements must be 1 to 2^30")
        for name in ("queue_limit", "max_pixels", "max_encoded_bytes", "memory_limit"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")

    def resolved_threads(self) -> int:
        """Threads to start: `threads`, or one per usable CPU."""
        if self.threads:
            return self.threads
        from tercet.cluster.sizing import usable_cpus

        return usable_cpus()
