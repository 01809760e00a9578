"""What a server lets its peers do, for what watches them."""


cdef enum Limit:
    NONE
    METADATA_SIZE
    METADATA_FIELDS
    HEADER_BLOCK
    CONTINUATIONS
    RESETS
    PING_FLOOD
    SETTINGS_FLOOD
    EMPTY_FRAMES
    PRIORITY_FLOOD
    WINDOW_UPDATES
    UNKNOWN_FRAMES
    CLOSED_STREAMS
    REFUSED_STREAMS
    TOO_MANY_PINGS
    PROTOCOL_ERRORS
    HANDSHAKE_TIMEOUT
    HEADERS_TIMEOUT
    REQUEST_TIMEOUT
    STALLED
    HALF_OPEN_STREAMS
    UNSENT_BYTES
    OUTBOUND_FRAMES
    QUEUED_CALLS
    CONCURRENT_CALLS
    CONNECTIONS
    MESSAGE_SIZE
    KEEPALIVE
    IDLE
    AGE
    LIMITS


cdef class Limits:
    cdef readonly Py_ssize_t max_message
    cdef readonly Py_ssize_t max_send
    cdef readonly Py_ssize_t max_streams
    cdef readonly Py_ssize_t metadata_size
    cdef readonly Py_ssize_t metadata_fields
    cdef readonly Py_ssize_t continuations
    cdef readonly double resets
    cdef readonly double resets_per_second
    cdef readonly double glitches
    cdef readonly double glitches_per_second
    cdef readonly Py_ssize_t half_open_streams
    cdef readonly Py_ssize_t half_open_ms
    cdef readonly Py_ssize_t unsent_bytes
    cdef readonly Py_ssize_t outbound_frames
    cdef readonly Py_ssize_t queued_calls
    cdef readonly Py_ssize_t connections
    cdef unsigned long long[LIMITS] counts

    cdef void count(self, int limit) noexcept


cdef str name_of(int limit)
