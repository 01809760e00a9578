# cython: auto_pickle=False
"""One call: what its handler sees (`grpc.aio.ServicerContext`) and what it comes to."""

import asyncio
import logging

import grpc
import grpc.aio

cimport cython
from tercet.rpc._connection cimport Connection
from tercet.rpc._invocation cimport received
from tercet.rpc._ledger cimport Entry, now
from tercet.rpc._limits cimport MESSAGE_SIZE, UNSENT_BYTES
from tercet.rpc._method cimport Method
from tercet.rpc._sender cimport Sender
from tercet.rpc._stream cimport Packed, Stream

from tercet.errors import ResourceExhausted
from tercet.rpc.native import compression as codec
from tercet.rpc.native import metadata
from tercet.rpc.status import status_of

cdef enum:
    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    DEADLINE_EXCEEDED = 4
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13
    UNAVAILABLE = 14
    LAST_CODE = 16
    # Unread answers of calls that have begun are kept up to so many times the limit for new calls.
    HOARD = 4
    # Bytes up to which the loop itself packs and unpacks: some 0.3 ms (a message of 4 MiB: 190).
    AT_ONCE = 16384

cdef object EOF = grpc.aio.EOF

UNREAD = ResourceExhausted(
    "the client has not read the answers of its other calls",
    hint="read them, or use another connection",
    reason="TOO_MANY_UNSENT_BYTES",
    retry_after=1.0,
)
log = logging.getLogger("tercet.rpc")


cdef int number(code) except -1:
    """The number of a status code: OK for None, UNKNOWN for what is none."""
    if code is None:
        return OK
    if isinstance(code, grpc.StatusCode):
        return code.value[0]
    if isinstance(code, int) and OK <= code <= LAST_CODE:
        return code
    return UNKNOWN


cdef checked(details):
    if not isinstance(details, str):
        raise TypeError(f"details must be a str, not {type(details).__name__}")
    return details


cdef list status(int code, str details, list trailing):
    """The trailers of a call."""
    fields = [(b"grpc-status", b"%d" % code)]
    if details:
        fields.append((b"grpc-message", metadata.percent_encoded(details)))
    return fields + trailing if trailing else fields


