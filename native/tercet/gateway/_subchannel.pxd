"""A connection to an endpoint."""

cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint32_t

from tercet.gateway._call cimport Call, Ending
from tercet.gateway._endpoint cimport Endpoint
from tercet.gateway._lane cimport Lane
from tercet.gateway._plane cimport Plane
from tercet.rpc._limits cimport Limits
from tercet.rpc._meter cimport Meter
from tercet.rpc._outlet cimport Outlet


cdef class Exchange(Lane):
    cdef Plane plane
    cdef readonly Endpoint endpoint
    cdef Limits limits
    cdef Meter meter
    # Its calls, the latest first.
    cdef Call latest
    cdef object transport
    cdef Outlet outlet
    # Told, once each, that it takes calls, that it takes no more, and why it is over.
    cdef readonly object greeted
    cdef object leave_taken
    cdef readonly object lost
    # What the peer has broken.
    cdef str breach
    cdef bytes rest
    cdef bint flushing
    cdef bint paused

    cdef int flush_soon(self) except -1
    cdef int take(self, data, Py_ssize_t size) except -1
    cdef int take_rest(self) except -1
    cdef int take_leave(self) except -1
    cdef int end_calls(self, str cause) except -1
    cdef int delist(self, Call call) except -1
    cdef bint count_field(self, Call call, size_t size) noexcept
