"""`python -m examples.tour`: a mesh is started, used through its gateway, and stopped.

Exits with 0 if every step did what it should, 1 if one did not, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import tercet
from examples.tour import greeter, photo, pipeline, threads, video
from examples.tour.journal import Journal, StepFailed
from examples.tour.mesh import Mesh

OUT = Path(__file__).parent / "out"
# Each takes some seconds; a step that hangs has failed.
STEP_WITHIN = 60.0

Step = Callable[[Mesh, tercet.Client, Path], Awaitable[str]]
STEPS: tuple[tuple[str, Step, str], ...] = (
    ("processes", greeter.run, "1000 calls to four processes, one of which is killed"),
    ("photograph", photo.run, "A photograph: gain, then blur"),
    ("threads", threads.run, "The same work on one thread and on more"),
    ("video", video.run, "A clip, from mp4 to webm"),
    ("pipeline", pipeline.run, "ps aux | head -10, without a shell"),
)


async def take(mesh: Mesh, out: Path, journal: Journal) -> None:
    """Takes one step after the other, up to the first that fails."""
    with journal.step("start", "Starting the mesh") as entry:
        async with asyncio.timeout(STEP_WITHIN):
            workers = await mesh.start()
        entry.happened = f"{workers} workers behind {mesh.gateway}"
        print(entry.happened)
    async with tercet.connect(mesh.gateway) as client:
        for name, run, title in STEPS:
            with journal.step(name, title) as entry:
                async with asyncio.timeout(STEP_WITHIN):
                    entry.happened = await run(mesh, client, out)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.tour", description=__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        metavar="DIR",
        help="where results go [default: %(default)s]",
    )
    out: Path = parser.parse_args().out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C: asyncio cancels the step that is under way.
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))

    journal = Journal()
    code = 0
    try:
        with Mesh(out / "mesh.log") as mesh:
            try:
                asyncio.run(take(mesh, out, journal))
            finally:
                with journal.step("stop", "Stopping the mesh") as entry:
                    mesh.stop()
                    entry.happened = "it ended in order and left no socket"
    except StepFailed:
        code = 1
    except KeyboardInterrupt:
        code = 130
    journal.show()
    where = out.relative_to(Path.cwd()) if out.is_relative_to(Path.cwd()) else out
    print(f"\nResults are in {where}: {', '.join(sorted(os.listdir(out)))}", flush=True)
    if code:
        print(journal.failure or "Interrupted; everything is stopped.", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
