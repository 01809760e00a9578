# cython: auto_pickle=False
"""One connection: moves bytes between the transport and the core, and begins calls.

When the connection is gone every call on it is cancelled.
"""

import asyncio
import logging
import urllib.parse

from cpython.bytearray cimport PyByteArray_AS_STRING

from tercet.rpc._call cimport Call
from tercet.rpc._connection cimport BEGUN, READ, Connection
from tercet.rpc._ledger cimport Ledger, now
from tercet.rpc._limits cimport (
    CONCURRENT_CALLS,
    OUTBOUND_FRAMES,
    QUEUED_CALLS,
    UNSENT_BYTES,
    Limits,
)
from tercet.rpc._request cimport timeout_of
from tercet.rpc._outlet cimport Buffers, Outlet
from tercet.rpc._sender cimport Sender
from tercet.rpc._stream cimport Stream
from tercet.rpc._turn cimport turn_of

from tercet.errors import ResourceExhausted
from tercet.rpc._call import UNREAD
from tercet.rpc._connection import ProtocolError
from tercet.rpc._request import NotGrpc, Refused
from tercet.rpc._run import run

cdef object Task = asyncio.Task
log = logging.getLogger("tercet.rpc")

# The overload rule: before a handler is entered. Clients may retry (AIP-194, RetryInfo).
OVERLOADED = ResourceExhausted(
    "the server has too many calls waiting",
    hint="try again later, or give the server more workers or threads",
    reason="TOO_MANY_QUEUED_CALLS",
    retry_after=0.1,
)

# Seconds between what is said last to a client that has gone too far, and the end.
GOODBYE = 0.2

cdef enum:
    # Calls that all connections together begin in one turn of the loop, about: in a turn a hundred
    # connections may have a hundred calls each to be read, which is no overload. What one of them
    # may read in it (see `_meter`) is beside these.
    FRESH = 1024
    # Turns that a connection waits for the others at most.
    TURNS = 1000
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    # HTTP/2's.
    INTERNAL_ERROR = 2


