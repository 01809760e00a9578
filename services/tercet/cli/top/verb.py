"""The verb: live on a terminal, a table elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tercet.cli.advice import about_reload
from tercet.cli.calling import hush
from tercet.cli.control import ask
from tercet.cli.options import Mesh, examples

if TYPE_CHECKING:
    from tercet.cli.top.snapshot import Snapshot

EPILOG = examples(
    "tercet top",
    "tercet top --once | sort -t$'\\t' -k9 -rn",
    "tercet top --json | jq '.[] | {service, slot, rss: .usage.rss_bytes}'",
)


def command(
    mesh: Mesh = None,
    interval: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, max=3600, help="From one look to the next."),
    ] = 1.0,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Print one table and end; so it does where no terminal shows it."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array, one object per worker, and end.")
    ] = False,
) -> None:
    """Show what each worker does and takes, and what happens in the mesh.

    RSS is resident memory; PSS counts what workers share by shares. CPU is of one CPU. CALLS/S,
    P50 and P99 are of the last interval, and lag behind by up to a second.

    Keys: r reloads, + and - give the selected service one worker more or less, c recycles the
    selected worker, k kills it (asks first), arrows select, q quits.

    Exits with 69 if no mesh runs, 2 if several do and none was chosen.
    """
    hush()
    from tercet.cli.workers import find

    runtime = find(mesh)
    # The live view is drawn on standard error, so that must be one too.
    live = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if once or as_json or not live:
        show(look(runtime, interval), as_json=as_json)
        return
    # Late: it takes as long to import as everything else together.
    from tercet.cli.top.screen import Top

    Top(runtime, interval=interval).run()


def look(runtime: Path, interval: float) -> Snapshot:
    """One moment, after an interval that rates are of.

    Raises:
        Unavailable: The control process does not answer.
    """
    from tercet.cli.top.snapshot import Snapshot
    from tercet.cluster.v1 import cluster_pb2

    request = cluster_pb2.WatchUsageRequest()
    request.interval.FromNanoseconds(int(interval * 1e9))

    def usage(stub: Any, deadline: float) -> Snapshot:
        answers = stub.WatchUsage(request, timeout=deadline + 2 * interval, wait_for_ready=True)
        first = next(answers)
        # The first one may have no interval behind it yet.
        last = next(answers, first)
        answers.cancel()
        return Snapshot(
            stub.Describe(cluster_pb2.DescribeRequest(), timeout=deadline),
            stub.ListWorkers(cluster_pb2.ListWorkersRequest(), timeout=deadline).workers,
            last.workers,
        )

    return ask(runtime, usage)


def show(snapshot: Snapshot, *, as_json: bool) -> None:
    from tercet.cli.output import complain, print_json, print_table
    from tercet.cli.top.snapshot import COLUMNS, as_dict, cells

    if as_json:
        print_json([as_dict(worker, usage) for _, worker, usage in snapshot.rows()])
    else:
        rows = [cells(worker, usage) for _, worker, usage in snapshot.rows()]
        print_table(COLUMNS, rows, caption=snapshot.title(), fold=False)
    if snapshot.described.reload_error:
        cause, advice = about_reload(snapshot.described.reload_error)
        complain(f"the last reload has failed: {cause}", advice)
