"""What `tercet up` prints when everything is ready: plain text, made without a terminal library."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tercet.cluster.messages import WorkerRecord

HEADER = ("SERVICE", "SLOT", "PID", "STATE", "ADDRESS")


def banner(workers: Iterable[WorkerRecord], runtime: Path, hints: Iterable[str]) -> str:
    """The table of workers, then the hints with {name} replaced by that service's address."""
    rows = [HEADER]
    binds: dict[str, str] = {}
    for worker in workers:
        rows.append(
            (
                worker.service,
                str(worker.slot),
                str(worker.pid),
                worker.state.value,
                worker.bind or worker.address,
            )
        )
        binds[worker.service] = worker.bind or worker.address
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    said = [hint.format_map(binds) for hint in hints]
    return "\n".join([*lines, "", f"Runtime directory: {runtime}", *said, "Ctrl-C stops it."])
