# cython: auto_pickle=False
"""One worker of a mesh, or one address of a remote service: its connection, its state, its load."""

from libc.stdint cimport int64_t

from tercet.gateway._host cimport Host
from tercet.gateway._lane cimport Lane
from tercet.gateway._region cimport Region


cdef class Endpoint:
    """Belongs to one upstream. Who writes its state calls `Upstream.changed` afterwards.

    Args:
        identity: Who it is, and nobody else ever: a worker's socket has its generation in it.
        address: Where it listens, "unix:PATH", "ipv4:H:P" or "ipv6:[H]:P".
        weight: Its share of the calls among its like; positive.
    """

    def __cinit__(self, str identity not None, str address not None, *, double weight=1.0):
        if not weight > 0:
            raise ValueError(f"the weight of {identity} is {weight}: it must be positive")
        self.identity = identity
        self.address = address
        self.weight = weight
        self.healthy = True
        self.error = ""
        self.column = -1

    @property
    def connected(self):
        """Whether there is a connection that takes calls."""
        return self.lane is not None and not self.lane.leaving

    @property
    def usable(self):
        """Whether it is given calls."""
        return self.is_usable()

    @property
    def total_in_flight(self):
        """Calls in flight, of all gateways."""
        return self.load()

    def statistics(self):
        """What has happened so far, of this gateway."""
        return {
            "calls": self.calls,
            "failures": self.failures,
            "retries": self.retries,
            "ejections": self.ejections,
            "connects": self.connects,
            "connect_failures": self.connect_failures,
        }

    def attach(self, Lane lane):
        """Sets the connection that takes its calls; None for no one."""
        self.lane = lane

    cdef int join(self, Host host, Region region) except -1:
        self.host = host
        self.region = region
        self.column = region.claim(self.identity)
        return 0

    cdef int retire(self) except -1:
        self.retired = True
        self.host = None
        self.let_column_go()
        return 0

    cdef bint is_usable(self) noexcept:
        return (
            self.lane is not None and not self.lane.leaving
            and self.healthy and not self.drained and not self.retired
        )

    cdef bint admit(self, int64_t most) noexcept:
        """Counts one call more, unless there would be more than so many of all gateways."""
        if most <= 0:
            self.region.enter(self.column)
        elif not self.region.admit(self.column, most):
            return False
        self.in_flight += 1
        self.calls += 1
        return True

    cdef void leave(self) noexcept:
        """One of its calls has ended."""
        self.in_flight -= 1
        self.region.leave(self.column)
        if self.retired:
            self.let_column_go()

    cdef int64_t load(self) noexcept:
        return 0 if self.column < 0 else self.region.load(self.column)

    cdef void let_column_go(self) noexcept:
        if self.in_flight == 0 and self.column >= 0:
            self.region.release(self.column)
            self.column = -1
