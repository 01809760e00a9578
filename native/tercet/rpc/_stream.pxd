"""One call on the wire, for the connection that carries it and for who answers it."""

cimport nghttp2 as h2
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, uint8_t, uint32_t

from tercet.rpc._carrier cimport Carrier
from tercet.rpc._fields cimport Fields

cdef enum:
    # gRPC's message prefix: a flag, and the length in four bytes.
    PREFIX = 5


cdef class Packed:
    cdef readonly bytes data


cdef class Stream:
    # Of the streams that are open on its connection, the one begun before, and after.
    cdef Stream before
    cdef Stream after

    cdef readonly int32_t id
    cdef readonly bytes path
    # What the router gave for the path.
    cdef readonly object handler
    # Its owner's: whatever answers it.
    cdef public object call
    # The client sends no more.
    cdef readonly bint half_closed
    cdef readonly bint closed
    cdef readonly bint headers_sent
    # How its compressed messages are, as grpc.Compression counts; its owner's.
    cdef public int encoding
    # HTTP/2 error code with which the stream was closed; meaningful once `closed`.
    cdef readonly uint32_t error_code
    # Why the request cannot be read on: (gRPC status, message), or None.
    cdef readonly object refusal
    # When its headers came: seconds of the meter's clock.
    cdef double opened
    # Of a request that is not whole: what had come of it when it was last looked at, and when that
    # was more than before.
    cdef Py_ssize_t seen
    cdef double since

    cdef bint begun
    # It has begun, and its call waits for the rest of the request.
    cdef bint expected
    # We have reset it for being slow, and it is closed when that is sent.
    cdef bint given_up
    cdef bint whole
    # Who carries it on to somewhere else, instead of a call.
    cdef Carrier carrier

    cdef Fields fields

    cdef uint8_t[PREFIX] prefix
    cdef int prefix_have
    cdef PyObject* partial
    cdef Py_ssize_t partial_have
    cdef Py_ssize_t partial_size
    cdef Py_ssize_t arrived
    # Messages that nobody has read yet: bytes, or Packed.
    cdef object first
    cdef object others
    # What the messages that nobody has read yet take, about.
    cdef Py_ssize_t unread
    # Bytes that came after too many of them, as they came.
    cdef bytearray backlog
    cdef Py_ssize_t withheld

    cdef bytes head
    cdef uint8_t flag
    cdef Py_ssize_t offset
    cdef object later
    cdef readonly Py_ssize_t unsent
    cdef bint deferred
    cdef bint ending
    cdef list trailers

    cdef bint accept(
        self, const uint8_t* data, Py_ssize_t size, Py_ssize_t max_message
    ) except -1
    cdef bint parse(self, const uint8_t* data, Py_ssize_t size, Py_ssize_t max_message) except -1
    cdef bint is_full(self)
    cdef int catch_up(self, Py_ssize_t max_message) except -1
    cdef int end(self) except -1
    cdef next_message(self, Py_ssize_t max_message)
    cdef int queue(self, piece) except -1
    cdef void take_up(self, piece) noexcept
    cdef void copy_out(self, uint8_t* to, Py_ssize_t size)
    cdef int store(self, piece) except -1
    cdef int make_room(self) except -1
