"""What a process of the mesh says, without ever waiting for whoever reads it.

A pipe whose reader has stopped (a pager, a stuck log shipper) fills up, also with what others write
to it. A supervisor that waited there would restart nobody and hear no signal, a gateway would be
taken for hung with all its calls; what does not fit is dropped instead.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import stat


class Voice:
    """Writes to a standard stream; `logging.StreamHandler` takes it for a stream too.

    Args:
        stream: Its descriptor.
        patience: Seconds for which a reader that is slow is waited for, once: not again until it
            has taken something.
    """

    def __init__(self, stream: int, *, patience: float = 0.0) -> None:
        self._descriptor = _unblocking(stream)
        self._patience = patience
        self._is_heard = True
        self._is_own = self._descriptor != stream

    def say(self, text: str) -> None:
        """Writes a line, or as much of it as is taken."""
        self.write(f"{text}\n")

    def write(self, text: str) -> None:
        """Writes what is said, or as much of it as is taken."""
        rest = memoryview(text.encode(errors="backslashreplace"))
        # Nobody reads it, or not now, or there is no space: nothing to be done about it here.
        with contextlib.suppress(OSError):
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                    self._is_heard = True
                except BlockingIOError:
                    if not self._waits():
                        return

    def flush(self) -> None:
        """Nothing is kept."""

    def _waits(self) -> bool:
        """Whether there is room after a moment."""
        if not self._is_heard:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        self._is_heard = bool(poll.poll(self._patience * 1000))
        return self._is_heard

    def close(self) -> None:
        """Closes what it has opened itself: not the stream."""
        if self._is_own:
            os.close(self._descriptor)


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
