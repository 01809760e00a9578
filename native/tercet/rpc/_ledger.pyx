# cython: auto_pickle=False
"""The calls that run on a server, and counts of those that ended: the source of its metrics.

Belongs to the server's loop: one thread.
"""

import asyncio

cimport cython
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

# Seconds; the latency buckets of gRFC A66.
BUCKETS = (
    *(0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006),
    *(0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2),
    *(0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
)
# Paths are the client's to choose where a handler takes any: beyond so many, calls are counted
# under "other".
MOST_PATHS = 1000

cdef double[LATENCY_BUCKETS - 1] bounds
cdef int place
for place in range(LATENCY_BUCKETS - 1):
    bounds[place] = BUCKETS[place]


cdef double now() noexcept:
    """Seconds of the monotonic clock."""
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec + time.tv_nsec * 1e-9


@cython.final
cdef class Tally:
    """The calls of one method."""

    def __cinit__(self, str path):
        self.path = path

    cdef void count(self, int code, double seconds) noexcept:
        cdef int low = 0, high = LATENCY_BUCKETS - 1, middle
        self.by_code[code if 0 <= code < CODES else 2] += 1
        while low < high:
            middle = (low + high) // 2
            if bounds[middle] < seconds:
                low = middle + 1
            else:
                high = middle
        self.latency[low] += 1
        self.seconds += seconds

    def codes(self):
        """{status: calls}, of those that there were."""
        return {code: self.by_code[code] for code in range(CODES) if self.by_code[code]}

    def latencies(self):
        """Calls per bucket; the last one has those above all bounds."""
        return [self.latency[index] for index in range(LATENCY_BUCKETS)]


cdef class Entry:
    """A call on the ledger: its place in a list, for which no memory is taken."""


@cython.final
cdef class Ledger:
    """Made by a server for all its connections.

    Args:
        most: Calls at once; -1 for no limit.
    """

    def __cinit__(self, Py_ssize_t most=-1):
        self.most = most
        self.unknown = Tally("")
        self.tallies = {"": self.unknown}

    cdef bint admits(self):
        return self.most < 0 or self.count < self.most

    cdef int enter(self, Entry call) except -1:
        call.listed = True
        call.earlier = self.latest
        if self.latest is not None:
            self.latest.later = call
        self.latest = call
        self.count += 1
        return 0

    cdef int leave(self, Entry call) except -1:
        """Its handler has ended, which may be after the call has; a second time is nothing."""
        if not call.listed:
            return 0
        call.listed = False
        if call.later is None:
            self.latest = call.earlier
        else:
            call.later.earlier = call.earlier
        if call.earlier is not None:
            call.earlier.later = call.later
        call.earlier = call.later = None
        self.count -= 1
        if self.count == 0 and self.emptied is not None:
            if not self.emptied.done():
                # Who waits may have given up just now.
                self.emptied.set_result(None)
            self.emptied = None
        return 0

    @property
    def running(self):
        """The calls whose handlers run, the latest first."""
        cdef Entry call = self.latest
        found = []
        while call is not None:
            found.append(call)
            call = call.earlier
        return found

    async def idle(self):
        """Waits until no call runs. For one at a time."""
        while self.count > 0:
            self.emptied = asyncio.get_running_loop().create_future()
            try:
                await self.emptied
            finally:
                self.emptied = None

    cpdef Tally tally(self, str path):
        """The tally of a path that has a handler."""
        cdef Tally found = self.tallies.get(path)
        if found is None:
            if len(self.tallies) > MOST_PATHS:
                path = "other"
            found = self.tallies.setdefault(path, Tally(path))
        return found

    def snapshot(self):
        """Calls by (method, code), latency and its sum by method; bytes and totals since the start.

        Calls that never reached a method are counted under "".
        """
        cdef Tally tally
        ended = [tally for tally in self.tallies.values() if tally.codes()]
        return {
            "calls_running": self.count,
            "calls_queued": self.queued,
            "connections_accepted": self.connections,
            "streams_begun": self.streams,
            "bytes_received": self.received,
            "bytes_sent": self.sent,
            "calls": {
                (tally.path, code): count
                for tally in ended
                for code, count in tally.codes().items()
            },
            "latency_buckets": BUCKETS,
            "latency": {tally.path: tally.latencies() for tally in ended},
            "seconds": {tally.path: tally.seconds for tally in ended},
        }
