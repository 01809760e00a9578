# cython: auto_pickle=False
"""What one peer has sent, against what it may send: counted before nghttp2 reads it.

Theory of operation. `scan` walks over the frames' heads (RFC 9113, section 4.1) in what was read.
Each frame is either part of a call, or explained by what we have sent (a client grants windows and
pings when it is sent something), or a glitch, for which there is an allowance. Resets have one of
their own, which answered calls fill up. What is used up becomes the `verdict`, and nothing after it
is read.

It does not hang on the version of nghttp2: Debian 12's 1.52 lacks the newer limits.

`scan` also says where to stop for this turn of the loop, so that one peer's small frames do not
keep the loop from the others.
"""

cimport cython
cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t, uint32_t

from tercet.rpc._limits cimport (
    CLOSED_STREAMS,
    CONTINUATIONS,
    EMPTY_FRAMES,
    HEADER_BLOCK,
    NONE,
    PING_FLOOD,
    PRIORITY_FLOOD,
    RESETS,
    SETTINGS_FLOOD,
    UNKNOWN_FRAMES,
    WINDOW_UPDATES,
    Limits,
)
from tercet.rpc._stream cimport Stream

cdef enum:
    # Types of frames.
    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    # Flags.
    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4

    # "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".
    PREFACE = 24
    # Frames of control for each frame that we send, and for each stream that the peer opens: Envoy
    # allows 10 WINDOW_UPDATEs for each DATA. They are not saved up without end.
    EXPLAINED = 10
    MOST_EXPLAINED = 10000
    # Glitches that one SETTINGS counts as, after the first.
    SETTLING = 10
    # A header block of so many times the limit, as it is on the wire, ends its connection.
    OUTRAGE = 4
    # Bytes that may be under way on a stream that we have ended: its window of 1 MiB, and the heads
    # of its frames, nine for each five in the worst case (grpc-go sends each empty message so).
    LATE_BYTES = 3 << 20
    # Seconds after which the reset of a stream is no longer a rapid one: Envoy's
    # premature_reset_min_stream_lifetime_seconds.
    PREMATURE = 1
    # Work of one turn. A call costs about as much as so many other frames.
    TURN = 4096
    CALL = 32
    SETTLING_WORK = 512


