"""`tercet exec run`."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tercet.cli.calling import call
from tercet.cli.exec_.stages import parse
from tercet.cli.options import LOCAL, Address, Json, duration, examples
from tercet.cli.output import bytes_as_json, print_json

if TYPE_CHECKING:
    from tercet.client import Completed, Outcome

EPILOG = examples(
    "tercet exec run ps style=aux :: head lines=10",
    "tercet exec run ffmpeg input=a.mp4 output=b.webm format=webm",
    "tercet exec run sha256sum --stdin < file",
)

LESS_OUTPUT = (
    "one program, without --json, may write any amount; for a pipeline raise max_output_bytes of"
    " the server's [executor]"
)


def command(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="PROGRAM [NAME=VALUE]...",
            help="A program of `tercet exec list` and its arguments. After :: comes another one,"
            " which reads the output of the one before.",
            show_default=False,
        ),
    ],
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Pass standard input on to the first program.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            callback=duration,
            help="Longest wall time [default: the catalogue's].",
        ),
    ] = None,
    address: Address = LOCAL,
    as_json: Json = False,
) -> None:
    """Run a program, or a pipeline of several without a shell.

    One program is live: its output comes as it is written, and its progress is a bar on a
    terminal, lines on standard error elsewhere. A pipeline, and --json, answer when all have
    ended; then the server's limit for output (1 MiB unless configured) applies.

    Exits with the program's own code; 128+n if signal n ended it, 124 if it ran too long, 153 if
    it wrote too much, 126 or 127 if it could not be started. Of a pipeline, the last program that
    failed decides, as with bash's pipefail. Other codes: see `tercet --help`.
    """
    stages = parse(words)
    if stdin and sys.stdin.isatty():
        raise typer.BadParameter("standard input is a terminal", param_hint="--stdin")
    if as_json or len(stages) > 1:
        given = sys.stdin.buffer.read() if stdin else b""
        completed = call(
            address,
            lambda client: client.executor.pipe(stages, stdin=given, timeout=timeout),
            smaller="one program, without --json, takes input of any size",
        )
        if as_json:
            print_json(as_dict(completed))
        else:
            _show(completed)
        raise typer.Exit(completed.exit_code)
    from tercet.cli.exec_ import live

    ((program, arguments),) = stages
    outcome = call(
        address,
        lambda client: live.run(
            client.executor.spawn(program, arguments, timeout=timeout), program, feed=stdin
        ),
    )
    _explain(program, outcome)
    raise typer.Exit(outcome.exit_code)


def as_dict(completed: Completed) -> dict[str, Any]:
    return {
        "ok": completed.ok,
        "exit_code": completed.exit_code,
        **bytes_as_json("stdout", completed.stdout),
        "stages": [
            {
                "program": stage.program,
                "outcome": {
                    "description": stage.outcome.describe(),
                    **dataclasses.asdict(stage.outcome),
                },
                **bytes_as_json("stderr", stage.stderr),
                "stderr_dropped": stage.stderr_dropped,
            }
            for stage in completed.stages
        ],
    }


def _show(completed: Completed) -> None:
    for stage in completed.stages:
        if stage.stderr_dropped:
            print(
                f"tercet: the first {stage.stderr_dropped} bytes that {stage.program} wrote to"
                " standard error were dropped",
                file=sys.stderr,
            )
        sys.stderr.buffer.write(stage.stderr)
    sys.stderr.flush()
    sys.stdout.buffer.write(completed.stdout)
    if completed.failed:
        _explain(completed.failed.program, completed.failed.outcome)


def _explain(program: str, outcome: Outcome) -> None:
    # A program that exits by itself has said why.
    if outcome.kind != "exited":
        print(f"tercet: {program} {outcome.describe()}", file=sys.stderr)
    if outcome.kind == "output_limit":
        print(f"hint: {LESS_OUTPUT}", file=sys.stderr)
