"""What `tercet up` prints when everything is ready: plain text, made without a terminal library."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Template

from tercet.cluster.address import Bind
from tercet.cluster.messages import WorkerRecord

HEADER = ("SERVICE", "SLOT", "PID", "STATE", "ADDRESS")


def banner(workers: Iterable[WorkerRecord], runtime: Path, hints: Iterable[str]) -> str:
    """The table of workers, then the hints with $name replaced by that service's address."""
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
        binds[worker.service.replace("-", "_")] = _reachable(worker)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    said = [Template(hint).safe_substitute(binds) for hint in hints]
    return "\n".join([*lines, "", f"Runtime directory: {runtime}", *said, "Ctrl-C stops it."])


def _reachable(worker: WorkerRecord) -> str:
    """Where a client on this machine connects."""
    if not worker.bind:
        return worker.address
    bind = Bind.parse(worker.bind)
    return f"localhost:{bind.port}" if bind.host in ("::", "0.0.0.0") else str(bind)
