"""What the processes of a mesh write down: in which form, and to which file.

For the supervisor and for workers; each line says whose it is. A file is appended to by all of
them at once (O_APPEND), and opened anew when whoever rotates it says so (USR1).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from datetime import UTC, datetime

import msgspec

log = logging.getLogger("tercet")

MODE = 0o644


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record as JSON, with its fields in their order."""

    # RFC 3339 in UTC.
    time: datetime
    level: str
    # The name of the logger, such as "tercet.gateway".
    logger: str
    # Whose it is: "service/slot", or "tercet" for the supervisor.
    worker: str
    message: str
    # The traceback, with its line ends; left out where there is none.
    exception: str = ""
    # Of the record that the mesh serves: where, by service.
    addresses: dict[str, str] = {}


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        # What is logged need not be text that UTF-8 can have, such as a file's name.
        self._encode = msgspec.json.Encoder().encode

    def format(self, record: logging.LogRecord) -> str:
        line = Line(
            time=datetime.fromtimestamp(record.created, UTC),
            level=record.levelname.lower(),
            logger=record.name,
            worker=self._name,
            message=_encodable(record.getMessage()),
            exception=_encodable(self._exception(record)),
            addresses=getattr(record, "addresses", {}),
        )
        return self._encode(line).decode()

    def _exception(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return "\n".join(parts)


def configure(name: str, format: str, handler: logging.Handler | None = None) -> logging.Handler:
    """Has all that this process logs, from INFO on, written in that form, and in no other.

    Args:
        name: Whose it is.
        format: "text": the name, a colon, and the message; "json": a `Line`.
        handler: Where it goes: stderr, unless another is given.

    Returns:
        The handler.
    """
    chosen = handler or logging.StreamHandler()
    dress(chosen, name, format)
    logging.basicConfig(level=logging.INFO, handlers=[chosen], force=True)
    return chosen


def dress(handler: logging.Handler, name: str, format: str) -> None:
    """Gives what goes through a handler that form; of arguments, see `configure`."""
    handler.setFormatter(
        JsonFormatter(name) if format == "json" else logging.Formatter(f"{name}: %(message)s")
    )


def redirect(path: str) -> None:
    """Has stdout and stderr, of this process and of those it starts from now on, go to a file.

    Args:
        path: Appended to; made, readable for all, if it is not there. Not a relative one where
            somebody may change the directory.

    Raises:
        OSError: It cannot be opened; all stays as it was.
    """
    opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        for stream in (sys.stdout, sys.stderr):
            # Of a full disk, or a pipe that nobody reads, it says nothing new.
            with contextlib.suppress(OSError):
                stream.flush()
        for standard in (1, 2):
            os.dup2(opened, standard)
    finally:
        os.close(opened)


def reopen(path: str) -> bool:
    """The same anew, for a file that was renamed; whether it could be opened.

    If not, what is open stays so, and it is logged there.
    """
    try:
        redirect(path)
    except OSError as error:
        log.warning("cannot open the log %s anew, going on with the old: %s", path, error.strerror)
        return False
    return True


def is_elsewhere(path: str) -> bool:
    """Whether stderr is not the file that is at that path now."""
    try:
        return not os.path.samestat(os.stat(path), os.fstat(2))
    except OSError:
        return True


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