@cython.final
cdef class Call(Entry):
    """The context of one call. Belongs to the loop of its connection."""

    def __cinit__(self, Sender sender not None, Stream stream not None):
        self.sender = sender
        self.core = sender.core
        self.stream = stream
        self.given_details = ""
        self.given_trailing = ()
        self.deadline = -1
        self.encoding = sender.encoding
        self.begun = sender.moment
        self.tally = sender.ledger.unknown

    # -- what the handler asks ---------------------------------------------------------------

    async def read(self):
        if self.aborted_with is not None:
            raise self.aborted_with
        message = await self.next_raw()
        if message is None:
            return EOF
        return message if self.method.deserialize is None else self.method.deserialize(message)

    async def write(self, message):
        self.usable()
        if not self.method.response_streaming:
            raise grpc.aio.UsageError("write() is for methods that stream their responses")
        if self.encoding:
            await self.write_packed(self.method.serialized(message))
        elif not self.put(self.method.serialized(message)):
            await self.drained()

    async def send_initial_metadata(self, initial_metadata):
        self.usable()
        if self.stream.headers_sent:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        try:
            fields = metadata.sent(initial_metadata)
        except ValueError:
            self.end_with(INTERNAL, "Invalid metadata", ())
            raise
        self.send_headers(fields)
        self.sender.flush_soon()

    async def abort(self, code, details="", trailing_metadata=()):
        self.abort_now(code, details, trailing_metadata)

    async def abort_with_status(self, status):
        self.abort_now(status.code, status.details, status.trailing_metadata)

    cdef abort_now(self, code, details, trailing):
        if self.aborted_with is not None:
            raise grpc.aio.UsageError("Abort already called!")
        checked(details)
        metadata.check(trailing)
        self.aborted_with = grpc.aio.AbortError("Locally aborted.")
        self.given_code = code
        self.given_details = details or self.given_details
        self.given_trailing = tuple(trailing) or self.given_trailing
        self.complete()
        raise self.aborted_with

    def set_trailing_metadata(self, trailing_metadata):
        self.usable()
        metadata.check(trailing_metadata)
        self.given_trailing = tuple(trailing_metadata)

    def trailing_metadata(self):
        return self.given_trailing

    def invocation_metadata(self):
        if self.invocation is None:
            self.invocation = received(self.stream)
        return self.invocation

    def set_code(self, code):
        self.usable()
        self.given_code = code

    def code(self):
        return self.given_code

    def set_details(self, details):
        self.usable()
        self.given_details = checked(details)

    def details(self):
        return self.given_details

    def set_compression(self, compression):
        if self.stream.headers_sent:
            raise RuntimeError(
                "Compression setting must be specified before sending initial metadata"
            )
        # None is what the server does, as in grpc.aio.
        self.encoding = (
            self.sender.encoding if compression is None else grpc.Compression(compression))

    def disable_next_message_compression(self):
        self.next_as_it_is = True

    def peer(self):
        return self.sender.peer

    def peer_identities(self):
        if self.sender.identity is None or self.sender.identity.identities is None:
            return None
        return list(self.sender.identity.identities)

    def peer_identity_key(self):
        return None if self.sender.identity is None else self.sender.identity.key

    def auth_context(self):
        if self.sender.identity is None:
            return {}
        return {key: list(values) for key, values in self.sender.identity.context.items()}

    def time_remaining(self):
        if self.deadline < 0:
            return None
        remaining = self.deadline - now()
        return remaining if remaining > 0 else 0

    def add_done_callback(self, callback):
        if self.finished:
            self.sender.loop.call_soon(self.call_back, callback)
        elif self.callbacks is None:
            self.callbacks = [callback]
        else:
            self.callbacks.append(callback)

    def cancelled(self):
        return self.client_gone or number(self.given_code) == CANCELLED

    def done(self):
        return self.finished

    # -- what runs it asks -------------------------------------------------------------------

    @property
    def status(self):
        """The number of the code that the handler has set."""
        return number(self.given_code)

    @property
    def pool(self):
        """Where plain functions run."""
        return self.sender.server.pool

    async def next_raw(self):
        """The next message of the request; None after the last."""
        while True:
            message = self.core.next_message(self.stream)
            if message is not None:
                # The window that this opens must be told to the client.
                self.sender.flush_soon()
                return message if type(message) is bytes else await self.unpacked(message)
            if self.stream.refusal is not None:
                code, details = self.stream.refusal
                self.abort_now(code, details.decode(), ())
            if self.stream.half_closed:
                return None
            if self.finished:
                raise asyncio.CancelledError
            if self.core.wants_write:
                # The rest of the message may need more window than the client has left.
                self.sender.flush_soon()
            if self.readers is None:
                self.readers = []
            arrival = self.waiter()
            self.readers.append(arrival)
            await arrival

    async def whole(self):
        """The message of a request that has one, when it has come; None if it ends without.

        A call that waits for its client is in no queue of ours.
        """
        self.dequeue()
        self.core.expect(self.stream)
        self.sender.look_out()
        message = await self.next_raw()
        self.enqueue()
        return message

    def requests(self):
        """The messages of the request, as a handler iterates over them."""
        return Requests(self)

    async def drained(self):
        """Waits while the client does not read."""
        if self.finished or self.stream.closed:
            return
        if self.writers is None:
            self.writers = []
        room = self.waiter()
        self.writers.append(room)
        await room

    async def unpacked(self, Packed message not None):
        """What is in a compressed message; ends the call if that cannot be had.

        What is large, or turns out to be, is unpacked on a thread.
        """
        cdef Py_ssize_t limit = self.sender.limits.max_message
        cdef Py_ssize_t at_once = AT_ONCE if limit < 0 else min(AT_ONCE, limit)
        cdef int encoding = self.stream.encoding
        try:
            if len(message.data) <= AT_ONCE:
                try:
                    return codec.decompress(encoding, message.data, at_once)
                except codec.TooLarge:
                    if at_once == limit:
                        raise
            return await self.sender.loop.run_in_executor(
                self.sender.server.packers, codec.decompress, encoding, message.data, limit)
        except codec.TooLarge:
            self.sender.limits.count(MESSAGE_SIZE)
            code, details = RESOURCE_EXHAUSTED, "Decompressed message larger than max"
        except codec.Damaged as error:
            code, details = INTERNAL, str(error)
        if self.aborted_with is not None:
            # Meanwhile.
            raise self.aborted_with
        self.abort_now(code, details, ())

    cdef bint taken_as_it_is(self):
        """Whether the message that is given now is not to be compressed; the next one may be."""
        cdef bint as_it_is = self.next_as_it_is
        self.next_as_it_is = False
        return as_it_is

    async def packed(self, bytes message not None, bint as_it_is):
        """A message as a call that compresses sends it; the headers are sent before it.

        What is large is packed on a thread.
        """
        self.fits(message)
        if not self.stream.headers_sent:
            self.send_headers([])
        if as_it_is or not self.encoding:
            return message
        if len(message) <= AT_ONCE:
            smaller = codec.compress(self.encoding, message)
        else:
            smaller = await self.sender.loop.run_in_executor(
                self.sender.server.packers, codec.compress, self.encoding, message)
        return message if smaller is None else Packed(smaller)

    async def write_packed(self, bytes message not None):
        """Writes a message of a call that compresses, when those before it are written."""
        cdef bint as_it_is = self.taken_as_it_is()
        if self.turn is None:
            self.turn = asyncio.Lock()
        async with self.turn:
            sent = await self.packed(message, as_it_is)
            # As things are by now.
            self.usable()
            room = self.put(sent)
        if not room:
            await self.drained()

    async def answer_packed(self, bytes message not None):
        """Answers a unary call that compresses."""
        if not self.finished:
            self.respond(await self.packed(message, self.taken_as_it_is()))

    cdef int send_headers(self, list fields) except -1:
        """Sends initial metadata, and what is to be said of compression.

        Who compresses is told what else can be read; of others, none would use it: a client
        compresses when it is told to (compression.md asks for no more).
        """
        if self.encoding:
            self.encoding = codec.allowed(self.encoding, self.stream.headers)
        if self.encoding:
            fields = [(b"grpc-encoding", codec.NAMES[self.encoding]), *fields]
        if self.stream.encoding:
            fields = [(b"grpc-accept-encoding", codec.ACCEPTED), *fields]
        self.core.send_headers(self.stream, fields)
        return 0

    cdef bint put(self, message) except *:
        """Queues a message; False if the writer is to wait until it is drained."""
        if type(message) is bytes:
            self.fits(message)
        if not self.stream.headers_sent:
            self.send_headers([])
        room = self.core.send_message(self.stream, message)
        self.sender.flush_soon()
        return room

    cpdef answer(self, response):
        """Answers with one message, or with the status alone if it is not OK.

        Returns what is to be awaited, if the message is to be compressed before; else None.
        """
        if number(self.given_code) != OK:
            self.complete()
        elif self.encoding:
            return self.answer_packed(self.method.serialized(response))
        else:
            self.respond(self.method.serialized(response))

    cdef int respond(self, message) except -1:
        """The whole answer of a unary call."""
        cdef list trailers = None
        if self.finished:
            return 0
        if type(message) is bytes:
            self.fits(message)
        if self.core.settled > HOARD * self.sender.limits.unsent_bytes \
                and not self.core.meter.trusted:
            # Calls that had begun before the first answers were left unread.
            self.sender.limits.count(UNSENT_BYTES)
            self.refuse(UNREAD)
            return 0
        if self.given_trailing or self.given_details:
            try:
                trailers = status(OK, self.given_details, metadata.sent(self.given_trailing))
            except ValueError:
                self.end_with(INTERNAL, "Invalid metadata", ())
                return 0
        if self.stream.encoding and not self.stream.headers_sent:
            self.send_headers([])
        self.core.respond(self.stream, message, trailers)
        self.ended(OK)
        return 0

    def complete(self):
        """The handler has returned; its status is what it has set."""
        self.end_with(number(self.given_code), self.given_details, self.given_trailing)

    def finish(self, int code, str details, trailing):
        """Ends the call with a status; a second end is nothing."""
        self.end_with(code, details, trailing)

    cdef int end_with(self, int code, str details, trailing) except -1:
        cdef list fields = []
        if self.finished:
            return 0
        if trailing:
            try:
                fields = metadata.sent(trailing)
            except ValueError:
                code, details, fields = INTERNAL, "Invalid metadata", []
        self.core.finish(self.stream, status(code, details, fields))
        self.ended(code)
        return 0

    def lost(self):
        """The stream is closed: the client has cancelled, or its connection is gone."""
        if not self.finished:
            self.client_gone = True
            self.ended(CANCELLED)
            self.cancel()

    def stop(self):
        """The server stops without (further) grace."""
        if not self.finished:
            self.end_with(UNAVAILABLE, "Server shutting down", ())
            self.cancel()

    def readable(self):
        if self.readers is not None:
            waiting, self.readers = self.readers, None
            wake(waiting)

    def writable(self):
        if self.writers is not None:
            waiting, self.writers = self.writers, None
            wake(waiting)

    def expired(self):
        """Its deadline has passed."""
        if not self.finished:
            # A timer may fire within the clock's resolution before its time.
            self.deadline = 0
            self.end_with(DEADLINE_EXCEEDED, "Deadline Exceeded", ())
            self.cancel()

    cdef int refuse(self, error) except -1:
        """Ends the call with one of our own errors, which no handler has raised."""
        status = status_of(error)
        self.end_with(status.code.value[0], status.details, status.trailing_metadata)
        return 0

    cdef int enqueue(self) except -1:
        """It waits for its handler to be entered."""
        if not self.queued:
            self.queued = True
            self.sender.ledger.queued += 1
        return 0

    def hand_over(self):
        """It waits for a thread from now on, and is in the queue until it is taken up."""
        self.pooled = True

    def taken_up(self):
        """A thread has come to it, or never will; called from any thread, and a second time."""
        self.pooled = False
        self.dequeue()

    cpdef dequeue(self):
        """Its handler is entered, or never will be."""
        if self.queued and not self.pooled:
            self.queued = False
            self.sender.ledger.queued -= 1

    cdef int set_deadline(self, double timeout) except -1:
        """Ends the call in so many seconds."""
        self.deadline = now() + timeout
        self.timer = self.sender.loop.call_later(timeout, self.expired)
        return 0

    cdef int fits(self, bytes message) except -1:
        cdef Py_ssize_t most = self.sender.limits.max_send
        if 0 <= most < len(message):
            self.abort_now(
                RESOURCE_EXHAUSTED,
                f"SERVER: Sent message larger than max ({len(message)} vs. {most})",
                (),
            )
        return 0

    cdef int ended(self, int code) except -1:
        self.finished = True
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.readable()
        self.writable()
        self.stream.call = None
        self.tally.count(code, now() - self.begun)
        self.sender.flush_soon()
        if self.callbacks is not None:
            for callback in self.callbacks:
                self.sender.loop.call_soon(self.call_back, callback)
        return 0

    def call_back(self, callback):
        try:
            callback(self)
        except KeyboardInterrupt:
            raise
        except BaseException:
            log.exception("A done callback of [%s] failed", self.tally.path)

    cdef waiter(self):
        return self.sender.loop.create_future()

    cdef int cancel(self) except -1:
        """Cancels the handler."""
        self.stopped = True
        if self.task is not None:
            self.task.cancel()
        if not self.entered:
            # Then it never will be; without a task, none could be made.
            self.sender.ledger.fresh -= 1
            self.dequeue()
            self.sender.ledger.leave(self)
        return 0

    cdef int usable(self) except -1:
        if self.aborted_with is not None:
            raise self.aborted_with
        if self.client_gone or self.stopped:
            raise asyncio.CancelledError
        if self.finished:
            raise grpc.aio.UsageError("RPC already finished.")
        return 0


cdef wake(list waiting):
    for each in waiting:
        if not each.done():
            each.set_result(None)


@cython.final
cdef class Requests:
    """The asynchronous iterator over a call's messages."""

    cdef Call call

    def __cinit__(self, Call call not None):
        self.call = call

    def __aiter__(self):
        return self

    def __anext__(self):
        cdef Call call = self.call
        if call.aborted_with is not None:
            raise call.aborted_with
        message = call.core.next_message(call.stream)
        if message is None:
            return self.arrived()
        call.sender.flush_soon()
        if type(message) is not bytes:
            return self.unpacked(message)
        deserialize = call.method.deserialize
        return Ready(message if deserialize is None else deserialize(message))

    async def unpacked(self, Packed packed not None):
        deserialize = self.call.method.deserialize
        message = await self.call.unpacked(packed)
        return message if deserialize is None else deserialize(message)

    async def arrived(self):
        message = await self.call.read()
        if message is EOF:
            raise StopAsyncIteration
        return message


@cython.final
@cython.freelist(16)
cdef class Ready:
    """An awaitable that has its value: a coroutine that never waits, but for its cost."""

    cdef object value

    def __cinit__(self, value):
        self.value = value

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration(self.value)


grpc.aio.ServicerContext.register(Call)
