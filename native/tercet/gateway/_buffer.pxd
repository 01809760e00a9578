"""Bytes on their way from one connection to another."""

from libc.stdint cimport uint8_t


cdef struct Chunk:
    Chunk* next
    uint8_t* bytes
    Py_ssize_t size
    Py_ssize_t room


cdef struct Buffer:
    Chunk* first
    Chunk* last
    # Where the next byte to be sent is.
    Chunk* reading
    Py_ssize_t offset
    # Bytes that have not been sent.
    Py_ssize_t unsent
    # Bytes that have been sent and are kept.
    Py_ssize_t kept
    # Whether what is sent is kept, to be sent again.
    bint keeps


cdef int buffer_append(Buffer* self, const uint8_t* data, Py_ssize_t size) except -1
cdef void buffer_take(Buffer* self, uint8_t* to, Py_ssize_t size) noexcept
cdef void buffer_let_go(Buffer* self) noexcept
cdef void buffer_rewind(Buffer* self) noexcept
cdef void buffer_clear(Buffer* self) noexcept
