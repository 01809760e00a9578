"""Which request metadata goes on to the upstream."""

from __future__ import annotations

from collections.abc import Iterable

# Made anew by the channel to the upstream, or meant for one hop.
DROPPED = frozenset({"user-agent", "te", "content-type"})
# Reserved keys that belong to the call, not to the hop.
KEPT = frozenset({"grpc-trace-bin", "grpc-tags-bin", "grpc-previous-rpc-attempts"})


def forwarded(
    metadata: Iterable[tuple[str, str | bytes]] | None,
) -> tuple[tuple[str, str | bytes], ...]:
    """The request metadata without what belongs to one hop; duplicates and order stay."""
    return tuple(
        (key, value)
        for key, value in metadata or ()
        if key in KEPT or not (key in DROPPED or key.startswith(("grpc-", ":")))
    )
