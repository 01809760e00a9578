"""What one peer has sent, for the connection that reads it."""

cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t

from tercet.rpc._limits cimport Limits

cdef enum:
    FRAME_HEAD = 9


cdef class Meter:
    cdef Limits limits
    # Which limit the peer has gone beyond; NONE while it may go on.
    cdef int verdict
    # A header block has begun and not ended.
    cdef bint in_block
    # Header blocks that have begun.
    cdef Py_ssize_t blocks
    # Of the latest, as it is on the wire.
    cdef Py_ssize_t block_bytes
    # The peer's first SETTINGS have come.
    cdef bint greeted
    # One connection carries the calls of many clients: nothing that is counted by rate applies.
    cdef bint trusted
    # The peer is a server: it opens no streams, and may end those that we open as it likes.
    cdef bint of_server
    # The latest stream that has been opened, and the latest that nghttp2 knows of.
    cdef int32_t latest
    cdef int32_t known

    cdef uint8_t[FRAME_HEAD] head
    cdef int have
    cdef Py_ssize_t left
    cdef Py_ssize_t continuations
    # What is left of each allowance, and when it was last filled up.
    cdef double resets
    cdef double glitches
    cdef double filled
    # Frames of control that what we have sent explains.
    cdef Py_ssize_t explained
    # Resets, and bytes, that may still come on streams that are closed.
    cdef Py_ssize_t late_resets
    cdef Py_ssize_t late_bytes

    cdef Py_ssize_t scan(
        self, h2.nghttp2_session* session, const uint8_t* data, Py_ssize_t size
    ) noexcept
    cdef int frame(self, h2.nghttp2_session* session) noexcept
    cdef void control(self, int limit) noexcept
    cdef void refill(self, double now) noexcept
    cdef void reset(self) noexcept
    cdef void answered(self) noexcept
    cdef void spoke(self) noexcept
    cdef void follow_server(self) noexcept
    cdef void opened(self, int32_t stream) noexcept
    cdef void late(self, int kind, Py_ssize_t size) noexcept
    cdef void glitch(self, int limit) noexcept
    cdef void end(self, int limit) noexcept
