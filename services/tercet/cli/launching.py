"""Hands a mesh over: to a supervisor that this process becomes, or to one that runs already."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import typer

from tercet.cluster.inherited import put_right
from tercet.cluster.spec import FILE_VARIABLE, MeshSpec, OriginSpec

# Set by a supervisor that runs the command of its start again, to learn what the configuration
# says now: the descriptor that the answer is to be written to.
SPEC_VARIABLE = "TERCET_SPEC_FD"


def launch(spec: MeshSpec, *, file: Path | None = None) -> NoReturn:
    """Becomes the supervisor of a mesh: by exec, so that nothing imported here is in it.

    Args:
        file: The configuration file that it comes from.

    Raises:
        Exit: The spec was written to the descriptor that TERCET_SPEC_FD names instead.
    """
    origin = OriginSpec(
        arguments=sys.argv[1:],
        directory=os.getcwd(),
        file=os.path.abspath(file) if file else "",
    )
    encoded = msgspec.json.encode(msgspec.structs.replace(spec, origin=origin))
    if asked := os.environ.get(SPEC_VARIABLE):
        with open(int(asked), "wb") as answer:
            answer.write(encoded)
        raise typer.Exit
    # Of this run alone: another mesh, started by a worker, has a file of its own.
    os.environ.pop(FILE_VARIABLE, None)
    put_right()
    handed_over = os.memfd_create("tercet-spec", flags=0)
    os.write(handed_over, encoded)
    os.lseek(handed_over, 0, os.SEEK_SET)
    for stream in (sys.stdout, sys.stderr):
        # None where it was closed when this process was started.
        if stream:
            stream.flush()
    arguments = ["-P", "-m", "tercet.cluster", "--spec-fd", str(handed_over)]
    os.execv(sys.executable, [sys.executable, *arguments])
