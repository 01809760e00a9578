# cython: auto_pickle=False
"""One call on its way through: the frames of a client's stream to a stream of an endpoint's, and back.

Theory of operation. The front connection tells the call what the client sends (it is the stream's
Carrier); the lane tells it what the endpoint sends. What comes from one side is kept in a buffer
until the other takes it, and only then given back to the window of the stream that it came on: a
side that does not read holds back the other, and nobody else.

Guarantees:
* every call ends with a grpc-status, the endpoint's or one that says what has failed here;
* a call is given to another endpoint only if the first surely did not begin it, and never to one
  that has had it;
* headers, trailers and bytes pass as they are, but for `grpc-timeout`, which tells what is left.

Names: the client's side is the front; request and answer are the bytes of the two directions.
"""

import logging
import time

cimport cython
cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, strlen

from tercet.gateway._buffer cimport (
    buffer_append,
    buffer_clear,
    buffer_let_go,
    buffer_rewind,
    buffer_take,
)
from tercet.rpc._fields cimport Field, Fields, fields_clear, fields_close, fields_open
from tercet.rpc._ledger cimport now
from tercet.rpc._limits cimport UNSENT_BYTES
from tercet.rpc._session cimport check, new_nvs
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free

from tercet.gateway.v1 import gateway_pb2

cdef int DEADLINE_EXCEEDED = gateway_pb2.REASON_DEADLINE_EXCEEDED
cdef int GATEWAY_STOPPING = gateway_pb2.REASON_GATEWAY_STOPPING
cdef int QUEUE_FULL = gateway_pb2.REASON_QUEUE_FULL
cdef int NOT_STARTED = gateway_pb2.REASON_NOT_STARTED
cdef int TOO_MUCH_UNREAD = gateway_pb2.REASON_TOO_MUCH_UNREAD
cdef int UPSTREAM_PROTOCOL_ERROR = gateway_pb2.REASON_UPSTREAM_PROTOCOL_ERROR
cdef int UPSTREAM_RESET = gateway_pb2.REASON_UPSTREAM_RESET
cdef int WORKER_LOST = gateway_pb2.REASON_WORKER_LOST

cdef enum:
    # Bytes of a request that are kept to be sent again: linkerd's default for replays.
    REPLAYED = 65536
    # gRPC statuses.
    CANCELLED = 1
    UNKNOWN = 2
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13
    UNAVAILABLE = 14
    # HTTP/2 error codes.
    NO_ERROR = 0
    H2_REFUSED_STREAM = 7
    H2_CANCEL = 8
    H2_ENHANCE_YOUR_CALM = 11
    H2_INADEQUATE_SECURITY = 12

# A timeout that has shrunk by less is passed on as it is.
cdef double UNNOTICED = 0.001

# Of a failure that could not be put into words.
cdef list WORDLESS = [
    (b"grpc-status", b"13"), (b"grpc-message", b"the gateway failed the call; its log says more")]

log = logging.getLogger("tercet.gateway")

H2_NAMES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)


cdef inline void set_kept(h2.nghttp2_nv* nv, Field* field) noexcept:
    """The field of another connection, without copying it: the call keeps it for long enough."""
    cdef h2.nghttp2_vec name = h2.nghttp2_rcbuf_get_buf(field.name)
    cdef h2.nghttp2_vec value = h2.nghttp2_rcbuf_get_buf(field.value)
    nv.name = name.base
    nv.namelen = name.len
    nv.value = value.base
    nv.valuelen = value.len
    nv.flags = (
        h2.NGHTTP2_NV_FLAG_NO_COPY_NAME | h2.NGHTTP2_NV_FLAG_NO_COPY_VALUE
        | (field.flags & h2.NGHTTP2_NV_FLAG_NO_INDEX)
    )


cdef inline bint is_named(h2.nghttp2_nv* nv, const char* name, size_t size) noexcept:
    return nv.namelen == size and memcmp(nv.name, name, size) == 0


@cython.final
cdef class Usage:
    """Of one path: how many of its calls run, and what became of those that ended.

    Args:
        tally: Where they are counted.
    """

    def __cinit__(self, Tally tally not None):
        self.tally = tally


