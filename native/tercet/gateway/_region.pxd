"""What all gateways of a mesh count together: calls in flight, and calls that wait."""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "tercet/region.h" nogil:
    ctypedef struct tercet_cell:
        uint64_t calls
        uint64_t oldest
        uint32_t waiting
        uint32_t listed

    ctypedef struct tercet_table:
        uint64_t *keys
        tercet_cell *cells
        uint32_t columns
        uint32_t rows
        uint32_t own
        uint32_t random


@cython.final
cdef class Region:
    # Of all gateways.
    cdef tercet_table shared
    # Of this one alone, for what finds no column in `shared`; without memory until it is needed.
    cdef tercet_table spare
    cdef void *memory
    cdef size_t size
    cdef void *spare_memory
    # Where claims take turns; -1 where there is nobody else.
    cdef int lock_fd
    cdef bint owns_eventfd
    cdef int[64] eventfds
    cdef readonly int eventfd
    cdef readonly int slot
    cdef readonly int gateways

    cpdef int claim(self, str identity) except -1
    cpdef void release(self, int column) noexcept
    cpdef bint is_shared(self, int column) noexcept
    cpdef void enter(self, int column) noexcept
    cpdef void leave(self, int column) noexcept
    cpdef bint admit(self, int column, int64_t most) noexcept
    cpdef int64_t own(self, int column) noexcept
    cpdef int64_t load(self, int column) noexcept
    cpdef void wait(self, int column, int64_t count, uint64_t oldest) noexcept
    cpdef bint others_wait(self, int column) noexcept
    cpdef uint64_t oldest_elsewhere(self, int column) noexcept
    cpdef int64_t waiting(self, int column) noexcept
    cpdef void wake(self, int column) noexcept
    cpdef void drain(self) noexcept

    cdef tercet_table *table(self, int *column) noexcept
    cdef int map_shared(self, int fd, const unsigned char[:] begin) except -1
    cdef int map_spare(self) except -1
    cdef bint has_spare(self, uint64_t key) noexcept
    cdef int take_turn(self, bint take) except -1
