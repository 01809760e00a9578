# cython: auto_pickle=False
"""One HTTP/2 server connection that speaks gRPC, without I/O: bytes in, bytes and events out.

Theory of operation. `receive` feeds bytes to nghttp2 and returns the events that they caused;
`take` returns the bytes that are to be sent. Between the two the owner answers streams
(`respond`, `send_headers`, `send_message`, `finish`, `reset`), which only queues. nghttp2 does
framing and HPACK, `_stream` the messages.

`route(path)` decides what a stream is: a local method, whose messages are read and written here; a
Forwarder, who has it carried on to somewhere else as it is; or nothing (None).

Rules:
* All methods belong to one thread, and none may be called from within another of the connection.
* Every byte of DATA is given back to the connection's window when it arrives, and to its stream's
  window when its message is taken, so that a slow reader holds back its own stream and no other.
  What a carrier has not got rid of stays taken from both: so much waits for each client at most.
* An exception inside a callback of nghttp2 is kept and raised by the method that was called.
* What the peer may not do is the `limits`; once it has gone beyond one, `verdict` names it, and its
  owner is to `calm` the peer and to close.
"""

cimport cython
cimport nghttp2 as h2
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from tercet.rpc._carrier cimport Forwarder
from tercet.rpc._fields cimport fields_keep
from tercet.rpc._limits cimport (
    HALF_OPEN_STREAMS,
    HEADER_BLOCK,
    MESSAGE_SIZE,
    METADATA_FIELDS,
    METADATA_SIZE,
    PROTOCOL_ERRORS,
    REFUSED_STREAMS,
    REQUEST_TIMEOUT,
    Limits,
    name_of,
)
from tercet.rpc._meter cimport Meter
from tercet.rpc._session cimport (
    FILL_AT_MOST,
    FRAME_HEADER,
    Session,
    check,
    memory,
    new_nvs,
    set_constant_nv,
)
from tercet.rpc._stream cimport Stream

# Events of receive(): a call to begin, something to read, or the end of a stream that nobody had
# finished.
BEGIN = BEGUN
READABLE = READ
CLOSED = ENDED

cdef enum:
    # Bytes of unsent messages above which a writer waits.
    SEND_HIGH_WATER = 65536
    # Of the metadata or status message that a handler gives: nghttp2's own limit is 64 KiB.
    MOST_TRAILERS = 16 << 20
    # Of nghttp2's own limits by rate.
    UNLIMITED = 1 << 30
    INTERNAL_ERROR = 2
    REFUSED_STREAM = 7
    CANCEL = 8
    RESOURCE_EXHAUSTED = 8
    # A header block that is so many times too large, or has so many times too many fields, is no
    # accident: it ends its connection (HPACK: CVE-2016-6581; one octet for each field: "HTTP/2
    # bomb", CVE-2026-49975). One that is less so is answered, since its client may not know better.
    OUTRAGE = 4
    # Octets a second below which a request makes no progress (Apache's mod_reqtimeout, MinRate).
    LEAST_RATE = 500

cdef bytes STATUS_200 = b"200"
cdef bytes CONTENT_TYPE = b"application/grpc"


class ProtocolError(Exception):
    """The peer broke HTTP/2; what `take` returns next tells it, then the connection must close."""


