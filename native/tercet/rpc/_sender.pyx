# cython: auto_pickle=False
"""The sending half of a connection.

Guarantees:
* all frames of one turn of the loop leave in one write;
* while the transport's buffer is full nothing more is taken from the core, so that flow control
  reaches the writers.
"""

import logging

from tercet.rpc._connection cimport ENDED
from tercet.rpc._stream cimport Stream

log = logging.getLogger("tercet.rpc")

cdef enum:
    # Seconds that a client is given to read what was sent last, and to close.
    LINGER = 2
    # And how often, if it does read: slowly, for no longer than two minutes.
    FAREWELLS = 60


cdef class Sender:
    """Base of the protocol, which sets its attributes."""

    cdef int flush_soon(self) except -1:
        """Sends what is queued, at the end of this turn of the loop."""
        if not self.flushing and not self.paused and self.transport is not None:
            self.flushing = True
            self.turn.add(self)
        return 0

    cdef int look_out(self) except -1:
        """Has the watch look at what may take too long, if there is any such thing."""
        if not self.alert and self.watch is not None and (
            self.paused or self.core.settled or self.core.half_open or self.core.meter.in_block
        ):
            self.alert = True
            self.watch.look_out()
        return 0

    cpdef flush(self):
        """Sends what is queued now."""
        cdef Py_ssize_t size
        cdef Stream stream
        self.flushing = False
        while not self.paused and not self.parting and self.transport is not None:
            try:
                size = self.core.fill(self.buffers.sending)
            except Exception:
                # What had been put together is lost, and with it what HPACK has told the client.
                log.exception("What is to be sent to a client cannot be put together")
                self.transport.abort()
                return
            for stream in self.core.writable:
                if stream.call is not None:
                    stream.call.writable()
            for event, stream in self.core.caused():
                if event == ENDED and stream.call is not None:
                    stream.call.lost()
            if size == 0:
                break
            self.ledger.sent += size
            self.given += size
            self.outlet.write(self.buffers, size)
        if self.transport is not None and not self.parting and self.core.ended:
            self.part()
        self.look_out()

    cdef part(self):
        """Says goodbye: sends no more, and reads until the client closes, for a while.

        A socket that is closed with bytes unread resets the connection, and with it goes what the
        client has not read yet (RFC 9112, section 9.6, of HTTP/1.1; nginx's lingering_close).
        """
        cdef Stream stream
        self.parting = True
        transport = self.transport
        # Of a breach of the protocol: nobody hears their answers.
        for stream in self.core.lost():
            if stream.call is not None:
                stream.call.lost()
        if self.rest is not None or self.holding:
            # Its end is to be seen.
            self.rest = None
            if not transport.is_closing():
                transport.resume_reading()
        try:
            if transport.can_write_eof():
                transport.write_eof()
                self.linger(-1)
                return
        except OSError:
            # The client was quicker.
            pass
        self.close()
        self.linger(-1)

    cdef close(self):
        """Has the transport close, once: a second time asyncio's TLS forgets its connection."""
        if not self.transport.is_closing():
            self.transport.close()

    cpdef linger(self, Py_ssize_t before):
        """Gives a client time for as long as it reads: a transport closes when all is sent.

        Args:
            before: What was unsent a while ago; -1 at first.
        """
        if self.transport is None:
            return
        unsent = self.transport.get_write_buffer_size()
        self.farewells += 1
        if (before < 0 or unsent < before) and self.farewells <= FAREWELLS:
            self.loop.call_later(LINGER, self.linger, unsent)
        else:
            self.transport.abort()