@cython.final
cdef class Call(Timed):
    """Made by a `Route`, for one stream of a front connection."""

    def __cinit__(self):
        fields_open(&self.head)
        fields_open(&self.tail)
        self.request.keeps = True
        self.timeout = self.deadline = -1
        self.code = -1

    def __dealloc__(self):
        fields_close(&self.head)
        fields_close(&self.tail)
        buffer_clear(&self.request)
        buffer_clear(&self.answer)

    # -- its way out --------------------------------------------------------------------------

    cdef int start(self, Endpoint endpoint) except -1:
        """The endpoint, which has counted it, gets the call."""
        if self.waiting:
            self.waiting = False
            self.queued += now() - self.queued_since
        self.endpoint = endpoint
        self.lane = endpoint.lane
        self.attempts += 1
        self.head_sent = self.reset_by_peer = self.deferred = False
        return self.lane.open(self)

    cdef bint has_tried(self, Endpoint endpoint) noexcept:
        return self.tried is not None and endpoint in self.tried

    cdef h2.nghttp2_nv* request_fields(self, Py_ssize_t* count) except NULL:
        """The fields of the request, good until the next call of this."""
        cdef Fields* fields = &self.stream.fields
        cdef h2.nghttp2_nv* nvs = self.plane.fields_room(fields.count + 1)
        cdef h2.nghttp2_nv* nv = nvs
        cdef int index
        # Pseudo-headers come first, and those of the client do.
        nv.name = <uint8_t*> b":path"
        nv.namelen = 5
        nv.value = <uint8_t*> PyBytes_AS_STRING(self.stream.path)
        nv.valuelen = PyBytes_GET_SIZE(self.stream.path)
        nv.flags = h2.NGHTTP2_NV_FLAG_NO_COPY_NAME | h2.NGHTTP2_NV_FLAG_NO_COPY_VALUE
        for index in range(fields.count):
            nv += 1
            set_kept(nv, &fields.at[index])
            if self.timeout >= 0 and is_named(nv, b"grpc-timeout", 12):
                self.shorten(nv)
        count[0] = fields.count + 1
        return nvs

    cdef void shorten(self, h2.nghttp2_nv* nv) noexcept:
        """Tells the endpoint the time that is left."""
        cdef double spent = 0, left
        if self.attempts > 1 or self.queued > 0:
            spent = now() - self.begun
        if spent < UNNOTICED:
            return
        left = max(0, self.timeout - spent)
        # At most eight digits ("Timeout" of gRPC over HTTP/2).
        if left < 99:
            snprintf(self.timeout_text, TIMEOUT_TEXT, b"%ldu", <long> (left * 1e6))
        elif left < 99_999:
            snprintf(self.timeout_text, TIMEOUT_TEXT, b"%ldm", <long> (left * 1e3))
        else:
            snprintf(self.timeout_text, TIMEOUT_TEXT, b"%ldS", min(<long> left, 99_999_999))
        nv.value = <uint8_t*> self.timeout_text
        nv.valuelen = strlen(self.timeout_text)
        nv.flags |= h2.NGHTTP2_NV_FLAG_NO_INDEX

    cdef int request_sent(self, uint8_t* to, Py_ssize_t size) except -1:
        """Moves bytes of the request into a frame for the endpoint."""
        buffer_take(&self.request, to, size)
        if self.request.keeps and self.request.kept > REPLAYED:
            buffer_let_go(&self.request)
        self.sent += size
        if self.open and self.sent > self.returned:
            # Not for what is sent again.
            self.give_back(self.sent - self.returned)
            if h2.nghttp2_session_want_write(self.front.session):
                self.sender.flush_soon()
        return 0

    # -- Carrier: what the client does --------------------------------------------------------

    cdef int give_back(self, Py_ssize_t size) except -1:
        """The client may send so much more."""
        self.returned += size
        return self.front.consume(self.stream, size)

    cdef int data(self, const uint8_t* data, Py_ssize_t size) except -1:
        self.request_bytes += size
        if self.complete:
            # Nobody wants it any more.
            return self.give_back(size)
        buffer_append(&self.request, data, size)
        if self.lane is not None:
            self.lane.resume(self)
        return 0

    cdef int ended(self) except -1:
        self.whole = True
        if self.lane is not None and not self.complete:
            self.lane.resume(self)
        return 0

    cdef int closed(self, uint32_t code) except -1:
        cdef bint broken_off = not self.complete or self.answer.unsent > 0 or code != NO_ERROR
        self.open = False
        if broken_off and self.reason == 0:
            self.code = CANCELLED
        self.plane.wheel.remove(self)
        if self.waiting:
            self.waiting = False
            self.host.given_up(self)
        if self.lane is not None:
            # The endpoint has answered and wants no more, or nobody wants its answer.
            self.lane.reset(self, NO_ERROR if self.complete and not broken_off else H2_CANCEL)
        self.complete = True
        # What nobody has taken, and nobody will: the connection's other streams need the room.
        self.give_back(self.request_bytes - self.returned)
        self.settle()
        buffer_clear(&self.answer)
        self.front = None
        self.sender = None
        return 0

    cdef int stop(self) except -1:
        return self.fail(GATEWAY_STOPPING)

    cdef Py_ssize_t available(self) noexcept:
        return self.answer.unsent

    cdef bint is_last(self) noexcept:
        return self.complete

    cdef int submit_trailers(self, h2.nghttp2_session* session, int32_t stream_id) except -1:
        cdef h2.nghttp2_nv* nvs
        cdef int index
        if self.failure is not None:
            nvs = new_nvs(self.failure)
            try:
                check(h2.nghttp2_submit_trailer(session, stream_id, nvs, len(self.failure)))
            finally:
                PyMem_Free(nvs)
            return 1
        if self.tail.count == 0:
            return 0
        nvs = self.plane.fields_room(self.tail.count)
        for index in range(self.tail.count):
            set_kept(&nvs[index], &self.tail.at[index])
        check(h2.nghttp2_submit_trailer(session, stream_id, nvs, self.tail.count))
        return 1

    cdef int copy_out(self, uint8_t* to, Py_ssize_t size) except -1:
        buffer_take(&self.answer, to, size)
        if self.lane is not None:
            self.lane.consume(self, size)
        return 0

    # -- what the endpoint does ---------------------------------------------------------------

    cdef int head_complete(self, bint last) except -1:
        """The fields in `head` are all; `last` if the answer has nothing else."""
        cdef h2.nghttp2_nv* nvs
        cdef int index
        if not self.open or self.complete:
            return 0
        nvs = self.plane.fields_room(self.head.count)
        for index in range(self.head.count):
            set_kept(&nvs[index], &self.head.at[index])
            if is_named(&nvs[index], b":status", 7):
                if nvs[index].valuelen == 3 and nvs[index].value[0] == b"1":
                    # Informational: not for the caller of an RPC.
                    fields_clear(&self.head)
                    return 0
            elif is_named(&nvs[index], b"content-type", 12):
                self.is_grpc = (
                    nvs[index].valuelen >= 16
                    and memcmp(nvs[index].value, b"application/grpc", 16) == 0
                )
        self.got_head = True
        # Whatever happens now, it is not given to another endpoint.
        buffer_let_go(&self.request)
        if last:
            self.code = self.read_status(&self.head)
            if self.code < 0:
                if self.is_grpc:
                    return self.fail(UPSTREAM_PROTOCOL_ERROR, "the answer has no grpc-status")
                self.code = UNKNOWN
            self.complete = True
        self.answered = True
        self.front.answer(self.stream, nvs, self.head.count, last)
        return self.sender.flush_soon()

    cdef int answer_data(self, const uint8_t* data, Py_ssize_t size) except -1:
        self.answer_bytes += size
        if not self.open or self.complete:
            return self.lane.consume(self, size)
        buffer_append(&self.answer, data, size)
        self.front.carried(self.stream, size)
        if self.front.unsent > self.front.limits.unsent_bytes:
            self.front.limits.count(UNSENT_BYTES)
            self.fail(TOO_MUCH_UNREAD)
        return self.sender.flush_soon()

    cdef int answer_end(self) except -1:
        """The answer is whole; its trailers, if it has any, are in `tail`."""
        if not self.open or self.complete:
            return 0
        self.code = self.read_status(&self.tail)
        if self.code < 0:
            if self.is_grpc:
                return self.fail(UPSTREAM_PROTOCOL_ERROR, "the answer has no grpc-status")
            self.code = UNKNOWN
        self.complete = True
        self.front.carried_all(self.stream)
        return self.sender.flush_soon()

    cdef int lane_closed(self, Ending how, uint32_t code, cause) except -1:
        """Its stream to the endpoint is over."""
        self.lane = None
        self.host.released(self)
        if not self.open or self.complete:
            return 0
        self.endpoint.failures += 1
        if not self.answered and (code == H2_REFUSED_STREAM or not self.head_sent):
            return self.go_elsewhere(how, cause)
        if how == BY_LOSS:
            return self.fail(WORKER_LOST, cause)
        if how == BY_BREACH:
            return self.fail(UPSTREAM_PROTOCOL_ERROR, cause)
        return self.lapsed(code)

    cdef int go_elsewhere(self, Ending how, cause) except -1:
        """The endpoint has surely not begun it."""
        self.refusal = cause or (
            "it refused the stream" if self.reset_by_peer else "it closes its connection")
        if not self.request.keeps:
            return self.fail(NOT_STARTED, self.refusal)
        buffer_rewind(&self.request)
        self.sent = 0
        if self.tried is None:
            self.tried = []
            self.parted = []
        # One whose connection has ended may take it on the next, once.
        if self.reset_by_peer or self.endpoint in self.parted:
            self.tried.append(self.endpoint)
        else:
            self.parted.append(self.endpoint)
        self.endpoint.retries += 1
        fields_clear(&self.head)
        fields_clear(&self.tail)
        return self.host.dispatch(self)

    cdef int refuse_answer(self, cause) except -1:
        """The endpoint answers what cannot be passed on."""
        return self.fail(UPSTREAM_PROTOCOL_ERROR, cause)

    cdef int lapsed(self, uint32_t code) except -1:
        """The endpoint has reset it ("Errors" of gRPC over HTTP/2)."""
        cdef int status = INTERNAL
        if code == H2_CANCEL:
            status = CANCELLED
        elif code == H2_REFUSED_STREAM:
            status = UNAVAILABLE
        elif code == H2_ENHANCE_YOUR_CALM:
            status = RESOURCE_EXHAUSTED
        elif code == H2_INADEQUATE_SECURITY:
            status = PERMISSION_DENIED
        name = H2_NAMES[code] if code < <uint32_t> len(H2_NAMES) else hex(code)
        return self.fail(UPSTREAM_RESET, f"RST_STREAM with {name}", status)

    # -- its end ------------------------------------------------------------------------------

    cdef int expired(self) except -1:
        return self.fail(DEADLINE_EXCEEDED)

    cdef int fail(self, int reason, cause=None, int code=-1, hint=None) except -1:
        """Ends the call here: a status that says why, and a reset for the endpoint."""
        cdef list fields
        if not self.open or self.complete:
            return 0
        self.reason = reason
        facts = {"method": self.stream.path.decode("latin-1")}
        if self.host is not None:
            facts["upstream"] = self.host.name
        if self.endpoint is not None:
            facts["endpoint"] = self.endpoint.identity
        if cause:
            facts["cause"] = cause
        if hint:
            facts["hint"] = hint
        if (reason == DEADLINE_EXCEEDED or reason == GATEWAY_STOPPING) and self.lane is None:
            # It was with nobody, or is with nobody any more.
            facts.pop("endpoint", None)
        if reason == DEADLINE_EXCEEDED:
            facts["seconds"] = f"{self.timeout:.6g}"
        elif reason == QUEUE_FULL:
            facts["limit"] = facts.pop("cause")
            # It was with nobody, or is with nobody any more.
            facts.pop("endpoint", None)
        elif reason == TOO_MUCH_UNREAD:
            facts["limit"] = str(self.front.limits.unsent_bytes)
        try:
            fields = self.plane.failures(reason, facts, code)
        except Exception:
            # Raised any further, it would end a connection, and the calls of others with it.
            log.exception("There are no words for what a call has failed of")
            fields = WORDLESS
        self.code = int(fields[0][1])
        self.complete = True
        self.plane.wheel.remove(self)
        if self.waiting:
            self.waiting = False
            self.host.given_up(self)
        if self.lane is not None:
            self.lane.reset(self, H2_CANCEL)
        buffer_clear(&self.request)
        if self.answered:
            self.failure = fields
            if reason == DEADLINE_EXCEEDED or reason == TOO_MUCH_UNREAD:
                # What is unread would keep the trailers waiting.
                self.front.carried(self.stream, -self.answer.unsent)
                buffer_clear(&self.answer)
                self.front.cut_off(self.stream, fields)
            else:
                self.front.carried_all(self.stream)
        else:
            self.front.finish(self.stream, fields)
        return self.sender.flush_soon()

    cdef int read_status(self, Fields* fields) noexcept:
        """The grpc-status; -1 if there is none, 2 (UNKNOWN) if it is no number."""
        cdef h2.nghttp2_vec name, value
        cdef int index, status = 0
        cdef size_t digit
        for index in range(fields.count):
            name = h2.nghttp2_rcbuf_get_buf(fields.at[index].name)
            if name.len == 11 and memcmp(name.base, b"grpc-status", 11) == 0:
                value = h2.nghttp2_rcbuf_get_buf(fields.at[index].value)
                if not 1 <= value.len <= 2:
                    return UNKNOWN
                for digit in range(value.len):
                    if not b"0" <= value.base[digit] <= b"9":
                        return UNKNOWN
                    status = 10 * status + (value.base[digit] - <uint8_t> b"0")
                return status if status <= 16 else UNKNOWN
        return -1

    cdef int settle(self) except -1:
        """Counts it, once."""
        cdef double seconds
        if self.settled:
            return 0
        self.settled = True
        seconds = now() - self.begun
        if self.usage is not None:
            self.usage.in_flight -= 1
            self.usage.seconds += seconds
            self.usage.tally.count(self.code, seconds)
        self.sender.ledger.leave(self)
        if self.plane.logs():
            self.plane.note((
                time.time() - seconds,
                self.stream.path.decode("latin-1"),
                self.sender.peer,
                self.code,
                gateway_pb2.Reason.Name(self.reason).removeprefix("REASON_") if self.reason else "",
                "" if self.host is None else self.host.name,
                "" if self.endpoint is None else self.endpoint.identity,
                seconds,
                self.queued,
                self.request_bytes,
                self.answer_bytes,
                self.attempts,
            ))
        return 0