@cython.final
cdef class Connection(Session):
    """A server's end.

    Args:
        route: Called with the :path of each request that is not in `known`; its answer has the
            attribute `whole` (does the call begin when its request is whole?), or is a Forwarder.
            None: there is no such method.
        known: What is known of paths beforehand; connections may share one.
        limits: What the peer may do; connections may share it.
        window: Bytes of a stream's receive window.
    """

    def __cinit__(self, route, *, dict known=None, Limits limits=None, int32_t window=1 << 20):
        cdef h2.nghttp2_settings_entry[3] settings
        self.route = route
        self.known = {} if known is None else known
        self.limits = Limits() if limits is None else limits
        self.meter = Meter(self.limits)
        self.events = []
        self.writable = []
        self.crowded = -1
        self.owner = None
        open_session(&self.session, <void*> self, self.limits)
        settings[0].settings_id = h2.NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
        settings[0].value = <uint32_t> min(self.limits.max_streams, 0xFFFFFFFF)
        settings[1].settings_id = h2.NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
        settings[1].value = window
        settings[2].settings_id = h2.NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE
        settings[2].value = <uint32_t> min(self.limits.metadata_size, 0xFFFFFFFF)
        check(h2.nghttp2_submit_settings(self.session, h2.NGHTTP2_FLAG_NONE, settings, 3))
        check(h2.nghttp2_session_set_local_window_size(
            self.session, h2.NGHTTP2_FLAG_NONE, 0, 64 << 20))

    cpdef list receive(self, data, Py_ssize_t size=-1, Py_ssize_t start=0):
        """Feeds bytes, those of a buffer from `start` to `size`; returns a list of (event, stream).

        It may stop before, at `taken`, to give other connections their turn.

        Raises:
            ProtocolError: The peer broke the protocol.
        """
        cdef Py_buffer view
        cdef const uint8_t* at
        cdef ssize_t done
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            at = <const uint8_t*> view.buf + start
            size = self.meter.scan(self, at, (view.len if size < 0 else size) - start)
            self.taken = start + size
            done = h2.nghttp2_session_mem_recv(self.session, at, size)
        finally:
            PyBuffer_Release(&view)
        self.raise_kept()
        self.give_back_kept()
        if done < 0 and not self.meter.verdict:
            self.limits.count(PROTOCOL_ERRORS)
            raise ProtocolError(h2.nghttp2_strerror(<int> done).decode())
        return self.caused()

    cpdef bytes take(self):
        """The bytes to send now, at most about 256 KiB; b"" if there are none.

        Streams whose writers may go on are in `writable` afterwards, and what else it has caused is
        told by `caused`.
        """
        sink = bytearray()
        size = self.fill(sink)
        return bytes(sink[:size])

    cpdef list caused(self):
        """The events of bytes that are sent: a stream that is reset is closed when its frame is."""
        events = self.events
        if events:
            self.events = []
        return events

    cdef Py_ssize_t fill(self, bytearray sink) except -1:
        if self.writable:
            self.writable = []
        return Session.fill(self, sink)

    @property
    def verdict(self):
        """The name of the limit beyond which the peer has gone, or ""."""
        return name_of(self.meter.verdict)

    @property
    def greeted(self):
        """Whether the peer's first SETTINGS have come."""
        return self.meter.greeted

    @property
    def block(self):
        """Which header block it is that has begun and not ended; 0 if there is none."""
        return self.meter.blocks if self.meter.in_block else 0

    def passed(self, double now):
        """Time has passed, in which the peer may do more; seconds of a monotonic clock."""
        self.meter.refill(now)

    def trust(self):
        """The peer speaks for many clients: limits by rate are not for it."""
        self.meter.trusted = True

    def reset_overdue(self, double now, double timeout):
        """Ends the requests that have made no progress for so long, and those that are too many."""
        cdef Stream stream = self.latest
        cdef Py_ssize_t excess = 0
        if self.too_many_half_open(now):
            excess = self.half_open - self.limits.half_open_streams
        while stream is not None:
            if (stream.expected or not stream.begun) and not stream.closed:
                if stream.given_up:
                    excess -= 1
                elif excess > 0:
                    excess -= 1
                    stream.given_up = True
                    self.limits.count(HALF_OPEN_STREAMS)
                    self.reset(stream, CANCEL if stream.begun else REFUSED_STREAM)
                elif stream.since == 0 or (
                    stream.arrived - stream.seen > LEAST_RATE * (now - stream.since)
                ):
                    stream.since = now
                    stream.seen = stream.arrived
                elif now >= stream.since + timeout:
                    # It is closed when the client is told, which may take it long to read.
                    stream.given_up = True
                    self.limits.count(REQUEST_TIMEOUT)
                    self.reset(stream, CANCEL)
            stream = stream.before

    cdef bint too_many_half_open(self, double now) noexcept:
        """Whether more requests than may be so are not whole, and it is no burst."""
        if self.half_open < self.limits.half_open_streams or self.meter.trusted:
            self.crowded = -1
        elif self.crowded < 0:
            self.crowded = now
        return 0 <= self.crowded <= now - self.limits.half_open_ms / 1e3

    def expect(self, Stream stream):
        """Its call has begun and cannot go on: it waits for the message that its request is.

        Calls that interceptors see begin when their headers have come. Such a request is half open
        like any other that is not whole.
        """
        if not (stream.expected or stream.half_closed or stream.closed):
            stream.expected = True
            self.half_open += 1

    cdef void met(self, Stream stream) noexcept:
        """What was expected has come, or never will."""
        if stream.expected:
            stream.expected = False
            self.half_open -= 1

    def streams_begun(self):
        """The streams that are open and had been told of by BEGIN, the latest first."""
        cdef Stream stream = self.latest
        begun = []
        while stream is not None:
            if stream.begun and not stream.closed:
                begun.append(stream)
            stream = stream.before
        return begun

    cpdef respond(self, Stream stream, message, list trailers=None):
        """Answers a unary call: headers, one message, status OK."""
        cdef h2.nghttp2_nv[2] nvs
        cdef h2.nghttp2_data_provider provider
        if stream.closed:
            return
        self.queue(stream, message)
        stream.ending = True
        self.settled += stream.unsent
        stream.trailers = trailers
        if stream.headers_sent:
            self.resume(stream)
            return
        stream.headers_sent = True
        set_constant_nv(&nvs[0], b":status", STATUS_200)
        set_constant_nv(&nvs[1], b"content-type", CONTENT_TYPE)
        provider.source.ptr = <void*> stream
        provider.read_callback = on_read
        check(h2.nghttp2_submit_response(self.session, stream.id, nvs, 2, &provider))

    cpdef send_headers(self, Stream stream, list metadata):
        """Sends the response headers with some metadata."""
        cdef h2.nghttp2_data_provider provider
        if stream.closed or stream.headers_sent:
            return
        stream.headers_sent = True
        provider.source.ptr = <void*> stream
        provider.read_callback = on_read
        metadata = [(b":status", STATUS_200), (b"content-type", CONTENT_TYPE), *metadata]
        self.submit(stream, metadata, &provider)

    cpdef bint send_message(self, Stream stream, message) except *:
        """Queues a message; False if the writer should wait until the stream is writable."""
        if stream.closed:
            return True
        self.queue(stream, message)
        self.resume(stream)
        return stream.unsent < SEND_HIGH_WATER

    cpdef finish(self, Stream stream, list trailers):
        """Ends the call with trailers, grpc-status among them; one HEADERS frame if none was sent."""
        if stream.closed or stream.ending:
            return
        stream.ending = True
        self.settled += stream.unsent
        stream.trailers = trailers
        if stream.headers_sent:
            self.resume(stream)
        else:
            stream.headers_sent = True
            trailers = [(b":status", STATUS_200), (b"content-type", CONTENT_TYPE), *trailers]
            self.submit(stream, trailers, NULL)

    def refuse(self, Stream stream, list fields):
        """Answers with an HTTP status: what was asked is not gRPC."""
        if not stream.closed and not stream.headers_sent:
            stream.ending = stream.headers_sent = True
            self.submit(stream, fields, NULL)

    def reset(self, Stream stream, uint32_t code):
        """Ends the stream with RST_STREAM."""
        if not stream.closed:
            check(h2.nghttp2_submit_rst_stream(
                self.session, h2.NGHTTP2_FLAG_NONE, stream.id, code))

    cpdef next_message(self, Stream stream):
        """The next message of the request, or None."""
        cdef bint sound = stream.refusal is None
        message = stream.next_message(self.limits.max_message)
        if sound and stream.refusal is not None:
            self.count_refusal(stream)
        if stream.withheld and stream.backlog is None and not stream.is_full() \
                and not stream.closed:
            check(h2.nghttp2_session_consume_stream(self.session, stream.id, stream.withheld))
            stream.withheld = 0
        return message

    def announce_shutdown(self):
        """Tells the client to open no more streams; those on their way are still taken."""
        check(h2.nghttp2_submit_shutdown_notice(self.session))

    def refuse_more(self):
        """GOAWAY with the last stream that was taken; later ones surely did not start."""
        check(h2.nghttp2_submit_goaway(
            self.session, h2.NGHTTP2_FLAG_NONE,
            h2.nghttp2_session_get_last_proc_stream_id(self.session), 0, NULL, 0))

    @property
    def last_stream(self):
        """The id of the latest stream that the client opened."""
        return h2.nghttp2_session_get_last_proc_stream_id(self.session)

    def ping(self):
        """Asks the client for a sign of life."""
        check(h2.nghttp2_submit_ping(self.session, h2.NGHTTP2_FLAG_NONE, NULL))

    def calm(self, bytes reason):
        """GOAWAY with ENHANCE_YOUR_CALM, the limit's name as its debug data."""
        check(h2.nghttp2_submit_goaway(
            self.session, h2.NGHTTP2_FLAG_NONE,
            h2.nghttp2_session_get_last_proc_stream_id(self.session),
            h2.NGHTTP2_ENHANCE_YOUR_CALM,
            <const uint8_t*> PyBytes_AS_STRING(reason), PyBytes_GET_SIZE(reason)))

    def terminate(self, uint32_t code=0):
        """GOAWAY, and nothing after it."""
        check(h2.nghttp2_session_terminate_session(self.session, code))

    def lost(self):
        """The transport is gone: closes all streams; returns those that nobody had finished."""
        cdef Stream stream
        left = [*self.streams_begun(),
                *(stream for event, stream in self.caused() if event == ENDED)]
        if self.kept is None:
            self.kept = []
        while self.latest is not None:
            stream = self.latest
            stream.closed = True
            stream.error_code = CANCEL
            self.kept.append(stream)
            self.delist(stream)
            if stream.carrier is not None:
                stream.carrier.closed(CANCEL)
                stream.carrier = None
        return left

    def stop_carrying(self):
        """Has every stream that is carried on answered now: the server ends."""
        cdef Stream stream
        for stream in self.streams_begun():
            if stream.carrier is not None and not stream.closed:
                stream.carrier.stop()

    # -- for carriers -------------------------------------------------------------------------

    cdef int consume(self, Stream stream, Py_ssize_t size) except -1:
        """So many bytes of a carried stream have gone on: the client may send more."""
        check(h2.nghttp2_session_consume_connection(self.session, size))
        if not stream.closed:
            check(h2.nghttp2_session_consume_stream(self.session, stream.id, size))
        return 0

    cdef int answer(
        self, Stream stream, h2.nghttp2_nv* nvs, size_t count, bint alone
    ) except -1:
        """Sends response headers, whose names and values the carrier keeps until they are sent.

        Args:
            alone: They are trailers at the same time ("Trailers-Only").
        """
        cdef h2.nghttp2_data_provider provider
        if stream.closed or stream.headers_sent:
            return 0
        stream.headers_sent = True
        stream.ending = alone
        provider.source.ptr = <void*> stream
        provider.read_callback = on_read
        check(h2.nghttp2_submit_response(
            self.session, stream.id, nvs, count, NULL if alone else &provider))
        return 0

    cdef int carried(self, Stream stream, Py_ssize_t size) except -1:
        """The carrier has so many bytes more, or fewer, for the client."""
        stream.unsent += size
        self.unsent += size
        # A proxy holds it for the client, whoever is to write more of it: who takes nothing of it is
        # stalled, as with answers that are finished (Envoy's stream_idle_timeout).
        self.settled += size
        return self.resume(stream)

    cdef int carried_all(self, Stream stream) except -1:
        """The carrier has the end of the answer."""
        stream.ending = True
        return self.resume(stream)

    cdef int cut_off(self, Stream stream, list trailers) except -1:
        """Ends an answer whose headers are sent with trailers, before any DATA that may come.

        nghttp2 asks for no DATA while the client's window is closed, and so would not be told that
        there is none.
        """
        cdef h2.nghttp2_nv* nvs
        if stream.closed or stream.ending:
            return 0
        stream.ending = True
        nvs = new_nvs(trailers)
        try:
            check(h2.nghttp2_submit_trailer(self.session, stream.id, nvs, len(trailers)))
        finally:
            PyMem_Free(nvs)
        return 0

    # -----------------------------------------------------------------------------------------

    cdef int queue(self, Stream stream, piece) except -1:
        cdef Py_ssize_t before = stream.unsent
        stream.queue(piece)
        self.unsent += stream.unsent - before
        return 0

    cdef int resume(self, Stream stream) except -1:
        if stream.deferred:
            stream.deferred = False
            check(h2.nghttp2_session_resume_data(self.session, stream.id))
        return 0

    cdef int submit(self, Stream stream, list pairs, h2.nghttp2_data_provider* provider) except -1:
        cdef h2.nghttp2_nv* nvs = new_nvs(pairs)
        try:
            check(h2.nghttp2_submit_response(self.session, stream.id, nvs, len(pairs), provider))
        finally:
            PyMem_Free(nvs)
        return 0

    cdef int begin(self, Stream stream) except -1:
        if not stream.begun:
            stream.begun = True
            self.half_open -= 1
            self.events.append((BEGUN, stream))
        return 0

    cdef int on_request(self, Stream stream) except -1:
        """The headers of a request are complete."""
        if stream.path is None:
            # CONNECT has none.
            stream.whole = True
            return 0
        if stream.path is not self.last_path or self.last_handler is None:
            handler = self.known.get(stream.path)
            if handler is None:
                handler = self.route(stream.path)
                if isinstance(handler, Forwarder):
                    # It is good for this stream alone.
                    return self.carry(stream, handler)
            self.last_path = stream.path
            self.last_handler = handler
            self.last_whole = handler is None or handler.whole
            self.last_forwarded = isinstance(handler, Forwarder)
        stream.handler = self.last_handler
        stream.whole = self.last_whole
        if self.last_forwarded:
            return self.carry(stream, self.last_handler)
        return 0

    cdef int carry(self, Stream stream, handler) except -1:
        stream.handler = handler
        stream.whole = False
        stream.begun = True
        self.half_open -= 1
        stream.carrier = (<Forwarder> handler).carry(self, stream)
        return 0

    cdef int on_chunk(self, Stream stream, const uint8_t* data, Py_ssize_t size) except -1:
        cdef bint sound = stream.refusal is None
        cdef bint arrived
        stream.arrived += size
        if stream.carrier is not None:
            return stream.carrier.data(data, size)
        arrived = stream.accept(data, size, self.limits.max_message)
        if stream.whole and (
            stream.others or stream.backlog is not None or (arrived and stream.handler is None)
        ):
            # More messages than the method takes: it is told of the first, and they wait. And a
            # method that is not there may be one whose caller waits before it sends more.
            stream.whole = False
            self.begin(stream)
        if (stream.is_full() or stream.backlog is not None) and not stream.whole:
            stream.withheld += size
        else:
            check(h2.nghttp2_session_consume_stream(self.session, stream.id, size))
        if stream.refusal is not None:
            if sound:
                self.count_refusal(stream)
            self.begin(stream)
        if stream.begun and (arrived or stream.refusal is not None):
            self.met(stream)
            self.events.append((READ, stream))
        return 0

    cdef int closed(self, Stream stream) except -1:
        stream.closed = True
        self.unsent -= stream.unsent
        if stream.ending or stream.carrier is not None:
            self.settled -= stream.unsent
        self.met(stream)
        if not stream.begun:
            self.half_open -= 1
        elif stream.ending and not stream.unsent and stream.error_code == h2.NGHTTP2_NO_ERROR:
            self.meter.answered()
        if stream.carrier is not None:
            stream.carrier.closed(stream.error_code)
            stream.carrier = None
        elif stream.begun and (not stream.ending or stream.unsent):
            self.events.append((ENDED, stream))
        return 0

    cdef bint count_field(self, size_t size) noexcept:
        """Counts a field of so many octets; False if the block has gone too far."""
        # RFC 9113, section 10.5.1: the size of a field is that of its name and value and 32.
        self.block_size += size + 32
        self.block_fields += 1
        if self.meter.trusted or (
            self.block_size <= OUTRAGE * self.limits.metadata_size
            and self.block_fields <= OUTRAGE * self.limits.metadata_fields
        ):
            return True
        self.meter.end(HEADER_BLOCK)
        return False

    cdef void count_refusal(self, Stream stream):
        if stream.refusal[0] == RESOURCE_EXHAUSTED:
            self.limits.count(MESSAGE_SIZE)

    cdef int enlist(self, Stream stream) except -1:
        stream.before = self.latest
        if self.latest is not None:
            self.latest.after = stream
        self.latest = stream
        self.open_streams += 1
        self.half_open += 1
        return 0

    cdef int delist(self, Stream stream) except -1:
        if stream.after is None:
            self.latest = stream.before
        else:
            stream.after.before = stream.before
        if stream.before is not None:
            stream.before.after = stream.after
        stream.before = stream.after = None
        self.open_streams -= 1
        return 0


