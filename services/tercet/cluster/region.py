"""The memory that the gateways of a mesh share: its layout, and the supervisor's end of it.

    magic, version, number of gateways, of columns, bytes of a cell       64 bytes
    the columns' keys, 8 bytes each: what each is claimed for
    (up to a page's end)
    for each gateway a row: of each column one cell, a cache line

A gateway process writes its own row and reads all of them (native/include/tercet/region.h). The
supervisor writes a row when the process that had it is dead. A row is in one piece for that.

This is the layout's one home; whatever changes it changes VERSION.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import struct

MAGIC = b"tercetRG"
VERSION = 1
MOST_GATEWAYS = 64
# Workers and upstreams that are known at once; a gateway counts further ones for itself alone.
COLUMNS = 1024
CELL = 64
KEYS = 64
ROWS = -(-(KEYS + 8 * COLUMNS) // mmap.PAGESIZE) * mmap.PAGESIZE
ROW = COLUMNS * CELL
_HEADER = struct.Struct("=8sIIII")


def header(gateways: int) -> bytes:
    """What the memory begins with; all else is zero at first."""
    return _HEADER.pack(MAGIC, VERSION, gateways, COLUMNS, CELL)


def size(gateways: int) -> int:
    """Bytes of the whole."""
    return ROWS + gateways * ROW


def gateways_of(fd: int) -> int:
    """The number of gateways that the memory behind a descriptor is for.

    Raises:
        ValueError: It has another layout.
    """
    begin = os.pread(fd, _HEADER.size, 0)
    if len(begin) < _HEADER.size or not begin.startswith(MAGIC):
        raise ValueError(f"descriptor {fd} is no region of gateways")
    gateways: int = _HEADER.unpack(begin)[2]
    if begin != header(gateways) or not 1 <= gateways <= MOST_GATEWAYS:
        raise ValueError(f"descriptor {fd} is a region of another version than {VERSION}")
    if os.fstat(fd).st_size != size(gateways):
        raise ValueError(f"descriptor {fd} has not the size of a region of {gateways} gateways")
    return gateways


class SharedRegion:
    """The memory, and an eventfd for each gateway that tells it to look at its waiting calls again.

    Made and owned by the supervisor. Nobody inherits the descriptors unasked, and nobody can change
    the memory's size: a gateway that did would kill the others.

    Args:
        gateways: 1 to MOST_GATEWAYS.
    """

    def __init__(self, gateways: int) -> None:
        if not 1 <= gateways <= MOST_GATEWAYS:
            raise ValueError(f"{gateways} gateways: must be 1 to {MOST_GATEWAYS}")
        self.fd = os.memfd_create("tercet-region", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.eventfds: tuple[int, ...] = ()
        try:
            os.truncate(self.fd, size(gateways))
            os.pwrite(self.fd, header(gateways), 0)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)
            self._memory = mmap.mmap(self.fd, size(gateways))
            for _ in range(gateways):
                made = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
                self.eventfds = (*self.eventfds, made)
        except OSError:
            self._close_descriptors()
            raise

    def clear(self, slot: int) -> None:
        """Forgets what the gateway process in a slot counted. It must be dead.

        The others look again: what it held may be free now.
        """
        begin = ROWS + slot * ROW
        self._memory[begin : begin + ROW] = bytes(ROW)
        for each in self.eventfds:
            # One that is full is readable, which is all.
            with contextlib.suppress(BlockingIOError):
                os.eventfd_write(each, 1)

    def close(self) -> None:
        """Lets go of it; the gateways keep theirs."""
        self._memory.close()
        self._close_descriptors()

    def _close_descriptors(self) -> None:
        for each in (self.fd, *self.eventfds):
            os.close(each)


class Rows:
    """Gives a row of a region to each process that starts as a gateway, for as long as it lives.

    There are more rows than gateways: while one is replaced, both count.

    Raises:
        OSError: As for `SharedRegion`.
    """

    def __init__(self, gateways: int) -> None:
        self.most = rows_for(gateways)
        self._region = SharedRegion(self.most)
        self._free = list(range(self.most))

    @property
    def fd(self) -> int:
        return self._region.fd

    @property
    def eventfds(self) -> tuple[int, ...]:
        return self._region.eventfds

    def take(self) -> int:
        """
        Raises:
            OSError: All are taken; one is free when a gateway has ended.
        """
        if not self._free:
            raise OSError(errno.EAGAIN, f"there are {self.most} gateway processes, which is most")
        return self._free.pop(0)

    def give_back(self, row: int) -> None:
        """Forgets what the process that had it counted. It must be dead."""
        self._region.clear(row)
        self._free.append(row)
        self._free.sort()

    def close(self) -> None:
        self._region.close()


def rows_for(gateways: int) -> int:
    """Rows of the region of a mesh that begins with so many gateways."""
    return min(MOST_GATEWAYS, max(gateways + 3, gateways * 2))
