"""The file that names the supervisor, for `kill -HUP $(cat FILE)` and for init scripts.

Written at the start, before anything else is taken, and not when the mesh is ready: so that a
second start with the same file is refused before it has touched a port, and a mesh that is slow to
start can be told to stop.

It is locked (flock) as long as its supervisor lives: that, and not the number in it, says whether
it is stale. After a reboot, or in a container, where every supervisor has pid 1, the number may be
another process's.

Guarantees:
* a reader sees either no file or a whole one: it gets its name when it is written and locked;
* of several that start at once with the same file, one gets it;
* only the supervisor that the file names removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from tercet.errors import ConfigError

# A file that is no longer than that, and has digits alone in it, is one of these.
LONGEST = 32


class PidFile:
    """The file, from when it is taken to `close`.

    Args:
        path: Where it is.
        successor: It is taken from the supervisor that it names, which knows of it.

    Raises:
        ConfigError: It names another supervisor that lives, is not a pid file, or cannot be
            written.
    """

    def __init__(self, path: Path, *, successor: bool = False) -> None:
        self.path = path.absolute()
        try:
            self._lock = self._replaced() if successor else self._claimed()
        except OSError as error:
            raise ConfigError(
                f"cannot write the pid file {path}: {error.strerror}",
                hint="choose a pid_file in a directory that you may write to",
                reason="PID_FILE",
            ) from error

    def close(self) -> None:
        """Removes it, unless it is a successor's by now."""
        with contextlib.suppress(OSError):
            if _is_at(self._lock, self.path) and _read(self._lock) == str(os.getpid()):
                self.path.unlink()
        os.close(self._lock)

    def _claimed(self) -> int:
        while True:
            unnamed, lock = self._written()
            try:
                # Unlike a rename it fails where there is one.
                os.link(unnamed, self.path)
                return lock
            except FileExistsError:
                if self._take_stale(unnamed):
                    return lock
                # It went, or changed hands, while we looked.
                os.close(lock)
            except BaseException:
                os.close(lock)
                raise
            finally:
                unnamed.unlink(missing_ok=True)

    def _take_stale(self, unnamed: Path) -> bool:
        """Puts ours in the place of one that nobody holds."""
        try:
            found = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        try:
            regular = stat.S_ISREG(os.fstat(found).st_mode)
            named = _read(found) if regular else ""
            if not regular or not _is_pid(named):
                raise ConfigError(
                    f"{self.path} is not a pid file, and is left as it is",
                    hint="choose another pid_file, or remove it",
                    reason="PID_FILE",
                )
            try:
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(
                    f"the pid file {self.path} names a supervisor that runs: pid {named}",
                    hint="stop that one, or choose another pid_file",
                    reason="PID_FILE",
                ) from None
            # Whoever holds the lock of the one that is there decides what comes next.
            if not _is_at(found, self.path):
                return False
            unnamed.rename(self.path)
            return True
        finally:
            os.close(found)

    def _replaced(self) -> int:
        unnamed, lock = self._written()
        try:
            unnamed.rename(self.path)
        except BaseException:
            os.close(lock)
            raise
        finally:
            unnamed.unlink(missing_ok=True)
        return lock

    def _written(self) -> tuple[Path, int]:
        """Our pid in a file that has no name of its own yet, locked."""
        unnamed = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(unnamed, flags, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(lock, f"{os.getpid()}\n".encode())
        except BaseException:
            os.close(lock)
            unnamed.unlink(missing_ok=True)
            raise
        return unnamed, lock


def _read(descriptor: int) -> str:
    return os.pread(descriptor, LONGEST, 0).decode(errors="replace").strip()


def _is_pid(text: str) -> bool:
    # An empty one too: some init scripts make it beforehand, with the owner that it is to have.
    return not text or (text.isascii() and text.isdigit())


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
