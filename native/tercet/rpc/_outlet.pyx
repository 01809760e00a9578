# cython: auto_pickle=False
"""The way out of a connection: straight into the socket, and what that does not take through the
transport.

asyncio's transports do the same with what they are given, but late and with objects in between: on
uvloop a write costs about as much again as its system call.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING

cdef extern from "sys/socket.h" nogil:
    ssize_t send(int, const void*, size_t, int)
    enum:
        MSG_DONTWAIT
        MSG_NOSIGNAL

cdef enum:
    # Bytes read at once.
    READ_SIZE = 1 << 18
    # Somewhat more than a connection gives at once.
    SEND_SIZE = (1 << 18) + (1 << 16)


@cython.final
cdef class Buffers:
    """What a process reads into and writes from: one connection at a time, and always the same.

    They stay in the caches of the CPU, where a block made for each read or write is fresh memory.
    """

    def __cinit__(self):
        self.reading = bytearray(READ_SIZE)
        # For asyncio, whose TLS reads into slices: one of a bytearray is a copy.
        self.view = memoryview(self.reading)
        self.sending = bytearray(SEND_SIZE)


@cython.final
cdef class Outlet:
    """Of one transport, which nobody else may write to."""

    def __cinit__(self, transport):
        self.transport = transport
        self.fd = -1
        if transport.get_extra_info("ssl_object") is None:
            connected = transport.get_extra_info("socket")
            if connected is not None:
                self.fd = connected.fileno()

    cdef int write(self, Buffers buffers, Py_ssize_t size) except -1:
        """Sends the first bytes of `buffers.sending`."""
        cdef ssize_t sent = 0
        if self.fd >= 0 and not self.transport.is_closing() and (
            not self.kept or self.transport.get_write_buffer_size() == 0
        ):
            self.kept = False
            sent = send(
                self.fd, PyByteArray_AS_STRING(buffers.sending), size,
                MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent == size:
                return 0
            # What is wrong, the transport will find and tell.
            sent = max(0, sent)
        self.kept = True
        self.transport.write(memoryview(buffers.sending)[sent:size])
        if self.transport.get_write_buffer_size():
            # It has kept a part, and with it the buffer.
            buffers.sending = bytearray(SEND_SIZE)
        return 0
