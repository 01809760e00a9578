"""For kernels: `Job`, and what a tile function looks like (native/include/tercet/tile.h)."""

from libc.stdint cimport int32_t, int64_t


cdef extern from "tercet/job.h" nogil:
    ctypedef void (*tercet_tile)(void *context, int64_t tile, const int32_t *cancel) noexcept nogil

    ctypedef struct tercet_job:
        tercet_tile run
        void *context
        void *owner
        int64_t tiles
        int32_t limit
        int64_t submitted
        int64_t began
        int64_t ended
        tercet_job *next
        int32_t cancel


cdef class Job:
    cdef tercet_job *core
    cdef object pool
    cdef readonly bint done
    cdef public object error

    cdef int bind(self, tercet_tile run, void *context, int64_t tiles) except -1