cdef class Exchange(Sender):
    """The methods of an `asyncio.BufferedProtocol`; made by its server for each connection."""

    def __cinit__(
        self, server, Ledger ledger not None, Buffers buffers not None, Limits limits not None
    ):
        self.server = server
        self.ledger = ledger
        self.buffers = buffers
        self.loop = server.loop
        self.turn = turn_of(self.loop)
        self.task_factory = self.loop.get_task_factory()
        self.limits = limits
        self.encoding = server.encoding
        self.peer = ""
        self.core = Connection(server.route, known=server.known, limits=limits)
        self.core.owner = self

    def connection_made(self, transport):
        self.transport = transport
        self.outlet = Outlet(transport)
        self.peer = peer_of(transport.get_extra_info("socket"))
        if self.peer.startswith("unix:"):
            # Who may open the file is a proxy of ours, or an equal.
            self.core.trust()
        if transport.get_extra_info("ssl_object") is not None:
            self.identity = self.server.identity_of(transport)
            if self.identity is None:
                # It does not speak HTTP/2 (RFC 9113, section 3.2), or nobody knows who it is. The
                # C-core does not heed the alert with which TLS would say goodbye.
                transport.abort()
        self.moment = now()
        self.core.meter.refill(self.moment)
        if not self.server.connected(self):
            transport.abort()
            return
        if not transport.is_closing():
            self.watch = self.server.watch(self)
        self.flush_soon()

    def connection_lost(self, error):
        cdef Stream stream
        self.transport = None
        if self.watch is not None:
            self.watch.stop()
            self.watch = None
        for stream in self.core.lost():
            if stream.call is not None:
                stream.call.lost()
        self.core.owner = None
        self.server.disconnected(self)

    def eof_received(self):
        return False

    def get_buffer(self, hint):
        return self.buffers.view

    def buffer_updated(self, Py_ssize_t size):
        if self.parting:
            return
        self.ledger.received += size
        if self.rest is not None or self.holding:
            # TLS may have had more at hand when reading was paused.
            self.rest = (self.rest or b"") + PyByteArray_AS_STRING(self.buffers.reading)[:size]
            return
        if self.crowded():
            self.rest = PyByteArray_AS_STRING(self.buffers.reading)[:size]
        else:
            self.take(self.buffers.reading, size)
        if self.rest is not None:
            self.read(False)
            self.loop.call_soon(self.go_on)

    def go_on(self):
        """Takes what had to wait for the other connections' turn."""
        cdef bytes rest = self.rest
        if rest is None or self.parting or self.holding or self.transport is None:
            return
        if self.transport.is_closing():
            self.rest = None
            return
        if self.crowded():
            self.loop.call_soon(self.go_on)
            return
        self.rest = None
        try:
            self.take(rest, len(rest))
        except Exception:
            # As the loop does with one that buffer_updated() raises.
            log.exception("What a client sent cannot be dealt with")
            self.abort()
            return
        if self.rest is not None:
            self.loop.call_soon(self.go_on)
        elif not self.holding:
            self.read(True)

    cdef bint crowded(self):
        """Whether the others have begun so many calls that their handlers are to be entered first."""
        if self.ledger.fresh >= min(FRESH, self.limits.queued_calls) > 0 and self.waited < TURNS:
            self.waited += 1
            return True
        self.waited = 0
        return False

    cdef read(self, bint on):
        """Reads on, or no more."""
        if self.transport is None or self.parting or self.transport.is_closing():
            return
        if on:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    cdef take(self, data, Py_ssize_t size):
        """Deals with bytes of the client, or with a part of them: then the rest is kept."""
        cdef Stream stream
        cdef int event
        cdef list events
        self.moment = now()
        self.core.meter.refill(self.moment)
        try:
            events = self.core.receive(data, size)
        except ProtocolError:
            self.flush()
            if self.transport is not None and not self.parting:
                self.part()
            return
        for event, stream in events:
            if event == BEGUN:
                try:
                    self.begin(stream)
                except Exception:
                    # The others of this read are to be told of.
                    log.exception("A call cannot be begun")
                    self.core.reset(stream, INTERNAL_ERROR)
            elif stream.call is not None:
                if event == READ:
                    stream.call.readable()
                else:
                    stream.call.lost()
        if self.core.meter.verdict:
            self.calm(self.core.verdict)
            return
        if self.core.taken < size and not self.parting:
            self.rest = bytes(memoryview(data)[self.core.taken:size])
        if self.core.pings:
            self.count_pings()
        if self.paused and not self.holding and not self.parting and (
            self.core.waiting_frames > self.limits.outbound_frames
        ):
            # It makes us answer and does not read the answers.
            self.holding = True
            self.limits.count(OUTBOUND_FRAMES)
            self.read(False)
        self.flush_soon()
        self.look_out()

    cdef count_pings(self):
        pings, spoke = self.core.pings, self.core.spoke
        self.core.pings, self.core.spoke = 0, False
        if self.watch is not None:
            self.watch.pinged(pings, spoke)

    def signs(self):
        """When the client was last heard, how many streams are open, and the latest one's id."""
        return self.moment, self.core.open_streams, self.core.last_stream

    def slowness(self):
        """What may take too long: see `patience.Slowness`."""
        return (
            self.core.greeted,
            self.core.block,
            self.core.half_open,
            self.paused or self.core.settled > 0,
            # What waits in the transport has not been taken: a slow reader takes minutes for it.
            self.given - (
                0 if self.transport is None else self.transport.get_write_buffer_size()),
        )

    def reset_overdue(self, double moment, double timeout):
        self.core.reset_overdue(moment, timeout)
        self.flush_soon()

    def calmed_down(self):
        """Nothing takes long: the watch need not look until it is told."""
        self.alert = False

    def ping(self):
        self.core.ping()
        self.flush_soon()

    def calm(self, reason):
        """Ends the connection of a client that does what it may not, and tells it what that is."""
        cdef Stream stream
        transport = self.transport
        if transport is None or self.parting:
            return
        self.core.calm(reason.encode())
        self.flush()
        self.parting = True
        self.rest = None
        for stream in self.core.lost():
            if stream.call is not None:
                stream.call.lost()
        if self.transport is None:
            return
        # It is not read any more: a flood would go on. What it has not read yet is soon lost.
        if not transport.is_closing():
            transport.pause_reading()
            if transport.can_write_eof():
                try:
                    transport.write_eof()
                except OSError:
                    pass
        self.loop.call_later(GOODBYE, self.abort)

    def abort(self):
        """Nobody is there: ends the connection with nothing said."""
        if self.transport is not None:
            self.transport.abort()

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.flush_soon()
        if self.holding:
            self.holding = False
            if self.rest is not None:
                self.loop.call_soon(self.go_on)
            else:
                self.read(True)

    def shut_down(self):
        """Asks the client for no more calls."""
        self.core.announce_shutdown()
        self.flush_soon()

    def refuse_more(self):
        self.core.refuse_more()
        self.flush_soon()

    def terminate(self):
        """Ends every call and the connection."""
        cdef Stream stream
        for stream in self.core.streams_begun():
            if stream.call is not None:
                stream.call.stop()
        self.core.stop_carrying()
        # nghttp2 sends no headers once it is told to end.
        self.flush()
        self.core.terminate()
        self.flush()
        if self.transport is not None:
            self.close()
            self.linger(-1)

    cdef begin(self, Stream stream):
        cdef Call call = Call(self, stream)
        cdef double timeout
        self.ledger.streams += 1
        try:
            timeout = timeout_of(stream)
        except NotGrpc as error:
            self.core.refuse(stream, error.fields)
            return
        except Refused as error:
            call.end_with(error.code, error.details, error.trailing)
            return
        handler = stream.handler
        if handler is None:
            call.end_with(UNIMPLEMENTED, "Method not found!", ())
        elif stream.refusal is not None and not stream.readable:
            code, details = stream.refusal
            call.end_with(code, details.decode(), ())
        elif self.core.settled > self.limits.unsent_bytes and not self.core.meter.trusted:
            # A proxy bounds what each of its own clients leaves unread; to refuse here would hit
            # the others.
            self.limits.count(UNSENT_BYTES)
            call.refuse(UNREAD)
        elif self.ledger.queued >= self.limits.queued_calls:
            self.limits.count(QUEUED_CALLS)
            call.refuse(OVERLOADED)
        elif not self.ledger.admits():
            self.limits.count(CONCURRENT_CALLS)
            call.end_with(RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!", ())
        else:
            stream.call = call
            call.enqueue()
            self.ledger.fresh += 1
            if timeout >= 0:
                call.set_deadline(timeout)
            self.ledger.enter(call)
            if self.task_factory is None:
                # As the loop would; but a name that it need not make up, and that says more.
                call.task = Task(run(call, handler), loop=self.loop, name=handler.path)
            else:
                call.task = self.loop.create_task(run(call, handler))


def peer_of(connected):
    """The peer's address as gRPC writes it: a percent-encoded URI."""
    try:
        name = connected.getpeername() if connected is not None else ""
    except OSError:
        # It has gone before it was accepted.
        return "ipv4:"
    if not isinstance(name, tuple):
        return "unix:"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    kind = "ipv6" if ":" in name[0] else "ipv4"
    return f"{kind}:{urllib.parse.quote(host, safe=':')}:{name[1]}"
