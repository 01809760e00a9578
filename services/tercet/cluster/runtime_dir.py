"""Where a mesh keeps its sockets: one directory per mesh below TERCET_RUNTIME_DIR.

    <base>/<supervisor's pid>/lock             held (flock) while the supervisor lives
                             /control.sock     tercet.cluster.v1, mode 0600
                             /<service>.<slot>.<generation>.sock
                             /<service>.<slot>.<generation>.<role>.sock   further ones of a worker

gRPC caps the path of a UNIX socket at 107 characters, so the base should be short. A socket's path
is never used twice: a second bind on the same path silently steals it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
import time
from pathlib import Path

from tercet.cluster.spec import CONTROL
from tercet.errors import ConfigError

log = logging.getLogger("tercet")

VARIABLE = "TERCET_RUNTIME_DIR"
LONGEST_PATH = 107
# Seconds in which the kernel takes everything from a process that was killed.
LAST_MOMENT = 0.3


def base() -> Path:
    """TERCET_RUNTIME_DIR, else XDG_RUNTIME_DIR/tercet, else /tmp/tercet-<uid>."""
    if given := os.environ.get(VARIABLE):
        return Path(given).absolute()
    xdg = os.environ.get("XDG_RUNTIME_DIR", "")
    if xdg and os.access(xdg, os.W_OK):
        return Path(xdg) / "tercet"
    return Path("/tmp") / f"tercet-{os.getuid()}"


class RuntimeDir:
    """The directory of one mesh. Made and owned by its supervisor."""

    def __init__(self, parent: Path | None = None) -> None:
        """
        Raises:
            ConfigError: The base cannot be made, or others could write to it.
        """
        parent = parent or base()
        self.path = parent / str(os.getpid())
        # The modes below are meant as they are written, whatever the user's mask takes away.
        mask = os.umask(0o077)
        try:
            _make_private(parent)
            remove_stale(parent)
            self._locks = self._claim(parent / f".{os.getpid()}")
        finally:
            os.umask(mask)

    def _claim(self, unnamed: Path) -> list[int]:
        # Locked before it gets its name: whoever starts beside us takes an unlocked one for stale.
        unnamed.mkdir(mode=0o700, exist_ok=True)
        locks = _lock(unnamed)
        unnamed.rename(self.path)
        return locks

    def restore(self) -> None:
        """Makes it anew where somebody has removed it, such as whoever clears /tmp.

        Workers that start from now on have a place for their sockets. Those of the others cannot be
        brought back: it takes a reload until the mesh is whole.
        """
        if (self.path / "lock").exists():
            return
        mask = os.umask(0o077)
        try:
            _make_private(self.path.parent)
            there = self.path.exists()
            locks = (
                _lock(self.path) if there else self._claim(self.path.with_name(f".{os.getpid()}"))
            )
        except (ConfigError, OSError) as error:
            log.error("%s has been removed, and cannot be made anew: %s", self.path, error)
            return
        finally:
            os.umask(mask)
        for each in self._locks:
            os.close(each)
        self._locks = locks
        log.warning(
            "somebody has removed %s or what is in it; it is made anew, but workers that run "
            "cannot be reached there: reload (HUP to pid %d)",
            self.path,
            os.getpid(),
        )

    def socket(self, service: str, slot: int, generation: int) -> str:
        """gRPC target of a worker's private socket.

        Raises:
            ConfigError: The path is too long.
        """
        name = CONTROL if service == CONTROL else f"{service}.{slot}.{generation}"
        path = self.path / f"{name}.sock"
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise ConfigError(
                f"the socket path {path} is longer than {LONGEST_PATH} bytes",
                hint=f"set {VARIABLE} to a shorter directory",
            )
        return f"unix:{path}"

    def close(self) -> None:
        """Removes the directory."""
        _remove(self.path)
        for each in self._locks:
            os.close(each)


def _lock(path: Path) -> list[int]:
    """Holds a directory: its lock, and itself, so that systemd-tmpfiles leaves all of it alone.

    That skips a directory which is locked, and what is below it (tmpfiles.d(5), on the age field).
    """
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    itself = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for each in (lock, itself):
        fcntl.flock(each, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return [lock, itself]


def meshes(parent: Path | None = None) -> list[Path]:
    """The directories of the meshes that run now, oldest first."""
    found = []
    for path in _candidates(parent or base()):
        # One that ends while we look is not there.
        with contextlib.suppress(FileNotFoundError):
            if _locked(path):
                found.append((path.stat().st_ctime, path))
    return [path for _, path in sorted(found)]


def remove_stale(parent: Path) -> None:
    """Removes what killed supervisors left."""
    for path in _candidates(parent):
        if not _locked(path):
            _remove(path)


def _remove(path: Path) -> None:
    # Loads the compressors of archives; supervisors and workers start without them.
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def beside(address: str, role: str) -> str:
    """gRPC target of a further private socket of the worker whose own is at `address`."""
    return f"{address.removesuffix('.sock')}.{role}.sock"


def remove_sockets(address: str) -> None:
    """Removes the private socket of a worker that has ended, and those beside it."""
    path = Path(address.removeprefix("unix:"))
    for each in (path, *path.parent.glob(f"{path.stem}.*.sock")):
        each.unlink(missing_ok=True)


def leave(path: Path) -> None:
    """Takes away what an orphan can: the last of them to leave removes the directory.

    Not where the supervisor lives: a worker that has lost its link for another reason, such as code
    that closes all descriptors, is no orphan, and the mesh goes on.
    """
    if not _is_orphaned(path):
        return
    for name in ("lock", f"{CONTROL}.sock"):
        (path / name).unlink(missing_ok=True)
    try:
        path.rmdir()
    except OSError:
        return  # Another orphan's socket is still there; that one will try again.


def _is_orphaned(path: Path) -> bool:
    # A supervisor that is killed may lose its end of the link a moment before its lock; and another
    # orphan, which looks too, has the lock for that long.
    deadline = time.monotonic() + LAST_MOMENT
    while _locked(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def _candidates(parent: Path) -> list[Path]:
    try:
        return [entry for entry in parent.iterdir() if entry.name.isdigit()]
    except FileNotFoundError:
        return []


def _locked(path: Path) -> bool:
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise ConfigError(
            f"cannot make the runtime directory {path}: {error.strerror}",
            hint=f"set {VARIABLE} to a directory that you may write to",
        ) from error
    # In /tmp anyone may have made it first, to be given our sockets.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigError(
            f"the runtime directory {path} is not a directory of yours with mode 0700",
            hint=f"remove it, chmod it to 0700, or set {VARIABLE} to another directory",
        )
