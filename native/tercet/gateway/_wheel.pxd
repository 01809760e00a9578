"""Deadlines of calls, for what has them."""

from tercet.rpc._carrier cimport Carrier


cdef class Timed(Carrier):
    # Its neighbours in the slot of the wheel.
    cdef Timed sooner
    cdef Timed later
    # Seconds of the monotonic clock; meaningful while it is on the wheel.
    cdef double deadline
    # Its slot; -1 if it is on no wheel.
    cdef int slot

    cdef int expired(self) except -1


cdef class Wheel:
    cdef list slots
    cdef Py_ssize_t count
    # The last tick that was dealt with.
    cdef long long tick
    cdef object loop
    cdef object timer

    cdef int add(self, Timed call, double deadline) except -1
    cdef int remove(self, Timed call) except -1
