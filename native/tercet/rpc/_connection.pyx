# cython: auto_pickle=False
"""One HTTP/2 server connection that speaks gRPC, without I/O: bytes in, bytes and events out.

Theory of operation. `receive` feeds bytes to nghttp2 and returns the events that they caused;
`take` returns the bytes that are to be sent. Between the two the owner answers streams
(`respond`, `send_headers`, `send_message`, `finish`, `reset`), which only queues. nghttp2 does
framing and HPACK; the five-byte message prefix of gRPC is read and written here.

Rules:
* All methods belong to one thread, and none may be called from within another of the connection.
* Every byte of DATA is given back to the connection's window when it arrives, and to its stream's
  window when its message is taken, so that a slow reader holds back its own stream and no other.
* An exception inside a callback of nghttp2 is kept and raised by the method that was called.
"""

from collections import deque

cimport cython
cimport nghttp2 as h2
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy, memcmp

# Events of receive(): a call to begin, something to read, or the end of a stream that nobody had
# finished.
BEGIN = 0
READABLE = 1
CLOSED = 2

cdef enum:
    _BEGIN = 0
    _READABLE = 1
    _CLOSED = 2
    PREFIX = 5
    # Unread bytes of whole messages above which a stream's window is no longer opened.
    HIGH_WATER = 65536
    # Bytes of unsent messages above which a writer waits.
    SEND_HIGH_WATER = 65536
    TAKE_AT_MOST = 1 << 20

cdef bytes STATUS_200 = b"200"
cdef bytes CONTENT_TYPE = b"application/grpc"


class ProtocolError(Exception):
    """The peer broke HTTP/2; what `take` returns next tells it, then the connection must close."""


cdef inline void set_nv(h2.nghttp2_nv* nv, bytes name, bytes value):
    nv.name = <uint8_t*> PyBytes_AS_STRING(name)
    nv.namelen = PyBytes_GET_SIZE(name)
    nv.value = <uint8_t*> PyBytes_AS_STRING(value)
    nv.valuelen = PyBytes_GET_SIZE(value)
    nv.flags = h2.NGHTTP2_NV_FLAG_NONE


@cython.final
cdef class Stream:
    """One call. Made by its connection."""

    cdef readonly int id
    cdef readonly bytes path
    cdef readonly list headers
    cdef readonly object handler
    # The client sends no more.
    cdef readonly bint half_closed
    cdef readonly bint closed
    cdef readonly bint headers_sent
    # HTTP/2 error code with which the stream was closed; meaningful once `closed`.
    cdef readonly uint32_t error_code
    # Why the request cannot be read on: (grpc status, message), or None.
    cdef readonly object refusal
    cdef readonly object messages

    cdef bint begun
    cdef bint whole
    cdef Py_ssize_t metadata_size
    cdef uint8_t[5] prefix
    cdef int prefix_have
    cdef bytes partial
    cdef Py_ssize_t partial_have
    cdef Py_ssize_t partial_size
    cdef Py_ssize_t unread
    cdef Py_ssize_t withheld

    cdef object out
    cdef bytes out_head
    cdef Py_ssize_t out_offset
    cdef readonly Py_ssize_t unsent
    cdef bint deferred
    cdef bint ending
    cdef list trailers

    def __cinit__(self, int stream_id):
        self.id = stream_id
        self.headers = []
        self.messages = deque()
        self.out = deque()


