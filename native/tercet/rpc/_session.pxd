"""One nghttp2 session and the bytes that leave it, for the connections on both sides of a call."""

cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t

cdef enum:
    # What one fill() gives, about: more would only wait in the transport's buffer.
    FILL_AT_MOST = 1 << 18
    FRAME_HEADER = 9


cdef class Session:
    cdef h2.nghttp2_session* session
    # Raised in a callback of nghttp2, to be raised by who called nghttp2.
    cdef object error
    # What is to be sent, while it is put together.
    cdef bytearray sink
    cdef Py_ssize_t filled
    # The stream that was asked for last, and what belongs to it.
    cdef int32_t found_id
    cdef void* found

    cdef void* find(self, int32_t stream_id) noexcept
    cdef void forget(self) noexcept
    cdef Py_ssize_t fill(self, bytearray sink) except -1
    cdef uint8_t* put(self, Py_ssize_t size) except NULL
    cdef raise_kept(self)


cdef h2.nghttp2_mem* memory() noexcept
cdef int check(int code) except -1
cdef void set_nv(h2.nghttp2_nv* nv, bytes name, bytes value) noexcept
cdef void set_constant_nv(h2.nghttp2_nv* nv, bytes name, bytes value) noexcept
cdef h2.nghttp2_nv* new_nvs(list pairs) except NULL
