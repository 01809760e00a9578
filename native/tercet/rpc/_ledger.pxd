"""What a server counts, for what counts it."""

cdef enum:
    CODES = 17
    LATENCY_BUCKETS = 41


cdef class Tally:
    cdef readonly str path
    cdef unsigned long long[CODES] by_code
    cdef unsigned long long[LATENCY_BUCKETS] latency
    # What they took together.
    cdef double seconds

    cdef void count(self, int code, double seconds) noexcept


cdef class Entry:
    cdef Entry earlier
    cdef Entry later
    cdef bint listed


cdef class Ledger:
    cdef Entry latest
    # Of the calls that run.
    cdef readonly Py_ssize_t count
    cdef object emptied
    cdef Py_ssize_t most
    # Of the calls that run, those whose handlers have not been entered.
    cdef public Py_ssize_t queued
    # Of these, those whose tasks have not begun to run, which they do in the loop's next turn.
    cdef public Py_ssize_t fresh
    cdef dict tallies
    cdef Tally unknown
    cdef public unsigned long long connections
    cdef public unsigned long long streams
    cdef public unsigned long long received
    cdef public unsigned long long sent

    cdef bint admits(self)
    cdef int enter(self, Entry call) except -1
    cdef int leave(self, Entry call) except -1
    cpdef Tally tally(self, str path)


cdef double now() noexcept