cdef int open_session(h2.nghttp2_session** session, void* user, Limits limits) except -1:
    cdef h2.nghttp2_session_callbacks* callbacks
    cdef h2.nghttp2_option* option
    check(h2.nghttp2_session_callbacks_new(&callbacks))
    try:
        h2.nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers)
        h2.nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header)
        h2.nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid)
        h2.nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame)
        h2.nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent)
        h2.nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent)
        h2.nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
            callbacks, on_invalid_frame)
        h2.nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data)
        h2.nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close)
        h2.nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data)
        check(h2.nghttp2_option_new(&option))
        try:
            h2.nghttp2_option_set_no_auto_window_update(option, 1)
            h2.nghttp2_option_set_no_closed_streams(option, 1)
            h2.nghttp2_option_set_max_send_header_block_length(option, MOST_TRAILERS)
            # These are ours: the meter knows what is in order, and who does not read is not read.
            h2.nghttp2_option_set_max_outbound_ack(option, UNLIMITED)
            h2.nghttp2_option_set_stream_reset_rate_limit(option, UNLIMITED, UNLIMITED)
            h2.nghttp2_option_set_max_continuations(option, limits.continuations)
            check(h2.nghttp2_session_server_new3(session, callbacks, user, option, memory()))
        finally:
            h2.nghttp2_option_del(option)
    finally:
        h2.nghttp2_session_callbacks_del(callbacks)
    return 0


