"""The sending half of a connection, for its calls."""

from tercet.rpc._connection cimport Connection
from tercet.rpc._ledger cimport Ledger
from tercet.rpc._limits cimport Limits
from tercet.rpc._outlet cimport Buffers, Outlet
from tercet.rpc._turn cimport Turn


cdef class Sender:
    cdef readonly Connection core
    # Asks for pings, and closes; None before and after the connection.
    cdef object watch
    cdef readonly object loop
    # "ipv4:127.0.0.1:50051"; of the client.
    cdef readonly str peer
    # Who the client is, by its certificate; None without TLS.
    cdef readonly object identity
    cdef readonly Ledger ledger
    cdef Buffers buffers
    # Runs handlers that are plain functions.
    cdef readonly object server
    cdef readonly Limits limits
    # How answers are compressed, as grpc.Compression counts.
    cdef readonly int encoding
    cdef object transport
    cdef Outlet outlet
    cdef Turn turn
    # Makes a task of a coroutine, if the loop does so in a way of its own.
    cdef object task_factory
    # When what is dealt with now was read: seconds of the monotonic clock.
    cdef double moment
    cdef bint flushing
    cdef bint paused
    cdef bint parting
    cdef int farewells
    # Bytes that were read and wait for their turn.
    cdef bytes rest
    # Turns of the loop that they have waited, as other connections had begun many calls.
    cdef int waited
    # Nothing more is read until the client reads.
    cdef bint holding
    # The watch looks at what may take too long.
    cdef bint alert
    # Bytes given to the transport.
    cdef unsigned long long given

    cdef int flush_soon(self) except -1
    cdef int look_out(self) except -1
    cpdef flush(self)
    cdef part(self)
    cdef close(self)
    cpdef linger(self, Py_ssize_t before)
