"""What a balancing policy is, for what asks one."""

from libc.stdint cimport int64_t, uint64_t


cdef class Candidates:
    cdef Py_ssize_t count
    # Whether their weights differ.
    cdef bint uneven

    cdef int64_t load(self, Py_ssize_t index) noexcept
    cdef double weight(self, Py_ssize_t index) noexcept


cdef class Policy:
    cdef Py_ssize_t pick(self, Candidates among) noexcept


cdef class Draw:
    cdef uint64_t state

    cdef uint64_t next(self) noexcept
    cdef Py_ssize_t below(self, Py_ssize_t bound) noexcept
    cdef double unit(self) noexcept
