"""Files beneath the media root, opened so that no name is resolved twice.

Guarantees:
* Every path is walked component by component from a directory that was opened at start; no
  component may be a symbolic link, `..` or empty. What other processes rename meanwhile cannot
  lead out of the root.
* Only regular files are opened: anything else is recognised before it is opened, since opening
  alone may block (FIFO) or act (device).
* A program gets an open descriptor and the path of that descriptor; it never sees a name.
* An output is written beside its place under a hidden name. It takes its place, by rename(2), only
  when the program exits with 0: the reader of a file never sees half of one, and a failed program
  leaves what was there before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from dataclasses import dataclass, field

from tercet.errors import (
    ConfigError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    TercetError,
)
from tercet.executor.descriptors import out_of_descriptors

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class InputFile:
    """A regular file, open for reading. Owns the descriptor."""

    fd: int

    def close(self) -> None:
        os.close(self.fd)


@dataclass(slots=True)
class OutputFile:
    """A file being written under a hidden name. Owns its descriptor and its directory's."""

    fd: int
    directory: int
    hidden: str
    name: str
    path: str
    _committed: bool = field(default=False, init=False)

    def commit(self) -> None:
        """Puts the file in its place.

        Raises:
            FailedPrecondition: The place is now a directory, or the directory is gone.
        """
        try:
            os.rename(self.hidden, self.name, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        except OSError as error:
            raise FailedPrecondition(
                f"the finished output {self.path!r} could not be put in its place: "
                f"{error.strerror}",
                hint="leave the directory alone while a program writes to it",
                reason="OUTPUT_NOT_PLACED",
            ) from None
        self._committed = True

    def close(self) -> None:
        """Closes the file, and removes it unless it was committed."""
        if not self._committed:
            # Somebody may have tidied up before us.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.hidden, dir_fd=self.directory)
        os.close(self.fd)
        os.close(self.directory)


class MediaRoot:
    """The directory beneath which all files of programs are.

    Raises:
        ConfigError: It is no directory, or cannot be opened.
    """

    def __init__(self, path: str) -> None:
        try:
            # The root itself may be a symbolic link: the operator chose it.
            self._fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(
                f"the media root {path!r} cannot be opened: {error.strerror}",
                hint="set `media_root` to an existing directory",
            ) from None

    def close(self) -> None:
        os.close(self._fd)

    def open_input(self, path: str, at: str) -> InputFile:
        """Opens a file for reading.

        Args:
            path: Relative to the root.
            at: The field of the request that holds it, for errors.

        Raises:
            InvalidArgument: The path would leave the root, or is no regular file.
            NotFound: There is no such file.
            PermissionDenied: The service may not read it.
        """
        directory, name = self._walk(path, at)
        try:
            # O_PATH opens anything without effect, a symbolic link itself too.
            handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        except OSError as error:
            raise _refusal(error, path, at) from None
        finally:
            os.close(directory)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _irregular(path, at)
            return InputFile(os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            raise _refusal(error, path, at) from None
        finally:
            os.close(handle)

    def create_output(self, path: str, at: str) -> OutputFile:
        """Opens a new file, to be put at `path` when it is finished.

        The directory must exist. What is at `path` now must be a regular file or nothing; a
        symbolic link there is refused rather than replaced, since its owner would be surprised.

        Raises:
            InvalidArgument: The path would leave the root, or names something other than a file.
            NotFound: There is no such directory.
            PermissionDenied: The service may not write there.
        """
        directory, name = self._walk(path, at)
        try:
            _check_replaceable(name, directory, path, at)
            hidden = f".tercet-{secrets.token_hex(8)}.part"
            fd = os.open(
                hidden,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o666,
                dir_fd=directory,
            )
        except OSError as error:
            os.close(directory)
            raise _refusal(error, path, at) from None
        except TercetError:
            os.close(directory)
            raise
        return OutputFile(fd, directory, hidden, name, path)

    def _walk(self, path: str, at: str) -> tuple[int, str]:
        """A new descriptor of the directory that holds the file, and the file's name in it."""
        parts = path.split("/")
        if "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise InvalidArgument(
                f"the path {path!r} is not a plain relative path",
                field=at,
                hint="name a file beneath the media root, without `..`, such as `clips/a.mp4`",
                reason="PATH_OUTSIDE_MEDIA_ROOT",
            )
        here = os.open(".", _DIRECTORY, dir_fd=self._fd)
        for depth, part in enumerate(parts[:-1], start=1):
            try:
                below = os.open(part, _DIRECTORY, dir_fd=here)
            except FileNotFoundError:
                raise _missing("directory", "/".join(parts[:depth]), at) from None
            except OSError as error:
                raise _refusal(error, path, at) from None
            finally:
                os.close(here)
            here = below
        return here, parts[-1]


def _check_replaceable(name: str, directory: int, path: str, at: str) -> None:
    """Refuses a place that holds something other than a regular file."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise _irregular(path, at)


def _irregular(path: str, at: str) -> InvalidArgument:
    return InvalidArgument(
        f"{path!r} is not a regular file",
        field=at,
        hint="name a regular file; symbolic links are not followed",
        reason="NOT_A_REGULAR_FILE",
    )


def _missing(kind: str, path: str, at: str) -> NotFound:
    return NotFound(
        f"there is no {kind} {path!r} beneath the media root",
        hint="check the path; it is relative to the server's media root",
        reason="FILE_NOT_FOUND",
        field=at,
    )


def _refusal(error: OSError, path: str, at: str) -> TercetError:
    match error.errno:
        case errno.ENOENT:
            return _missing("file", path, at)
        case errno.ENOTDIR | errno.ELOOP:
            return InvalidArgument(
                f"{path!r} leads through something that is no directory",
                field=at,
                hint="symbolic links are not followed",
                reason="PATH_OUTSIDE_MEDIA_ROOT",
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return PermissionDenied(
                f"the server may not open {path!r}",
                hint="change the permissions of the file, or of its directory, on the server",
                field=at,
            )
        case errno.EMFILE | errno.ENFILE:
            return out_of_descriptors()
        case errno.ENAMETOOLONG | errno.EINVAL:
            return InvalidArgument(
                "the path has a part that no file system takes",
                field=at,
                hint="name an existing file; a part has at most 255 bytes",
            )
        case _:
            return FailedPrecondition(
                f"the server could not open {path!r}: {error.strerror}",
                hint="see the state of the server's file system",
                field=at,
            )
