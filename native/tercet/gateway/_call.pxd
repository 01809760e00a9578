"""One call on its way through, for the connections and the upstream that it passes."""

cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from tercet.gateway._buffer cimport Buffer
from tercet.gateway._endpoint cimport Endpoint
from tercet.gateway._host cimport Host
from tercet.gateway._lane cimport Lane
from tercet.gateway._plane cimport Plane
from tercet.gateway._wheel cimport Timed
from tercet.rpc._connection cimport Connection
from tercet.rpc._fields cimport Fields
from tercet.rpc._ledger cimport Tally
from tercet.rpc._sender cimport Sender
from tercet.rpc._stream cimport Stream

cdef enum:
    TIMEOUT_TEXT = 24

cdef enum Ending:
    # How its stream to the endpoint has ended.
    AS_IT_SHOULD
    BY_PEER
    BY_BREACH
    BY_LOSS


cdef class Usage:
    cdef Tally tally
    cdef readonly Py_ssize_t in_flight
    cdef readonly double seconds


cdef class Call(Timed):
    cdef Plane plane
    cdef Usage usage
    # The client's side; `open` while its stream is.
    cdef Connection front
    cdef Sender sender
    cdef Stream stream
    cdef bint open
    # The other side.
    cdef Host host
    cdef Endpoint endpoint
    cdef Lane lane
    cdef int32_t id
    # Its neighbours on the lane, and in the queue of its upstream.
    cdef Call lane_before
    cdef Call lane_after
    cdef Call queue_before
    cdef Call queue_after
    cdef bint waiting
    # Endpoints that have refused it, and those whose connections ended before they began it.
    cdef list tried
    cdef list parted
    # Why the last one did not.
    cdef str refusal

    cdef Buffer request
    cdef Buffer answer
    cdef Fields head
    cdef Fields tail
    # Of the header block that is read: its size as RFC 9113 counts it, and its fields.
    cdef Py_ssize_t block_size
    cdef Py_ssize_t block_fields

    # The client has sent all; the endpoint has been sent the headers; it has reset the stream.
    cdef bint whole
    cdef bint head_sent
    cdef bint reset_by_peer
    # nghttp2 waits for more of the request.
    cdef bint deferred
    # The final response headers have come; are passed on; the answer's end has come.
    cdef bint got_head
    cdef bint answered
    cdef bint complete
    cdef bint is_grpc
    cdef bint settled

    # Seconds of the monotonic clock, and durations.
    cdef double begun
    cdef double timeout
    cdef double queued_since
    cdef double queued
    cdef uint64_t queued_ns
    cdef int code
    cdef int reason
    # Trailers of a failure after the headers.
    cdef list failure
    # Of the request: what has come, what the client was given back, what this endpoint was sent.
    cdef unsigned long long request_bytes
    cdef unsigned long long returned
    cdef unsigned long long sent
    cdef unsigned long long answer_bytes
    cdef int attempts
    cdef char[TIMEOUT_TEXT] timeout_text

    # For what begins it, and for its upstream.
    cdef int start(self, Endpoint endpoint) except -1
    cdef int fail(self, int reason, cause=*, int code=*, hint=*) except -1
    cdef bint has_tried(self, Endpoint endpoint) noexcept
    # For the lane.
    cdef h2.nghttp2_nv* request_fields(self, Py_ssize_t* count) except NULL
    cdef int head_complete(self, bint last) except -1
    cdef int answer_data(self, const uint8_t* data, Py_ssize_t size) except -1
    cdef int answer_end(self) except -1
    cdef int request_sent(self, uint8_t* to, Py_ssize_t size) except -1
    cdef int lane_closed(self, Ending how, uint32_t code, cause) except -1

    cdef void shorten(self, h2.nghttp2_nv* nv) noexcept
    cdef int go_elsewhere(self, Ending how, cause) except -1
    cdef int refuse_answer(self, cause) except -1
    cdef int give_back(self, Py_ssize_t size) except -1
    cdef int lapsed(self, uint32_t code) except -1
    cdef int read_status(self, Fields* fields) noexcept
    cdef int settle(self) except -1
