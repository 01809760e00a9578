"""A handler taken apart, for what runs it."""

from tercet.rpc._ledger cimport Tally


cdef class Method:
    cdef readonly str path
    cdef readonly object behaviour
    cdef readonly object deserialize
    cdef readonly object serialize
    cdef readonly bint request_streaming
    cdef readonly bint response_streaming
    # Whether a call begins when its request is whole: nothing can be done before.
    cdef readonly bint whole
    # Whether the behaviour is a plain function or generator, for the thread pool.
    cdef readonly bint sync
    # Whether the behaviour yields its responses.
    cdef readonly bint generates
    cdef readonly Tally tally

    cdef bytes serialized(self, response)
