"""A connection to an endpoint, as calls and balancers know it."""

from libc.stdint cimport uint32_t

from tercet.rpc._session cimport Session


cdef class Lane(Session):
    # It takes no more calls: its peer has said goodbye, or nobody wants it any more.
    cdef readonly bint leaving
    cdef readonly Py_ssize_t open_calls
    # How many its peer takes at once.
    cdef readonly Py_ssize_t most_calls

    cdef bint has_room(self) noexcept
    cdef int open(self, call) except -1
    cdef int resume(self, call) except -1
    cdef int consume(self, call, Py_ssize_t size) except -1
    cdef int reset(self, call, uint32_t code) except -1
