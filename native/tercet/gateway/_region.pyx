# cython: auto_pickle=False
"""What all gateways of a mesh count together: calls in flight, and calls that wait.

The counting itself, and why it is right, is in native/include/tercet/region.h; the layout of the
memory in tercet.cluster.region, whose supervisor owns it.
"""

import hashlib
import os

from tercet.cluster import region as layout

cimport cython
from libc.errno cimport EINTR, errno as c_errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdio cimport SEEK_SET
from libc.string cimport memcpy
from posix.fcntl cimport F_SETLKW, F_UNLCK, F_WRLCK, fcntl, flock
from posix.mman cimport (
    MAP_ANONYMOUS,
    MAP_FAILED,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_READ,
    PROT_WRITE,
    mmap,
    munmap,
)
from posix.unistd cimport close, read, write


cdef extern from "tercet/region.h" nogil:
    enum:
        TERCET_FULL
        TERCET_ADMITTED
        TERCET_UNSURE

    uint64_t TERCET_CALLS

    uint64_t tercet_calls(const tercet_table *table, uint32_t row, uint32_t column)
    void tercet_enter(tercet_table *table, uint32_t column)
    void tercet_leave(tercet_table *table, uint32_t column)
    int64_t tercet_load(const tercet_table *table, uint32_t column)
    int tercet_admit(tercet_table *table, uint32_t column, int64_t most)
    void tercet_wait(tercet_table *table, uint32_t column, uint32_t count, uint64_t oldest)
    uint32_t tercet_waiting(const tercet_table *table, uint32_t row, uint32_t column)
    uint64_t tercet_oldest_elsewhere(const tercet_table *table, uint32_t column)
    int64_t tercet_claim(tercet_table *table, uint64_t key)
    void tercet_release(tercet_table *table, uint32_t column)


cdef enum:
    # Columns of the spare table: memory that is not touched costs nothing.
    SPARE = 16384

if sizeof(tercet_cell) != layout.CELL:
    raise ImportError("tercet.cluster.region and region.h differ in the size of a cell")

cdef size_t KEYS = layout.KEYS
cdef size_t ROWS = layout.ROWS
cdef uint32_t COLUMNS = layout.COLUMNS


