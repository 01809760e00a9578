"""A call's context, for what runs it."""

from tercet.rpc._connection cimport Connection
from tercet.rpc._ledger cimport Entry, Tally
from tercet.rpc._method cimport Method
from tercet.rpc._sender cimport Sender
from tercet.rpc._stream cimport Stream


cdef class Call(Entry):
    cdef Sender sender
    cdef Connection core
    cdef readonly Stream stream
    cdef public object task
    cdef readonly bint finished
    # The stream is closed: the client has cancelled, or its connection is gone.
    cdef readonly bint client_gone
    # We have cancelled its handler, as its time was up or the server stops.
    cdef bint stopped
    # What runs the handler has begun to.
    cdef bint entered
    cdef Method method
    cdef object invocation
    cdef object given_code
    cdef str given_details
    cdef tuple given_trailing
    cdef object aborted_with
    cdef double deadline
    # How its answers are compressed, as grpc.Compression counts.
    cdef int encoding
    cdef bint next_as_it_is
    # Held while a message is compressed, so that the next one does not overtake it.
    cdef object turn
    cdef object timer
    cdef list callbacks
    # Futures of the tasks that wait for a message, or for room to send one.
    cdef list readers
    cdef list writers
    # It is counted as one that waits for its handler to be entered.
    cdef bint queued
    # It does so in the queue of an executor.
    cdef bint pooled
    cdef double begun
    cdef Tally tally

    cdef int enqueue(self) except -1
    cdef int set_deadline(self, double timeout) except -1
    cpdef answer(self, response)
    cdef int respond(self, message) except -1
    cdef bint taken_as_it_is(self)
    cdef int send_headers(self, list fields) except -1
    cdef bint put(self, message) except *
    cdef int end_with(self, int code, str details, trailing) except -1
    cdef int ended(self, int code) except -1
    cdef int cancel(self) except -1
    cdef int refuse(self, error) except -1
    cpdef dequeue(self)
    cdef int usable(self) except -1
    cdef int fits(self, bytes message) except -1
    cdef waiter(self)
    cdef abort_now(self, code, details, trailing)


cdef int number(code) except -1