@cython.final
cdef class Connection:
    """A server's end.

    Args:
        route: Called with the :path of each request; returns the handler of a local method, or
            None. `handler.whole` says whether the call begins when its request is whole.
        max_message: Largest message received, in bytes; -1 for no limit.
        max_streams: SETTINGS_MAX_CONCURRENT_STREAMS.
        window: Bytes of a stream's receive window.
    """

    cdef h2.nghttp2_session* session
    cdef object route
    cdef dict routes
    cdef Py_ssize_t max_message
    cdef Py_ssize_t max_metadata
    cdef dict streams
    cdef list events
    cdef readonly list writable
    cdef object error
    cdef readonly unsigned long long streams_begun

    def __cinit__(self, route, *, Py_ssize_t max_message=4 << 20, uint32_t max_streams=1 << 20,
                  int32_t window=1 << 20, Py_ssize_t max_metadata=16 << 10):
        cdef h2.nghttp2_session_callbacks* callbacks
        cdef h2.nghttp2_option* option
        cdef h2.nghttp2_settings_entry[3] settings
        self.route = route
        self.routes = {}
        self.max_message = max_message
        self.max_metadata = max_metadata
        self.streams = {}
        self.events = []
        self.writable = []
        check(h2.nghttp2_session_callbacks_new(&callbacks))
        h2.nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers)
        h2.nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header)
        h2.nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame)
        h2.nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent)
        h2.nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data)
        h2.nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close)
        check(h2.nghttp2_option_new(&option))
        h2.nghttp2_option_set_no_auto_window_update(option, 1)
        h2.nghttp2_option_set_no_closed_streams(option, 1)
        try:
            check(h2.nghttp2_session_server_new2(&self.session, callbacks, <void*> self, option))
        finally:
            h2.nghttp2_session_callbacks_del(callbacks)
            h2.nghttp2_option_del(option)
        settings[0].settings_id = h2.NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
        settings[0].value = max_streams
        settings[1].settings_id = h2.NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
        settings[1].value = window
        settings[2].settings_id = h2.NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE
        settings[2].value = <uint32_t> max_metadata
        check(h2.nghttp2_submit_settings(self.session, h2.NGHTTP2_FLAG_NONE, settings, 3))
        check(h2.nghttp2_session_set_local_window_size(
            self.session, h2.NGHTTP2_FLAG_NONE, 0, 64 << 20))

    def __dealloc__(self):
        if self.session:
            h2.nghttp2_session_del(self.session)

    def receive(self, const uint8_t[::1] data):
        """Feeds bytes; returns a list of (event, stream).

        Raises:
            ProtocolError: The peer broke the protocol.
        """
        cdef ssize_t done
        cdef list events
        if data.shape[0] == 0:
            return []
        done = h2.nghttp2_session_mem_recv(self.session, &data[0], data.shape[0])
        self.raise_kept()
        if done < 0:
            raise ProtocolError(h2.nghttp2_strerror(<int> done).decode())
        events = self.events
        if events:
            self.events = []
        return events

    def take(self):
        """The bytes to send now, at most about 1 MiB; b"" if there are none.

        Streams whose writers may go on are in `writable` afterwards.
        """
        cdef const uint8_t* piece
        cdef ssize_t size
        cdef bytearray taken = bytearray()
        self.writable = []
        while len(taken) < TAKE_AT_MOST:
            size = h2.nghttp2_session_mem_send(self.session, &piece)
            self.raise_kept()
            if size < 0:
                check(<int> size)
            if size == 0:
                break
            taken += piece[:size]
        return taken

    @property
    def wants_write(self):
        return bool(h2.nghttp2_session_want_write(self.session))

    @property
    def ended(self):
        """Whether the connection is over and may be closed."""
        return not (h2.nghttp2_session_want_read(self.session)
                    or h2.nghttp2_session_want_write(self.session))

    @property
    def open_streams(self):
        return len(self.streams)

    def respond(self, Stream stream, bytes message, list trailers=None):
        """Answers a unary call: headers, one message, status OK."""
        cdef h2.nghttp2_nv[2] nvs
        cdef h2.nghttp2_data_provider provider
        if stream.closed:
            return
        self.queue(stream, message)
        stream.ending = True
        stream.trailers = trailers
        if stream.headers_sent:
            self.resume(stream)
            return
        stream.headers_sent = True
        set_nv(&nvs[0], b":status", STATUS_200)
        set_nv(&nvs[1], b"content-type", CONTENT_TYPE)
        provider.source.ptr = <void*> stream
        provider.read_callback = on_read
        check(h2.nghttp2_submit_response(self.session, stream.id, nvs, 2, &provider))

    def send_headers(self, Stream stream, list metadata):
        """Sends the response headers with some metadata."""
        cdef h2.nghttp2_data_provider provider
        if stream.closed or stream.headers_sent:
            return
        stream.headers_sent = True
        provider.source.ptr = <void*> stream
        provider.read_callback = on_read
        self.submit(stream, [(b":status", STATUS_200), (b"content-type", CONTENT_TYPE), *metadata],
                    &provider)

    def send_message(self, Stream stream, bytes message):
        """Queues a message; False if the writer should wait until the stream is writable."""
        if stream.closed:
            return True
        self.queue(stream, message)
        self.resume(stream)
        return stream.unsent < SEND_HIGH_WATER

    def finish(self, Stream stream, list trailers):
        """Ends the call with trailers, grpc-status among them; one HEADERS frame if none was sent."""
        if stream.closed or stream.ending:
            return
        stream.ending = True
        stream.trailers = trailers
        if stream.headers_sent:
            self.resume(stream)
        else:
            stream.headers_sent = True
            self.submit(
                stream,
                [(b":status", STATUS_200), (b"content-type", CONTENT_TYPE), *trailers],
                NULL,
            )

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

    def next_message(self, Stream stream):
        """The next message of the request, or None."""
        cdef bytes message
        if not stream.messages:
            return None
        message = stream.messages.popleft()
        stream.unread -= PyBytes_GET_SIZE(message)
        if stream.withheld and stream.unread < HIGH_WATER and not stream.closed:
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

    def terminate(self, uint32_t code=0):
        """GOAWAY, and nothing after it."""
        check(h2.nghttp2_session_terminate_session(self.session, code))

    def lost(self):
        """The transport is gone: closes all streams; returns those that nobody had finished."""
        cdef Stream stream
        left = []
        for stream in self.streams.values():
            stream.closed = True
            stream.error_code = 8
            if stream.begun:
                left.append(stream)
        self.streams = {}
        return left

    cdef raise_kept(self):
        if self.error is not None:
            error = self.error
            self.error = None
            raise error

    cdef void queue(self, Stream stream, bytes message):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(message)
        stream.out.append(message)
        stream.unsent += size + PREFIX

    cdef resume(self, Stream stream):
        if stream.deferred:
            stream.deferred = False
            check(h2.nghttp2_session_resume_data(self.session, stream.id))

    cdef submit(self, Stream stream, list pairs, h2.nghttp2_data_provider* provider):
        cdef Py_ssize_t count = len(pairs)
        cdef h2.nghttp2_nv* nvs = <h2.nghttp2_nv*> PyMem_Malloc(count * sizeof(h2.nghttp2_nv))
        if nvs == NULL:
            raise MemoryError
        try:
            fill(nvs, pairs)
            check(h2.nghttp2_submit_response(self.session, stream.id, nvs, count, provider))
        finally:
            PyMem_Free(nvs)

    cdef begin(self, Stream stream):
        if not stream.begun:
            stream.begun = True
            self.streams_begun += 1
            self.events.append((_BEGIN, stream))

    cdef int on_request(self, Stream stream) except -1:
        """The headers of a request are complete."""
        handler = self.routes.get(stream.path)
        if handler is None:
            handler = self.route(stream.path)
            if handler is not None:
                self.routes[stream.path] = handler
        stream.handler = handler
        stream.whole = handler is None or handler.whole
        return 0

    cdef int on_chunk(self, Stream stream, const uint8_t* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t step
        cdef Py_ssize_t given = size
        cdef bint arrived = False
        while size > 0 and stream.refusal is None:
            if stream.partial is None:
                step = min(size, PREFIX - stream.prefix_have)
                memcpy(stream.prefix + stream.prefix_have, data, step)
                stream.prefix_have += <int> step
                data += step
                size -= step
                if stream.prefix_have < PREFIX:
                    break
                stream.prefix_have = 0
                stream.partial_size = (
                    (<Py_ssize_t> stream.prefix[1] << 24) | (stream.prefix[2] << 16)
                    | (stream.prefix[3] << 8) | stream.prefix[4])
                if stream.prefix[0] != 0:
                    stream.refusal = (
                        (13, b"the message is compressed, but no grpc-encoding was given")
                        if stream.prefix[0] == 1 else (13, b"the message prefix has unknown flags"))
                    break
                if 0 <= self.max_message < stream.partial_size:
                    stream.refusal = (8, b"SERVER: Received message larger than max (%d vs. %d)"
                                      % (stream.partial_size, self.max_message))
                    break
                stream.partial = PyBytes_FromStringAndSize(NULL, stream.partial_size)
                stream.partial_have = 0
            step = min(size, stream.partial_size - stream.partial_have)
            memcpy(PyBytes_AS_STRING(stream.partial) + stream.partial_have, data, step)
            stream.partial_have += step
            data += step
            size -= step
            if stream.partial_have == stream.partial_size:
                stream.messages.append(stream.partial)
                stream.unread += stream.partial_size
                stream.partial = None
                arrived = True
        if stream.unread >= HIGH_WATER and not stream.whole:
            stream.withheld += given
        else:
            check(h2.nghttp2_session_consume_stream(self.session, stream.id, given))
        if stream.refusal is not None:
            self.begin(stream)
        if stream.begun and (arrived or stream.refusal is not None):
            self.events.append((_READABLE, stream))
        return 0


cdef int check(int code) except -1:
    if code < 0:
        raise RuntimeError(f"nghttp2: {h2.nghttp2_strerror(code).decode()}")
    return code


cdef void fill(h2.nghttp2_nv* nvs, list pairs):
    cdef Py_ssize_t index = 0
    for name, value in pairs:
        set_nv(&nvs[index], name, value)
        index += 1


cdef int on_begin_headers(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef Stream stream
    if frame.headers.cat != h2.NGHTTP2_HCAT_REQUEST:
        return 0
    try:
        stream = Stream(frame.hd.stream_id)
        self.streams[stream.id] = stream
        h2.nghttp2_session_set_stream_user_data(session, stream.id, <void*> stream)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_header(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, const uint8_t* name,
    size_t name_size, const uint8_t* value, size_t value_size, uint8_t flags, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found = h2.nghttp2_session_get_stream_user_data(session, frame.hd.stream_id)
    cdef Stream stream
    if found == NULL:
        return 0
    stream = <Stream> found
    try:
        # RFC 9113, section 10.5.1: the size of a field is that of its name and value and 32.
        stream.metadata_size += name_size + value_size + 32
        if stream.metadata_size > self.max_metadata:
            stream.refusal = (8, b"received metadata size exceeds limit")
            return 0
        if name_size == 5 and memcmp(name, b":path", 5) == 0:
            stream.path = (<char*> value)[:value_size]
        else:
            stream.headers.append(((<char*> name)[:name_size], (<char*> value)[:value_size]))
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_frame(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found
    cdef Stream stream
    if frame.hd.type != h2.NGHTTP2_DATA and frame.hd.type != h2.NGHTTP2_HEADERS:
        return 0
    found = h2.nghttp2_session_get_stream_user_data(session, frame.hd.stream_id)
    if found == NULL:
        return 0
    stream = <Stream> found
    try:
        if frame.hd.type == h2.NGHTTP2_HEADERS and not stream.half_closed and stream.handler is None \
                and frame.headers.cat == h2.NGHTTP2_HCAT_REQUEST:
            self.on_request(stream)
            if not stream.whole:
                self.begin(stream)
        if frame.hd.flags & h2.NGHTTP2_FLAG_END_STREAM:
            stream.half_closed = True
            if stream.partial is not None or stream.prefix_have:
                stream.refusal = (13, b"the request ended inside a message")
            if stream.begun:
                self.events.append((_READABLE, stream))
            else:
                self.begin(stream)
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_sent(
    h2.nghttp2_session* session, const h2.nghttp2_frame* frame, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found
    # Answered before the request has ended: the client need not go on (RFC 9113, section 8.1).
    if frame.hd.type == h2.NGHTTP2_HEADERS and frame.hd.flags & h2.NGHTTP2_FLAG_END_STREAM:
        found = h2.nghttp2_session_get_stream_user_data(session, frame.hd.stream_id)
        if found != NULL and not (<Stream> found).half_closed:
            if h2.nghttp2_submit_rst_stream(
                session, h2.NGHTTP2_FLAG_NONE, frame.hd.stream_id, h2.NGHTTP2_NO_ERROR
            ) != 0:
                return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef int on_data(
    h2.nghttp2_session* session, uint8_t flags, int32_t stream_id, const uint8_t* data,
    size_t size, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef void* found = h2.nghttp2_session_get_stream_user_data(session, stream_id)
    try:
        check(h2.nghttp2_session_consume_connection(session, size))
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
    cdef Stream stream
    try:
        stream = self.streams.pop(stream_id, None)
        if stream is not None:
            stream.closed = True
            stream.error_code = code
            if stream.begun:
                self.events.append((_CLOSED, stream))
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return 0


cdef ssize_t on_read(
    h2.nghttp2_session* session, int32_t stream_id, uint8_t* buffer, size_t room,
    uint32_t* flags, h2.nghttp2_data_source* source, void* user
) noexcept:
    cdef Connection self = <Connection> user
    cdef Stream stream = <Stream> source.ptr
    cdef Py_ssize_t put = 0
    cdef Py_ssize_t size, step
    cdef bytes message
    cdef h2.nghttp2_nv nv
    cdef h2.nghttp2_nv* nvs
    cdef int code
    try:
        while True:
            if stream.out_head is None:
                if not stream.out:
                    break
                if <Py_ssize_t> room - put < PREFIX:
                    break
                message = stream.out.popleft()
                size = PyBytes_GET_SIZE(message)
                buffer[put] = 0
                buffer[put + 1] = (size >> 24) & 0xFF
                buffer[put + 2] = (size >> 16) & 0xFF
                buffer[put + 3] = (size >> 8) & 0xFF
                buffer[put + 4] = size & 0xFF
                put += PREFIX
                stream.out_head = message
                stream.out_offset = 0
            size = PyBytes_GET_SIZE(stream.out_head)
            step = min(<Py_ssize_t> room - put, size - stream.out_offset)
            memcpy(buffer + put, PyBytes_AS_STRING(stream.out_head) + stream.out_offset, step)
            put += step
            stream.out_offset += step
            if stream.out_offset < size:
                break
            stream.out_head = None
        if put:
            if stream.unsent >= SEND_HIGH_WATER > stream.unsent - put:
                self.writable.append(stream)
            stream.unsent -= put
        if stream.out_head is None and not stream.out:
            if stream.ending:
                flags[0] |= h2.NGHTTP2_DATA_FLAG_EOF | h2.NGHTTP2_DATA_FLAG_NO_END_STREAM
                if stream.trailers is None:
                    set_nv(&nv, b"grpc-status", b"0")
                    code = h2.nghttp2_submit_trailer(session, stream_id, &nv, 1)
                else:
                    nvs = <h2.nghttp2_nv*> PyMem_Malloc(
                        len(stream.trailers) * sizeof(h2.nghttp2_nv))
                    if nvs == NULL:
                        raise MemoryError
                    fill(nvs, stream.trailers)
                    code = h2.nghttp2_submit_trailer(
                        session, stream_id, nvs, len(stream.trailers))
                    PyMem_Free(nvs)
                check(code)
            elif put == 0:
                stream.deferred = True
                return h2.NGHTTP2_ERR_DEFERRED
    except BaseException as error:
        self.error = error
        return h2.NGHTTP2_ERR_CALLBACK_FAILURE
    return put
