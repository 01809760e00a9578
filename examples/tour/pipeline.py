"""Programs: `ps aux | head -10` without a shell."""

from __future__ import annotations

from pathlib import Path

import tercet
from examples.tour.mesh import Mesh
from examples.tour.table import seconds, table

LINES = 10


async def run(mesh: Mesh, client: tercet.Client, out: Path) -> str:
    # check: a stage that fails raises. One that SIGPIPE ended did not: the next had read enough.
    completed = await client.executor.pipe(
        [("ps", {"style": "aux"}), ("head", {"lines": LINES})], check=True
    )
    first, *rest = completed.stdout.decode(errors="replace").splitlines()
    table((first,), [(line,) for line in rest], cut=True)
    table(
        ("STAGE", "ENDED", "TIME"),
        [
            (stage.program, stage.outcome.describe(), seconds(stage.outcome.elapsed))
            for stage in completed.stages
        ],
    )
    return f"{len(rest) + 1} lines of ps, through head"
