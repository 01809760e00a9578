"""What all calls of a gateway process share."""

cimport nghttp2 as h2

from tercet.gateway._policy cimport Draw
from tercet.gateway._region cimport Region
from tercet.gateway._wheel cimport Wheel
from tercet.rpc._fields cimport Fields
from tercet.rpc._limits cimport Limits
from tercet.rpc._outlet cimport Buffers
from tercet.rpc._turn cimport Turn


cdef class Plane:
    cdef readonly object loop
    cdef readonly Region region
    cdef readonly Wheel wheel
    cdef Turn turn
    # Of what endpoints may do.
    cdef readonly Limits limits
    cdef Buffers buffers
    cdef object failures
    # Bytes of a stream's receive window, of connections to endpoints.
    cdef int window
    # Room for the fields of one header block.
    cdef h2.nghttp2_nv* nvs
    cdef Py_ssize_t room

    # Share of the calls that are logged.
    cdef double rate
    cdef Draw draw
    cdef list log
    cdef public unsigned long long not_logged

    cdef h2.nghttp2_nv* fields_room(self, Py_ssize_t count) except NULL
    cdef bint logs(self) noexcept
    cdef int note(self, tuple record) except -1
