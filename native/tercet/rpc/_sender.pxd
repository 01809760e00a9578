"""The sending half of a connection, for its calls."""

from tercet.rpc._connection cimport Connection
from tercet.rpc._ledger cimport Ledger


cdef class Buffers:
    cdef bytearray reading
    cdef bytearray sending


cdef class Sender:
    cdef readonly Connection core
    cdef readonly object loop
    # "ipv4:127.0.0.1:50051"; of the client.
    cdef readonly str peer
    # Who the client is, by its certificate; None without TLS.
    cdef readonly object identity
    cdef readonly Ledger ledger
    cdef Buffers buffers
    # Runs handlers that are plain functions.
    cdef readonly object server
    # Largest message to send; -1 for no limit.
    cdef readonly Py_ssize_t max_send
    # How answers are compressed, as grpc.Compression counts.
    cdef readonly int encoding
    cdef object transport
    # Makes a task of a coroutine, if the loop does so in a way of its own.
    cdef object task_factory
    # When what is dealt with now was read: seconds of the monotonic clock.
    cdef double moment
    cdef bint flushing
    cdef bint paused
    cdef bint parting

    cdef int flush_soon(self) except -1
    cpdef flush(self)
    cdef part(self)
    cpdef linger(self, Py_ssize_t before)
