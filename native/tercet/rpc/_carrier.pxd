"""What a connection knows of those who carry streams on to somewhere else."""

cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t, uint32_t

from tercet.rpc._ledger cimport Entry


cdef class Carrier(Entry):
    cdef int data(self, const uint8_t* data, Py_ssize_t size) except -1
    cdef int ended(self) except -1
    cdef int closed(self, uint32_t code) except -1
    cdef int stop(self) except -1
    cdef Py_ssize_t available(self) noexcept
    cdef bint is_last(self) noexcept
    cdef int submit_trailers(self, h2.nghttp2_session* session, int32_t stream_id) except -1
    cdef int copy_out(self, uint8_t* to, Py_ssize_t size) except -1


cdef class Forwarder:
    cdef Carrier carry(self, connection, stream)
