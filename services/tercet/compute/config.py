"""The section `compute` of the configuration."""

from __future__ import annotations

import msgspec


class ComputeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the compute service; each is per worker process."""

    # Threads of the pool, at most 1024; 0 means one per usable CPU (affinity and cgroup quota).
    threads: int = 0
    # Jobs that may wait for a thread; the next one is refused at once.
    queue_limit: int = 64
    # Elements (8 bytes each) of one `fill` input.
    max_fill_elements: int = 1 << 26
    # Pixels of one decoded image; imgproxy's default.
    max_pixels: int = 50_000_000
    # Bytes of one encoded image in an answer: gRPC's default message limit, less the other fields.
    max_encoded_bytes: int = (4 << 20) - (64 << 10)
    # Bytes that the fill inputs and decoded images of all calls may hold at once.
    memory_limit: int = 2 << 30

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