cdef int on_begin_headers(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef Stream stream
    self.block_size = self.block_fields = 0
    if frame.headers.cat != h2.NGHTTP2_HCAT_REQUEST:
        return 0
    try:
        if self.too_many_half_open(self.meter.filled):
            self.limits.count(HALF_OPEN_STREAMS)
            self.meter.glitch(REFUSED_STREAMS)
            check(h2.nghttp2_submit_rst_stream(
                session, h2.NGHTTP2_FLAG_NONE, frame.hd.stream_id, REFUSED_STREAM))
            return 0
        stream = Stream(frame.hd.stream_id)
        stream.opened = self.meter.filled
        self.enlist(stream)
        h2.nghttp2_session_set_stream_user_data(session, stream.id, <void*> stream)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_header(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, h2.nghttp2_rcbuf* name,
    h2.nghttp2_rcbuf* value, uint8_t flags, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found = self.find(frame.hd.stream_id)
    cdef h2.nghttp2_vec key, content
    cdef Stream stream
    key = h2.nghttp2_rcbuf_get_buf(name)
    content = h2.nghttp2_rcbuf_get_buf(value)
    if not self.count_field(key.len + content.len):
        # What comes after it is not even decoded.
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    # A gRPC client sends no trailers.
    if found == NULL or frame.headers.cat != h2.NGHTTP2_HCAT_REQUEST:
        return 0
    stream = <Stream> found
    try:
        if key.len == 5 and memcmp(key.base, b":path", 5) == 0:
            if self.last_path is not None \
                    and <size_t> PyBytes_GET_SIZE(self.last_path) == content.len \
                    and memcmp(PyBytes_AS_STRING(self.last_path), content.base, content.len) == 0:
                stream.path = self.last_path
            else:
                stream.path = (<char*> content.base)[:content.len]
        if stream.refusal is not None:
            return 0
        if self.block_size > self.limits.metadata_size:
            self.limits.count(METADATA_SIZE)
            stream.refusal = (RESOURCE_EXHAUSTED, b"received metadata size exceeds limit")
        elif self.block_fields > self.limits.metadata_fields:
            self.limits.count(METADATA_FIELDS)
            stream.refusal = (RESOURCE_EXHAUSTED, b"received metadata has too many fields (max %d)"
                              % self.limits.metadata_fields)
        elif not (key.len == 5 and memcmp(key.base, b":path", 5) == 0):
            fields_keep(&stream.fields, name, value, flags)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_invalid(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, h2.nghttp2_rcbuf* name,
    h2.nghttp2_rcbuf* value, uint8_t flags, void* user
) noexcept:
    """A field that nghttp2 leaves out, such as one without a name, has been decoded too."""
    if not (<Connection> user).count_field(
        h2.nghttp2_rcbuf_get_buf(name).len + h2.nghttp2_rcbuf_get_buf(value).len
    ):
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_frame(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found
    cdef Stream stream
    if frame.hd.type == h2.NGHTTP2_DATA and not frame.hd.flags & h2.NGHTTP2_FLAG_END_STREAM:
        return 0
    if frame.hd.type != h2.NGHTTP2_DATA and frame.hd.type != h2.NGHTTP2_HEADERS:
        if frame.hd.type == h2.NGHTTP2_PING and not frame.hd.flags & h2.NGHTTP2_FLAG_ACK:
            self.pings += 1
        return 0
    found = self.find(frame.hd.stream_id)
    if found == NULL:
        return 0
    stream = <Stream> found
    try:
        if frame.hd.type == h2.NGHTTP2_HEADERS and frame.headers.cat == h2.NGHTTP2_HCAT_REQUEST:
            self.on_request(stream)
            if not stream.whole:
                self.begin(stream)
        if frame.hd.flags & h2.NGHTTP2_FLAG_END_STREAM:
            stream.end()
            if stream.carrier is not None:
                stream.carrier.ended()
            elif stream.begun:
                self.met(stream)
                self.events.append((READ, stream))
            else:
                self.begin(stream)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_invalid_frame(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, int code, void* user
) noexcept:
    """nghttp2 is about to reset the stream. Its call is over now, and not when that has been sent.

    Else what has come with it would have begun by then ("MadeYouReset", CVE-2025-8671): a gateway
    would have given it to an endpoint.
    """
    cdef Connection self = <Connection> user
    cdef void* found = self.find(frame.hd.stream_id)
    try:
        if found != NULL and not (<Stream> found).closed:
            (<Stream> found).error_code = h2.NGHTTP2_PROTOCOL_ERROR
            self.closed(<Stream> found)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_sent(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found
    cdef uint32_t code
    if frame.hd.type == h2.NGHTTP2_HEADERS or frame.hd.type == h2.NGHTTP2_DATA:
        self.spoke = True
        self.meter.spoke()
    elif frame.hd.type == h2.NGHTTP2_WINDOW_UPDATE:
        # It answers what the client has sent, which may have been pings as well.
        self.spoke = True
    elif frame.hd.type == h2.NGHTTP2_RST_STREAM:
        code = frame.rst_stream.error_code
        if code in (h2.NGHTTP2_PROTOCOL_ERROR, h2.NGHTTP2_FLOW_CONTROL_ERROR,
                    h2.NGHTTP2_STREAM_CLOSED, h2.NGHTTP2_FRAME_SIZE_ERROR):
            # The client made us do it ("MadeYouReset", CVE-2025-8671).
            self.meter.reset()
    elif frame.hd.type == h2.NGHTTP2_GOAWAY:
        code = frame.goaway.error_code
        if code not in (h2.NGHTTP2_NO_ERROR, h2.NGHTTP2_ENHANCE_YOUR_CALM):
            # nghttp2's own.
            self.limits.count(PROTOCOL_ERRORS)
    # Answered before the request has ended: the client need not go on (RFC 9113, section 8.1).
    if frame.hd.type == h2.NGHTTP2_HEADERS and frame.hd.flags & h2.NGHTTP2_FLAG_END_STREAM:
        found = self.find(frame.hd.stream_id)
        if found != NULL and not (<Stream> found).half_closed:
            if h2.nghttp2_submit_rst_stream(
                session, h2.NGHTTP2_FLAG_NONE, frame.hd.stream_id, h2.NGHTTP2_NO_ERROR
            ) != 0:
                return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_not_sent(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, int code, void* user
) noexcept:
    """Fields that cannot be sent end their stream, or its client would wait for ever."""
    # One that the client has reset is over (RFC 9113, section 5.4.2).
    if frame.hd.type == h2.NGHTTP2_HEADERS \
            and (<Connection> user).find(frame.hd.stream_id) != NULL:
        h2.nghttp2_submit_rst_stream(
            session, h2.NGHTTP2_FLAG_NONE, frame.hd.stream_id, INTERNAL_ERROR)
    return 0


cdef int on_data(
    h2.nghttp2_session* session, uint8_t flags, int32_t stream_id, const uint8_t* data,
    size_t size, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found = self.find(stream_id)
    try:
        if found == NULL or (<Stream> found).carrier is None:
            self.owed += size
        if found != NULL:
            self.on_chunk(<Stream> found, data, size)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_close(
    h2.nghttp2_session* session, int32_t stream_id, uint32_t code, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found = self.find(stream_id)
    cdef Stream stream
    try:
        if found != NULL:
            stream = <Stream> found
            if not stream.closed:
                stream.error_code = code
                self.closed(stream)
            self.delist(stream)
            self.forget()
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef ssize_t on_read(
    h2.nghttp2_session* session, int32_t stream_id, uint8_t* buffer, size_t room,
    uint32_t* flags, h2.nghttp2_data_source* source, void* user
) noexcept:
    """How much of a stream's messages the next DATA frame takes; on_send_data writes it."""
    cdef Connection self = <Connection> user
    cdef Stream stream = <Stream> source.ptr
    cdef Py_ssize_t size = min(<Py_ssize_t> room, stream.unsent)
    cdef h2.nghttp2_nv ok
    cdef h2.nghttp2_nv* nvs
    if stream.closed:
        # It is about to be reset.
        return h2.NGHTTP2_ERR_DEFERRED
    try:
        if stream.carrier is not None:
            return read_carried(session, stream, room, flags)
        if size == 0 and not stream.ending:
            stream.deferred = True
            return h2.NGHTTP2_ERR_DEFERRED
        if size > 0:
            flags[0] |= h2.NGHTTP2_DATA_FLAG_NO_COPY
        if size == stream.unsent and stream.ending:
            flags[0] |= h2.NGHTTP2_DATA_FLAG_EOF | h2.NGHTTP2_DATA_FLAG_NO_END_STREAM
            if stream.trailers is None:
                set_constant_nv(&ok, b"grpc-status", b"0")
                check(h2.nghttp2_submit_trailer(session, stream_id, &ok, 1))
            else:
                nvs = new_nvs(stream.trailers)
                try:
                    check(h2.nghttp2_submit_trailer(
                        session, stream_id, nvs, len(stream.trailers)))
                finally:
                    PyMem_Free(nvs)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return size


cdef ssize_t read_carried(
    h2.nghttp2_session* session, Stream stream, size_t room, uint32_t* flags
) except? -1:
    cdef Py_ssize_t held = stream.carrier.available()
    cdef Py_ssize_t size = min(<Py_ssize_t> room, held)
    cdef bint last = stream.carrier.is_last()
    if size == 0 and not last:
        stream.deferred = True
        return h2.NGHTTP2_ERR_DEFERRED
    if size > 0:
        flags[0] |= h2.NGHTTP2_DATA_FLAG_NO_COPY
    if size == held and last:
        flags[0] |= h2.NGHTTP2_DATA_FLAG_EOF
        if stream.carrier.submit_trailers(session, stream.id):
            flags[0] |= h2.NGHTTP2_DATA_FLAG_NO_END_STREAM
    return size


cdef int on_send_data(
    h2.nghttp2_session* session, h2.nghttp2_frame* frame, const uint8_t* header, size_t size,
    h2.nghttp2_data_source* source, void* user
) noexcept:
    """Writes a DATA frame straight from the messages: each byte is copied once."""
    cdef Connection self = <Connection> user
    cdef Stream stream = <Stream> source.ptr
    cdef uint8_t* to
    try:
        to = self.put(FRAME_HEADER + size)
        memcpy(to, header, FRAME_HEADER)
        if stream.carrier is not None:
            stream.unsent -= size
            stream.carrier.copy_out(to + FRAME_HEADER, size)
        else:
            if stream.unsent >= SEND_HIGH_WATER > stream.unsent - <Py_ssize_t> size:
                self.writable.append(stream)
            stream.copy_out(to + FRAME_HEADER, size)
        self.unsent -= size
        if stream.ending or stream.carrier is not None:
            self.settled -= size
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    # Sent; but nothing more in this fill().
    return h2.NGHTTP2_ERR_PAUSE if self.filled >= FILL_AT_MOST else 0
