"""The connection, for the engine that drives it."""

cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t, uint32_t

from tercet.rpc._limits cimport Limits
from tercet.rpc._meter cimport Meter
from tercet.rpc._session cimport Session
from tercet.rpc._stream cimport Stream

cdef enum:
    BEGUN = 0
    READ = 1
    ENDED = 2


cdef class Connection(Session):
    # Who moves its bytes; a cycle until the connection is gone.
    cdef object owner
    cdef object route
    cdef dict known
    cdef Limits limits
    cdef Meter meter
    # The streams that are open; each links to the ones before and after it.
    cdef Stream latest
    cdef readonly Py_ssize_t open_streams
    # Of them, those whose calls have not begun, or expect their message.
    cdef readonly Py_ssize_t half_open
    # Since when more of them than may be are half open; -1 if they are not.
    cdef double crowded
    # Closed by lost(); nghttp2 still has pointers to them.
    cdef list kept
    # The last path, and what it was routed to: most connections call one method again and again.
    cdef bytes last_path
    cdef object last_handler
    cdef bint last_whole
    cdef bint last_forwarded
    cdef list events
    cdef readonly list writable
    # PINGs received, and whether headers or data were sent: since the owner last set them back.
    cdef public Py_ssize_t pings
    cdef public bint spoke
    cdef readonly Py_ssize_t unsent
    # Of it, what belongs to answers that are finished.
    cdef readonly Py_ssize_t settled
    # Bytes that the last receive() has read; the others are to be given again.
    cdef readonly Py_ssize_t taken
    # Of the header block that is read: its size as RFC 9113 counts it, and its fields.
    cdef Py_ssize_t block_size
    cdef Py_ssize_t block_fields

    cpdef list receive(self, data, Py_ssize_t size=*, Py_ssize_t start=*)
    cpdef bytes take(self)
    cpdef list caused(self)
    cpdef respond(self, Stream stream, message, list trailers=*)
    cpdef send_headers(self, Stream stream, list metadata)
    cpdef bint send_message(self, Stream stream, message) except *
    cpdef finish(self, Stream stream, list trailers)
    cpdef next_message(self, Stream stream)
    cdef bint too_many_half_open(self, double now) noexcept
    cdef void met(self, Stream stream) noexcept
    cdef int consume(self, Stream stream, Py_ssize_t size) except -1
    cdef int answer(
        self, Stream stream, h2.nghttp2_nv* nvs, size_t count, bint alone
    ) except -1
    cdef int carried(self, Stream stream, Py_ssize_t size) except -1
    cdef int carried_all(self, Stream stream) except -1
    cdef int queue(self, Stream stream, piece) except -1
    cdef int resume(self, Stream stream) except -1
    cdef int submit(self, Stream stream, list pairs, h2.nghttp2_data_provider* provider) except -1
    cdef int begin(self, Stream stream) except -1
    cdef int carry(self, Stream stream, handler) except -1
    cdef int on_request(self, Stream stream) except -1
    cdef int on_chunk(self, Stream stream, const uint8_t* data, Py_ssize_t size) except -1
    cdef int closed(self, Stream stream) except -1
    cdef bint count_field(self, size_t size) noexcept
    cdef void count_refusal(self, Stream stream)
    cdef int enlist(self, Stream stream) except -1
    cdef int delist(self, Stream stream) except -1
