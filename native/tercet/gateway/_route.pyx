# cython: auto_pickle=False
"""What a path leads to: where its calls begin."""

cimport cython
cimport nghttp2 as h2
from libc.string cimport memcmp

from tercet.gateway._call cimport Call, Usage
from tercet.gateway._host cimport Host
from tercet.gateway._plane cimport Plane
from tercet.rpc._carrier cimport Carrier, Forwarder
from tercet.rpc._connection cimport Connection
from tercet.rpc._fields cimport Field
from tercet.rpc._ledger cimport Tally
from tercet.rpc._limits cimport CONCURRENT_CALLS, UNSENT_BYTES
from tercet.rpc._request cimport parsed
from tercet.rpc._sender cimport Sender
from tercet.rpc._stream cimport Stream

from tercet.gateway.v1 import gateway_pb2

cdef int TOO_MUCH_UNREAD = gateway_pb2.REASON_TOO_MUCH_UNREAD

cdef enum:
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13

cdef list UNSUPPORTED = [(b":status", b"415")]
cdef list NOT_ALLOWED = [(b":status", b"405"), (b"allow", b"POST")]
cdef list MALFORMED = [
    (b"grpc-status", b"13"), (b"grpc-message", b"Error parsing 'grpc-timeout' metadata")]


cdef inline bint same(h2.nghttp2_vec piece, const char* text, size_t size) noexcept:
    return piece.len == size and memcmp(piece.base, text, size) == 0


@cython.final
cdef class Route(Forwarder):
    """Lives as long as its path is known. What it leads to may be changed at any time.

    Args:
        tally: Where its calls are counted.
        upstream: Who takes its calls; None for nobody.
        refusal: (reason, hint) of calls that nobody takes.
    """

    cdef Plane plane
    cdef readonly str path
    cdef readonly Usage usage
    cdef public Host upstream
    cdef public tuple refusal

    def __cinit__(
        self, Plane plane not None, str path not None, Tally tally not None, Host upstream=None,
        tuple refusal=(gateway_pb2.REASON_UNKNOWN_SERVICE, "")
    ):
        self.plane = plane
        self.path = path
        self.usage = Usage(tally)
        self.upstream = upstream
        self.refusal = refusal

    @property
    def in_flight(self):
        """Calls that have begun and not ended, those that wait among them."""
        return self.usage.in_flight

    @property
    def seconds(self):
        """What the calls that have ended took together."""
        return self.usage.seconds

    def codes(self):
        """{gRPC status: calls}, of those that have ended."""
        return self.usage.tally.codes()

    def latencies(self):
        """Calls that have ended per bucket; the last one has those above all bounds."""
        return self.usage.tally.latencies()

    cdef Carrier carry(self, connection, stream):
        cdef Connection front = <Connection> connection
        cdef Sender sender = <Sender> front.owner
        cdef Stream begun = <Stream> stream
        cdef Call call = Call()
        cdef list answer
        call.plane = self.plane
        call.front = front
        call.sender = sender
        call.stream = begun
        call.open = True
        call.begun = sender.moment
        call.usage = self.usage
        self.usage.in_flight += 1
        sender.ledger.streams += 1
        if not sender.ledger.admits():
            front.limits.count(CONCURRENT_CALLS)
            answer = [(b"grpc-status", b"8"),
                      (b"grpc-message", b"Concurrent RPC limit exceeded!")]
            sender.ledger.enter(call)
            self.answer(call, RESOURCE_EXHAUSTED, answer, False)
            return call
        sender.ledger.enter(call)
        if begun.refusal is not None:
            code, words = begun.refusal
            self.answer(
                call, code, [(b"grpc-status", b"%d" % code), (b"grpc-message", words)], False)
            return call
        answer = self.objection(call, begun)
        if answer is not None:
            self.answer(call, INTERNAL, answer, answer is not MALFORMED)
        elif front.settled > front.limits.unsent_bytes:
            front.limits.count(UNSENT_BYTES)
            call.fail(TOO_MUCH_UNREAD)
        elif self.upstream is None:
            reason, hint = self.refusal
            call.fail(reason, None, -1, hint)
        else:
            if call.timeout >= 0:
                self.plane.wheel.add(call, call.begun + call.timeout)
            self.upstream.dispatch(call)
        return call

    cdef list objection(self, Call call, Stream stream):
        """What a request that is no gRPC call is answered; None for one that is."""
        cdef h2.nghttp2_vec name, value
        cdef Field* field
        cdef bint grpc = False, post = False
        cdef int index
        for index in range(stream.fields.count):
            field = &stream.fields.at[index]
            name = h2.nghttp2_rcbuf_get_buf(field.name)
            if name.len == 7 and same(name, b":method", 7):
                post = same(h2.nghttp2_rcbuf_get_buf(field.value), b"POST", 4)
            elif name.len == 12:
                value = h2.nghttp2_rcbuf_get_buf(field.value)
                if same(name, b"content-type", 12):
                    grpc = (
                        value.len >= 16 and memcmp(value.base, b"application/grpc", 16) == 0
                        and (value.len == 16 or value.base[16] == b"+" or value.base[16] == b";")
                    )
                elif same(name, b"grpc-timeout", 12):
                    call.timeout = parsed(value)
                    if call.timeout < 0:
                        return MALFORMED
        if not grpc:
            return UNSUPPORTED
        return None if post else NOT_ALLOWED

    cdef int answer(self, Call call, int code, list fields, bint alone) except -1:
        """Answers here, with trailers or with a bare HTTP status."""
        call.code = code
        call.complete = True
        # The caller has broken off nothing.
        call.reason = 0
        if alone:
            call.front.refuse(call.stream, fields)
        else:
            call.front.finish(call.stream, fields)
        return call.sender.flush_soon()
