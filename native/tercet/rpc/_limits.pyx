# cython: auto_pickle=False
"""What a server lets its peers do, and how often each limit was applied.

The table of docs/security.md: each limit's default, option, counter, and what the peer sees.
"""

cimport cython

# In the order of `Limit`. A connection that is ended for one is told this name in its GOAWAY.
NAMES = (
    "",
    "metadata_size",
    "metadata_fields",
    "header_block",
    "continuations",
    "resets",
    "ping_flood",
    "settings_flood",
    "empty_frames",
    "priority_flood",
    "window_updates",
    "unknown_frames",
    "closed_streams",
    "refused_streams",
    "too_many_pings",
    "protocol_errors",
    "handshake_timeout",
    "headers_timeout",
    "request_timeout",
    "stalled",
    "half_open_streams",
    "unsent_bytes",
    "outbound_frames",
    "queued_calls",
    "concurrent_calls",
    "connections",
    "message_size",
    "keepalive",
    "idle",
    "age",
)
assert len(NAMES) == LIMITS

# Each has the name of the argument; -1 for no limit.
DEFAULTS = {
    # Bytes of a message received (gRPC's default everywhere), and sent.
    "max_message": 4 << 20,
    "max_send": -1,
    # Of one connection at once. Envoy's newer default is 1024, Go's 250; the C-core's, 2^31 - 1, is
    # no limit; and a low one holds up calls in silence (envoyproxy/envoy#2941), so this one is for
    # who means harm.
    "max_streams": 10_000,
    # Bytes of the headers of a request, counted as in RFC 9113, section 10.5.1: the C-core's hard
    # limit.
    "metadata_size": 16 << 10,
    # Fields of the headers of a request, each crumb of a cookie among them (RFC 9113, section
    # 8.2.3). Envoy, nghttpx and HAProxy have 100; gRPC's own fields are a dozen.
    "metadata_fields": 128,
    # CONTINUATION frames of one header block: nghttp2's own since CVE-2024-28182.
    "continuations": 8,
    # Streams that a client has reset within a second, or made us reset, in a burst, and more of them
    # a second: as nghttp2 since CVE-2023-44487. One more for each answered call: a client that
    # hedges, or a proxy of many clients, resets as many as it likes for as long as half of its calls
    # are answered.
    "resets": 1000,
    "resets_per_second": 33,
    # Frames that bring nothing forward; nghttp2 (1.67 and newer) allows 10 000 and 330.
    "glitches": 1000,
    "glitches_per_second": 100,
    # Requests that have begun and are not whole, of one connection, and for how long there may be
    # more. Clients that are built on nghttp2, Node among them, send the headers of all the calls
    # that they begin at once before any message.
    "half_open_streams": 1000,
    "half_open_ms": 2000,
    # Bytes of finished answers that a client has not taken: sixteen of the largest messages.
    "unsent_bytes": 64 << 20,
    # Frames that wait for a client that does not read: Envoy's limit.
    "outbound_frames": 10_000,
    # Calls received whose handlers have not been entered, of the whole server.
    "queued_calls": 4096,
    # Of the whole server.
    "connections": -1,
}
NEVER = (1 << 62)


cdef str name_of(int limit):
    return NAMES[limit]


@cython.final
cdef class Limits:
    """Of all connections of a server, which count here. Belongs to its loop.

    Args:
        changed: Values by the names in `DEFAULTS`.
    """

    def __cinit__(self, **changed):
        values = {**DEFAULTS, **changed}
        if len(values) > len(DEFAULTS):
            raise TypeError(f"there are no limits {sorted(changed.keys() - DEFAULTS.keys())}")
        self.max_message = values.pop("max_message")
        self.max_send = values.pop("max_send")
        for name, value in values.items():
            values[name] = NEVER if value < 0 else value
        self.max_streams = values["max_streams"]
        self.metadata_size = values["metadata_size"]
        self.metadata_fields = values["metadata_fields"]
        self.continuations = values["continuations"]
        self.resets = values["resets"]
        self.resets_per_second = values["resets_per_second"]
        self.glitches = values["glitches"]
        self.glitches_per_second = values["glitches_per_second"]
        self.half_open_ms = values["half_open_ms"]
        self.half_open_streams = values["half_open_streams"]
        self.unsent_bytes = values["unsent_bytes"]
        self.outbound_frames = values["outbound_frames"]
        self.queued_calls = values["queued_calls"]
        self.connections = values["connections"]

    cdef void count(self, int limit) noexcept:
        self.counts[limit] += 1

    def applied(self, str name):
        """Counts a limit that Python code has applied."""
        self.count(NAMES.index(name))

    def snapshot(self):
        """{name: how often it was applied}."""
        return {NAMES[limit]: self.counts[limit] for limit in range(1, LIMITS)}
