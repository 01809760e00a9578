"""One worker as the gateway sees it."""

from libc.stdint cimport int64_t

from tercet.gateway._host cimport Host
from tercet.gateway._lane cimport Lane
from tercet.gateway._region cimport Region


cdef class Endpoint:
    cdef readonly str identity
    cdef readonly str address
    cdef public double weight
    cdef public bint healthy
    # It is not healthy because it does not answer, which may pass: calls may wait for it.
    cdef public bint hangs
    cdef public bint drained
    cdef public bint failing
    cdef public str error
    # Its upstream has let it go.
    cdef readonly bint retired
    cdef readonly Lane lane
    # Its upstream; None before and after.
    cdef Host host
    cdef Region region
    cdef int column
    cdef readonly Py_ssize_t in_flight
    cdef unsigned long long calls
    cdef unsigned long long failures
    cdef unsigned long long retries
    cdef public unsigned long long ejections
    cdef public unsigned long long connects
    cdef public unsigned long long connect_failures

    cdef int join(self, Host host, Region region) except -1
    cdef int retire(self) except -1
    cdef bint is_usable(self) noexcept
    cdef bint admit(self, int64_t most) noexcept
    cdef void leave(self) noexcept
    cdef int64_t load(self) noexcept
    cdef void let_column_go(self) noexcept
