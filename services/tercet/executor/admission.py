"""Admission: a stage of a request becomes a command, or is refused before anything is started."""

from __future__ import annotations

import contextlib
import os

from google.protobuf import duration_pb2

from tercet.errors import FailedPrecondition, InvalidArgument, NotFound
from tercet.executor.arguments import values_of
from tercet.executor.catalogue import Catalogue
from tercet.executor.command import Command
from tercet.executor.media import InputFile, MediaRoot, OutputFile
from tercet.executor.program import InputFileArgument, OutputFileArgument, Program
from tercet.executor.template import PROGRESS_FD
from tercet.executor.v1 import executor_pb2 as pb


def program_of(catalogue: Catalogue, stage: pb.Stage, at: str) -> Program:
    """The catalogue's entry.

    Args:
        at: Path of the field that holds the stage, for errors.

    Raises:
        NotFound: There is none of that name.
    """
    try:
        return catalogue[stage.program]
    except KeyError:
        raise NotFound(
            f"there is no program {stage.program[:80]!r}",
            hint=f"the programs are: {', '.join(catalogue)}",
            reason="UNKNOWN_PROGRAM",
            field=f"{at}.program",
        ) from None


def admit(
    program: Program,
    stage: pb.Stage,
    media: MediaRoot | None,
    at: str,
    progress_fd: int | None = None,
) -> Command:
    """A command whose files are open.

    Args:
        at: Path of the field that holds the stage, for errors.
        progress_fd: Where the program should tell its progress, if it can and somebody listens.

    Raises:
        InvalidArgument, NotFound, PermissionDenied, FailedPrecondition: As the contract says.
    """
    values = values_of(program, stage.arguments, f"{at}.arguments")
    inputs: list[InputFile] = []
    outputs: list[OutputFile] = []
    with contextlib.ExitStack() as opened:
        for name, argument in program.arguments.items():
            if name not in values or not isinstance(
                argument, InputFileArgument | OutputFileArgument
            ):
                continue
            field = f"{at}.arguments.{name}"
            if media is None:
                raise FailedPrecondition(
                    f"{program.name} takes a file for {name!r}, but this server has no media root",
                    hint="set `media_root` in the server's [executor] section",
                    reason="NO_MEDIA_ROOT",
                    field=field,
                )
            file: InputFile | OutputFile
            if isinstance(argument, InputFileArgument):
                inputs.append(file := media.open_input(values[name], field))
            else:
                outputs.append(file := media.create_output(values[name], field))
            opened.callback(file.close)
            values[name] = path_of(file.fd)
        channels = []
        if program.progress and progress_fd is not None:
            channels.append(progress_fd)
            values[PROGRESS_FD] = str(progress_fd)
        argv = [program.path, *program.argv.render(values)]
        opened.pop_all()
    return Command(
        program=program.name,
        argv=tuple(map(os.fsencode, argv)),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        channels=channels,
    )


def path_of(fd: int) -> str:
    """The path by which a program opens an inherited file anew, with an offset of its own."""
    return f"/proc/self/fd/{fd}"


def time_limit(asked: duration_pb2.Duration | None, allowed: float, at: str) -> float:
    """Seconds that a program may run: what was asked for, within what the catalogue allows.

    Raises:
        InvalidArgument: Nothing or less was asked for.
    """
    if asked is None:
        return allowed
    seconds = asked.seconds + asked.nanos / 1e9
    if seconds <= 0:
        raise InvalidArgument(
            f"the timeout is {seconds:g} s",
            field=at,
            hint="leave it unset for the program's own limit",
            reason="TIMEOUT_OUT_OF_RANGE",
        )
    return min(seconds, allowed)