@cython.final
cdef class Meter:
    """Of one connection, to which it belongs."""

    def __cinit__(self, Limits limits not None):
        self.limits = limits
        self.left = PREFACE
        self.resets = limits.resets
        self.glitches = limits.glitches
        self.explained = EXPLAINED

    cdef Py_ssize_t scan(
        self, h2.nghttp2_session* session, const uint8_t* data, Py_ssize_t size
    ) noexcept:
        """How many of these bytes are to be read now; the others are to be scanned again.

        What was scanned before must have been read.
        """
        cdef Py_ssize_t at = 0, step
        cdef int work = 0
        self.known = self.latest
        while at < size:
            if self.left > 0:
                step = min(self.left, size - at)
                self.left -= step
                at += step
                continue
            if work >= TURN:
                break
            self.head[self.have] = data[at]
            self.have += 1
            at += 1
            if self.have == FRAME_HEAD:
                self.have = 0
                work += self.frame(session)
                if self.verdict != NONE:
                    # The head has been read, in part perhaps by an earlier call: no harm, for
                    # nothing comes after it.
                    break
        return at

    cdef int frame(self, h2.nghttp2_session* session) noexcept:
        """Judges a frame by its head; returns its work."""
        cdef Py_ssize_t size = (self.head[0] << 16) | (self.head[1] << 8) | self.head[2]
        cdef int kind = self.head[3]
        cdef int flags = self.head[4]
        cdef int32_t stream = <int32_t> (
            ((<uint32_t> self.head[5] & 0x7F) << 24) | (<uint32_t> self.head[6] << 16)
            | (<uint32_t> self.head[7] << 8) | self.head[8])
        cdef void* found = NULL
        cdef bint closed = False
        cdef int work = 1
        self.left = size
        if kind == DATA or kind == RST_STREAM:
            found = h2.nghttp2_session_get_stream_user_data(session, stream)
            closed = stream <= self.known and found == NULL
        if closed:
            self.late(kind, size)
        elif kind == RST_STREAM:
            if self.of_server:
                pass
            elif found == NULL or self.filled - (<Stream> found).opened < PREMATURE:
                self.reset()
        elif kind == DATA:
            if size == 0 and not flags & END_STREAM:
                self.glitch(EMPTY_FRAMES)
        elif kind == HEADERS:
            self.in_block = not flags & END_HEADERS
            self.blocks += 1
            self.continuations = 0
            self.block_bytes = size
            if size == 0:
                self.glitch(EMPTY_FRAMES)
            if self.of_server:
                work = CALL
            elif stream > self.latest:
                self.opened(stream)
                work = CALL
        elif kind == CONTINUATION:
            self.continuations += 1
            self.block_bytes += size
            self.in_block = not flags & END_HEADERS
            if self.continuations > self.limits.continuations:
                self.end(CONTINUATIONS)
            if size == 0:
                self.glitch(EMPTY_FRAMES)
        elif kind == WINDOW_UPDATE:
            self.control(WINDOW_UPDATES)
        elif kind == PING:
            self.control(PING_FLOOD)
        elif kind == SETTINGS:
            if flags & ACK:
                self.control(SETTINGS_FLOOD)
            elif not self.greeted:
                self.greeted = True
            else:
                # Another initial window moves that of every stream.
                self.glitches -= SETTLING - 1
                self.glitch(SETTINGS_FLOOD)
                work = SETTLING_WORK
        elif kind == PRIORITY:
            self.glitch(PRIORITY_FLOOD)
        else:
            self.glitch(UNKNOWN_FRAMES)
        if kind == CONTINUATION or kind == HEADERS:
            # Fields that are malformed are decoded without a word from nghttp2.
            if self.block_bytes > OUTRAGE * self.limits.metadata_size and not self.trusted:
                self.end(HEADER_BLOCK)
        return work

    cdef void control(self, int limit) noexcept:
        if self.explained > 0:
            self.explained -= 1
        else:
            self.glitch(limit)

    cdef void refill(self, double now) noexcept:
        """Time has passed.

        Args:
            now: Seconds of a monotonic clock.
        """
        cdef double passed = now - self.filled
        self.filled = now
        if self.resets < self.limits.resets:
            self.resets = min(
                self.limits.resets, self.resets + passed * self.limits.resets_per_second)
        if self.glitches < self.limits.glitches:
            self.glitches = min(
                self.limits.glitches, self.glitches + passed * self.limits.glitches_per_second)

    cdef void reset(self) noexcept:
        """The peer has reset a stream, or made us reset it."""
        self.resets -= 1
        if self.resets < 0 and not self.trusted:
            self.end(RESETS)

    cdef void answered(self) noexcept:
        """A call was answered, and its client has taken the answer."""
        if self.resets < self.limits.resets:
            self.resets += 1

    cdef void spoke(self) noexcept:
        """A frame of a call was sent, or one was begun."""
        if self.explained < MOST_EXPLAINED:
            self.explained += EXPLAINED

    cdef void follow_server(self) noexcept:
        """The peer is a server, which sends no preface before its frames."""
        self.of_server = True
        self.left = 0

    cdef void opened(self, int32_t stream) noexcept:
        """A stream has been opened, by whoever does that."""
        self.latest = stream
        self.spoke()
        self.late_resets += 1
        self.late_bytes += LATE_BYTES

    cdef void late(self, int kind, Py_ssize_t size) noexcept:
        """A frame came on a stream that is closed."""
        if kind == RST_STREAM:
            self.late_resets -= 1
            if self.late_resets < 0:
                self.glitch(CLOSED_STREAMS)
        else:
            self.late_bytes -= size + FRAME_HEAD
            if self.late_bytes < 0 and not self.trusted:
                self.end(CLOSED_STREAMS)

    cdef void glitch(self, int limit) noexcept:
        self.glitches -= 1
        if self.glitches < 0 and not self.trusted:
            self.end(limit)

    cdef void end(self, int limit) noexcept:
        """The first one counts."""
        if self.verdict == NONE:
            self.verdict = limit
            self.limits.count(limit)
