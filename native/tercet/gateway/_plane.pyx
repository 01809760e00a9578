# cython: auto_pickle=False
"""What all connections and calls of one gateway process share: counters of all gateways, deadlines,
buffers, the words of failures, and the log.
"""

import asyncio

cimport nghttp2 as h2
from cpython.mem cimport PyMem_Free, PyMem_Malloc

from tercet.gateway._policy cimport Draw
from tercet.gateway._region cimport Region
from tercet.gateway._wheel cimport Wheel
from tercet.rpc._limits cimport Limits
from tercet.rpc._outlet cimport Buffers
from tercet.rpc._turn cimport turn_of

cdef enum:
    # Records that wait to be written, at most: those of a second at full speed.
    MOST_NOTES = 100_000


cdef class Plane:
    """Belongs to the loop that it is made on.

    Args:
        region: Where all gateways count.
        failures: Makes the trailers of a failure: `failures(reason, facts, code)`, the code -1 for
            the reason's own.
        limits: What endpoints may do.
        window: Bytes of a stream's receive window on connections to endpoints.
        seed: Of what is drawn.
    """

    def __cinit__(
        self, Region region not None, failures, *, Limits limits not None, int window=1 << 20,
        seed=1
    ):
        self.loop = asyncio.get_running_loop()
        self.region = region
        self.failures = failures
        self.limits = limits
        self.window = window
        self.wheel = Wheel(self.loop)
        self.turn = turn_of(self.loop)
        self.buffers = Buffers()
        self.draw = Draw(seed)
        self.log = []

    def __dealloc__(self):
        PyMem_Free(self.nvs)

    def log_calls(self, double rate):
        """Keeps records of so many of the calls, from 0 to 1, for `take_log`."""
        self.rate = rate

    def take_log(self):
        """The records since the last time, a tuple for each call:

        unix time of its begin, path, client, gRPC code, reason of the gateway's or "", upstream,
        endpoint, seconds, seconds in the queue, request bytes, response bytes, attempts.
        """
        log, self.log = self.log, []
        return log

    def statistics(self):
        return {"calls_not_logged": self.not_logged, "limits": self.limits.snapshot()}

    def close(self):
        self.wheel.close()

    cdef h2.nghttp2_nv* fields_room(self, Py_ssize_t count) except NULL:
        """Room for so many fields, until it is asked for again."""
        if count > self.room:
            PyMem_Free(self.nvs)
            self.room = 0
            self.nvs = <h2.nghttp2_nv*> PyMem_Malloc(2 * count * sizeof(h2.nghttp2_nv))
            if self.nvs == NULL:
                raise MemoryError
            self.room = 2 * count
        return self.nvs

    cdef bint logs(self) noexcept:
        """Whether this call is to be logged."""
        return self.rate > 0 and (self.rate >= 1 or self.draw.unit() < self.rate)

    cdef int note(self, tuple record) except -1:
        if len(self.log) < MOST_NOTES:
            self.log.append(record)
        else:
            self.not_logged += 1
        return 0
