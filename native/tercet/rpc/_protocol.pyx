# cython: auto_pickle=False
"""One connection: moves bytes between the transport and the core, and begins calls.

When the connection is gone every call on it is cancelled.
"""

import asyncio
import logging
import urllib.parse

from tercet.rpc._call cimport Call
from tercet.rpc._connection cimport BEGUN, READ, Connection
from tercet.rpc._ledger cimport Ledger, now
from tercet.rpc._request cimport timeout_of
from tercet.rpc._sender cimport Buffers, Sender
from tercet.rpc._stream cimport Stream

from tercet.rpc._connection import ProtocolError
from tercet.rpc._request import NotGrpc, Refused
from tercet.rpc._run import run

cdef object Task = asyncio.Task
log = logging.getLogger("tercet.rpc")

cdef enum:
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    # HTTP/2's.
    INTERNAL_ERROR = 2


cdef class Exchange(Sender):
    """The methods of an `asyncio.BufferedProtocol`; made by its server for each connection."""

    def __cinit__(self, server, Ledger ledger not None, Buffers buffers not None, limits):
        self.server = server
        self.ledger = ledger
        self.buffers = buffers
        self.loop = server.loop
        self.task_factory = self.loop.get_task_factory()
        self.max_send = limits.send
        self.encoding = server.encoding
        self.peer = ""
        self.core = Connection(
            server.route,
            known=server.known,
            max_message=limits.receive,
            max_streams=limits.streams,
            max_metadata=limits.metadata,
        )

    def connection_made(self, transport):
        self.transport = transport
        self.peer = peer_of(transport.get_extra_info("socket"))
        if transport.get_extra_info("ssl_object") is not None:
            self.identity = self.server.identity_of(transport)
            if self.identity is None:
                # It does not speak HTTP/2 (RFC 9113, section 3.2).
                transport.close()
        self.server.connected(self)
        self.flush_soon()

    def connection_lost(self, error):
        cdef Stream stream
        self.transport = None
        for stream in self.core.lost():
            if stream.call is not None:
                stream.call.lost()
        self.server.disconnected(self)

    def eof_received(self):
        return False

    def get_buffer(self, hint):
        return self.buffers.reading

    def buffer_updated(self, Py_ssize_t size):
        cdef Stream stream
        cdef int event
        cdef list events
        if self.parting:
            return
        self.ledger.received += size
        self.moment = now()
        try:
            events = self.core.receive(self.buffers.reading, size)
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
        self.flush_soon()

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.flush_soon()

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
        self.core.terminate()
        self.flush()
        if self.transport is not None:
            self.transport.close()
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
        elif not self.ledger.admits():
            call.end_with(RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!", ())
        else:
            stream.call = call
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
