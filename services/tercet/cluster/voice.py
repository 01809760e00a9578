"""What the supervisor says, without ever waiting for whoever reads it.

A pipe whose reader has stopped (a pager, a stuck log shipper) fills up, also with what the workers
write. A supervisor that waited there would restart nobody and hear no signal; what does not fit is
dropped instead.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat


class Voice:
    """Writes to a standard stream.

    Args:
        stream: Its descriptor.
    """

    def __init__(self, stream: int) -> None:
        self._descriptor = _unblocking(stream)

    def say(self, text: str) -> None:
        """Writes a line, or as much of it as is taken at once."""
        rest = memoryview(f"{text}\n".encode(errors="backslashreplace"))
        # Nobody reads it, or not now, or there is no space: nothing to be done about it here.
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


class VoiceHandler(logging.Handler):
    """Log records for a voice."""

    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        self._voice.say(self.format(record))


def _unblocking(stream: int) -> int:
    kind = os.fstat(stream).st_mode
    if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind):
        # Opened anew, not switched: O_NONBLOCK belongs to what is open, which the workers and
        # whoever started us share.
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            return os.open(f"/proc/self/fd/{stream}", flags)
    return stream
