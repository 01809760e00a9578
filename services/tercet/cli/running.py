"""Runs the command line; the only place that prints errors."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence

import typer

from tercet.cli.app import build
from tercet.cli.exit_codes import BROKEN_PIPE, INTERRUPTED, SOFTWARE, CannotCreate, exit_code
from tercet.cli.output import complain
from tercet.cli.wording import hint, located
from tercet.cli.workers import SeveralMeshes
from tercet.errors import TercetError

# What a write to a file may meet; files that the user named are told of by name elsewhere.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
PROGRAM = "tercet"
DEBUG = "TERCET_DEBUG"
# typer >= 0.2x carries a Click of its own, whose base of all usage errors has no public name.
UsageErrors: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code."""
    try:
        return _run(arguments)
    except SeveralMeshes as error:
        complain(error.message, error.advice(arguments))
        return error.exit_code
    except TercetError as error:
        complain(located(error.message, getattr(error, "field", "")), hint(error.hint))
        return exit_code(error)
    except UsageErrors as error:
        return _usage(error, arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # `tercet ... | head`: the rest is not wanted.
        _give_up_stdout()
        return BROKEN_PIPE
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM and error.filename is None:
            _give_up_stdout()
            lost = CannotCreate.because("standard output", error)
            complain(lost.message, lost.hint)
            return lost.exit_code
        if os.environ.get(DEBUG):
            traceback.print_exc()
            return SOFTWARE
        complain(
            f"unexpected {type(error).__name__}: {error}",
            f"this is a bug; set {DEBUG}=1 to see where",
        )
        return SOFTWARE


def _run(arguments: Sequence[str]) -> int:
    app = build()
    if "_TERCET_COMPLETE" in os.environ:
        app(list(arguments), prog_name=PROGRAM)
    # Not app(): it would print errors its own way, and end a broken pipe with 1.
    command = typer.main.get_command(app)
    try:
        with command.make_context(PROGRAM, list(arguments)) as context:
            command.invoke(context)
        code = 0
    except typer.Exit as ended:
        code = ended.exit_code
    sys.stdout.flush()
    return code


def _usage(error: Exception, arguments: Sequence[str]) -> int:
    code: int = getattr(error, "exit_code", 2)
    if type(error).__name__ == "NoArgsIsHelpError":
        # Its message is the help.
        print(error, file=sys.stderr)
        return code
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    path = context.command_path if context else _path(arguments)
    complain(message[:1].lower() + message[1:], f"see `{path} --help`")
    return code


def _path(arguments: Sequence[str]) -> str:
    """The verb of a command line, as it is typed; an option without its value does not tell it."""
    command, words = typer.main.get_command(build()), [PROGRAM]
    for word in arguments:
        verbs = getattr(command, "commands", {})
        if word not in verbs:
            break
        command = verbs[word]
        words.append(word)
    return " ".join(words)


def _give_up_stdout() -> None:
    # Python flushes it once more on exit, and would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