@cython.final
cdef class Region:
    """Counters that all gateways of a mesh see, each of which writes its own.

    What is counted has a column, a number that `claim` gives for a name: an endpoint with its
    calls in flight, an upstream with its waiting calls. A column that was not claimed, or was
    released, must not be counted in (but calls that are in it may leave).

    Waiting, for one call or many, without a poll and without a lost wake-up:

    1. `drain`, if `eventfd` was readable;
    2. `wait`: publish how many calls wait, and since when the first does;
    3. only then `admit` for them, at each endpoint, and wait for `eventfd` (or for a call of one's
       own to leave) if none takes one;
    4. after each `leave` that lets a place go which no call of one's own takes, and whenever the
       first waiting call is another than before, however it went: `wake`.

    The same after step 3 has succeeded: the first waiting call is another now. A gateway that
    finds an older call elsewhere (`oldest_elsewhere`) may leave a place to it: FIFO over gateways.
    It is woken when that call is gone (4), and by the supervisor when that gateway has died; but
    one that is stopped says nothing, so it should not leave more than a moment.

    An admission that only attempts of other gateways stood against makes `eventfd` readable, since
    nobody else would: look again in the loop's next turn.

    Args:
        fd: The memory; -1: private memory, for a gateway that is alone. It may be closed afterwards.
        slot: This gateway's row. No other process may have it, and it is zero at first.
        eventfds: One for each gateway, not owned, to stay open as long as this lives; for a gateway
            that is alone one is made.

    Raises:
        ValueError: The memory has another layout, or another number of gateways.
        OSError: It cannot be mapped.

    For one thread. Nothing but `claim` takes memory or fails.
    """

    def __cinit__(self, int fd, int slot, eventfds):
        cdef int number
        self.lock_fd = self.eventfd = -1
        self.gateways = layout.gateways_of(fd) if fd >= 0 else 1
        if not 0 <= slot < self.gateways:
            raise ValueError(f"there is no slot {slot} in a region of {self.gateways} gateways")
        if fd < 0 and not eventfds:
            self.eventfds[0] = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self.eventfd = self.eventfds[0]
            self.owns_eventfd = True
        elif len(eventfds) != self.gateways:
            raise ValueError(f"{len(eventfds)} eventfds for a region of {self.gateways} gateways")
        else:
            for number in range(self.gateways):
                self.eventfds[number] = eventfds[number]
            self.eventfd = self.eventfds[slot]
        self.slot = slot
        self.map_shared(fd, layout.header(self.gateways))
        if fd >= 0:
            self.lock_fd = os.dup(fd)

    def __dealloc__(self):
        if self.memory != NULL:
            munmap(self.memory, self.size)
        if self.spare_memory != NULL:
            munmap(self.spare_memory, SPARE * (sizeof(uint64_t) + sizeof(tercet_cell)))
        if self.lock_fd >= 0:
            close(self.lock_fd)
        if self.owns_eventfd:
            close(self.eventfd)

    cdef int map_shared(self, int fd, const unsigned char[:] begin) except -1:
        cdef size_t size = layout.size(self.gateways)
        cdef int flags = MAP_SHARED if fd >= 0 else MAP_PRIVATE | MAP_ANONYMOUS
        cdef void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0)
        if memory == MAP_FAILED:
            raise OSError(c_errno, os.strerror(c_errno))
        if fd < 0:
            memcpy(memory, &begin[0], begin.shape[0])
        self.memory = memory
        self.size = size
        self.shared.keys = <uint64_t *>(<char *>memory + KEYS)
        self.shared.cells = <tercet_cell *>(<char *>memory + ROWS)
        self.shared.columns = COLUMNS
        self.shared.rows = self.gateways
        self.shared.own = self.slot
        # Two gateways that pause alike would meet again.
        self.shared.random = <uint32_t>(self.slot + 1) * 2654435761u
        return 0

    cdef int map_spare(self) except -1:
        cdef size_t cells = SPARE * sizeof(tercet_cell)
        cdef size_t size = cells + SPARE * sizeof(uint64_t)
        cdef int flags = MAP_PRIVATE | MAP_ANONYMOUS
        cdef void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0)
        if memory == MAP_FAILED:
            raise OSError(c_errno, os.strerror(c_errno))
        self.spare_memory = memory
        self.spare.cells = <tercet_cell *>memory
        self.spare.keys = <uint64_t *>(<char *>memory + cells)
        self.spare.columns = SPARE
        self.spare.rows = 1
        self.spare.random = 1
        return 0

    cpdef int claim(self, str identity) except -1:
        """The column of a name, which is the same for all gateways, until `release`.

        It may be claimed more than once, and then is to be released as often. A column that no
        gateway has claimed, and in which nothing is counted, may be given to another name.
        If all are taken, it is a column that this gateway alone sees: a limit then holds for each
        gateway and not for all.

        Waits while another gateway claims, which is microseconds.

        Raises:
            OverflowError: This gateway has claimed 16384 such columns.
        """
        cdef int64_t column = -1
        cdef bytes digest = hashlib.blake2b(
            identity.encode("utf-8", "surrogateescape"), digest_size=8
        ).digest()
        # 0 is that of a column which was never claimed.
        cdef uint64_t key = int.from_bytes(digest, "little") or 1
        if self.spare_memory == NULL or not self.has_spare(key):
            self.take_turn(True)
            column = tercet_claim(&self.shared, key)
            self.take_turn(False)
            if column >= 0:
                return column
        if self.spare_memory == NULL:
            self.map_spare()
        column = tercet_claim(&self.spare, key)
        if column < 0:
            raise OverflowError(f"no column is left for {identity}")
        return COLUMNS + column

    cdef bint has_spare(self, uint64_t key) noexcept:
        """Whether that is claimed now as a column of this gateway alone."""
        cdef uint32_t column
        for column in range(SPARE):
            if self.spare.keys[column] == 0:
                break
            if self.spare.keys[column] == key:
                return self.spare.cells[column].listed > 0
        return False

    cdef int take_turn(self, bint take) except -1:
        # A lock that the kernel takes from a process which dies. Not flock: that belongs to the
        # open file, which all gateways have inherited.
        cdef flock lock
        if self.lock_fd < 0:
            return 0
        lock.l_type = F_WRLCK if take else F_UNLCK
        lock.l_whence = SEEK_SET
        lock.l_start = lock.l_len = 0
        while fcntl(self.lock_fd, F_SETLKW, &lock) < 0:
            if c_errno != EINTR:
                raise OSError(c_errno, os.strerror(c_errno))
        return 0

    cdef tercet_table *table(self, int *column) noexcept:
        if <uint32_t>column[0] < COLUMNS:
            return &self.shared
        column[0] -= COLUMNS
        return &self.spare

    cpdef void release(self, int column) noexcept:
        """Takes back a `claim`. Of the last one: nothing waits here any more."""
        cdef tercet_table *table = self.table(&column)
        tercet_release(table, column)

    cpdef bint is_shared(self, int column) noexcept:
        """Whether the other gateways see what is counted in a column."""
        return <uint32_t>column < COLUMNS

    cpdef void enter(self, int column) noexcept:
        """One more call is in flight, whatever the limit."""
        cdef tercet_table *table = self.table(&column)
        tercet_enter(table, column)

    cpdef void leave(self, int column) noexcept:
        """A call that was entered or admitted is over."""
        cdef tercet_table *table = self.table(&column)
        tercet_leave(table, column)

    cpdef bint admit(self, int column, int64_t most) noexcept:
        """Enters a call if all gateways together then have no more than `most`; 0: no limit."""
        cdef tercet_table *table = self.table(&column)
        cdef uint64_t one = 1
        cdef int result
        if most <= 0:
            tercet_enter(table, column)
            return True
        result = tercet_admit(table, column, most)
        if result == TERCET_UNSURE:
            write(self.eventfd, &one, sizeof(one))
        return result == TERCET_ADMITTED

    cpdef int64_t own(self, int column) noexcept:
        """Calls in flight of this gateway."""
        cdef tercet_table *table = self.table(&column)
        return tercet_calls(table, table.own, column) & TERCET_CALLS

    cpdef int64_t load(self, int column) noexcept:
        """Calls in flight of all gateways."""
        cdef tercet_table *table = self.table(&column)
        return tercet_load(table, column)

    cpdef void wait(self, int column, int64_t count, uint64_t oldest) noexcept:
        """So many calls of this gateway wait here.

        Args:
            oldest: Since when the first of them does: nanoseconds of CLOCK_MONOTONIC.
        """
        cdef tercet_table *table = self.table(&column)
        tercet_wait(table, column, count, oldest)

    cpdef bint others_wait(self, int column) noexcept:
        """Whether calls of other gateways wait here."""
        cdef tercet_table *table = self.table(&column)
        cdef uint32_t row
        for row in range(table.rows):
            if row != table.own and tercet_waiting(table, row, column):
                return True
        return False

    cpdef uint64_t oldest_elsewhere(self, int column) noexcept:
        """Since when the first call that waits in another gateway does; 0: none waits."""
        cdef tercet_table *table = self.table(&column)
        return tercet_oldest_elsewhere(table, column)

    cpdef int64_t waiting(self, int column) noexcept:
        """Calls that wait here, of all gateways."""
        cdef tercet_table *table = self.table(&column)
        cdef int64_t total = 0
        cdef uint32_t row
        for row in range(table.rows):
            total += tercet_waiting(table, row, column)
        return total

    cpdef void wake(self, int column) noexcept:
        """Makes the other gateways whose calls wait here look again."""
        cdef tercet_table *table = self.table(&column)
        cdef uint64_t one = 1
        cdef uint32_t row
        for row in range(table.rows):
            if row != table.own and tercet_waiting(table, row, column):
                # It fails only where so many wakes are unread that none is missing.
                write(self.eventfds[row], &one, sizeof(one))

    cpdef void drain(self) noexcept:
        """Makes `eventfd` unreadable until the next wake."""
        cdef uint64_t count
        read(self.eventfd, &count, sizeof(count))
