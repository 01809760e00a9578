"""The way out of a connection, for what sends on it."""


cdef class Buffers:
    cdef bytearray reading
    cdef object view
    cdef bytearray sending


cdef class Outlet:
    cdef object transport
    # -1 where only the transport can write, as with TLS.
    cdef int fd
    # The transport may have kept something, which has to leave first.
    cdef bint kept

    cdef int write(self, Buffers buffers, Py_ssize_t size) except -1
