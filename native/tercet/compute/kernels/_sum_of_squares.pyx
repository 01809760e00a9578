# cython: auto_pickle=False
"""Sum of squares as a job."""

import numpy

cimport cython
from libc.stdint cimport int32_t, int64_t

from tercet.compute._pool cimport Job


cdef extern from "squares.h" nogil:
    enum: TERCET_TILE
    double tercet_squares_f64(const double *x, int64_t n)
    double tercet_squares_f32(const float *x, int64_t n)
    double tercet_sum_tiles(const double *sums, int64_t tiles)
    int64_t tercet_tiles(int64_t elements)


cdef struct Plan:
    int64_t n
    const double *wide
    const float *narrow
    double *sums


cdef void run_tile(void *context, int64_t tile, const int32_t *cancel) noexcept nogil:
    cdef Plan *plan = <Plan *>context
    cdef int64_t low = tile * TERCET_TILE
    cdef int64_t n = min(<int64_t>TERCET_TILE, plan.n - low)
    if plan.wide != NULL:
        plan.sums[tile] = tercet_squares_f64(plan.wide + low, n)
    else:
        plan.sums[tile] = tercet_squares_f32(plan.narrow + low, n)


@cython.final
cdef class SumOfSquares(Job):
    """Computes the sum of x[i]^2, accumulated in float64; 0.0 for an empty x.

    Args:
        x: float64[n] or float32[n], C-contiguous.

    The bits of the sum depend on x alone, not on the CPU or the threads.
    """

    cdef Plan plan
    cdef const double[::1] wide
    cdef const float[::1] narrow
    cdef double[::1] sums

    def __init__(self, x):
        cdef int64_t tiles = tercet_tiles(len(x))
        self.bind(run_tile, &self.plan, tiles)
        self.plan.n = len(x)
        if not tiles:
            return
        if x.dtype == numpy.float32:
            self.narrow = x
            self.plan.narrow = &self.narrow[0]
        else:
            self.wide = x
            self.plan.wide = &self.wide[0]
        self.sums = numpy.empty(tiles)
        self.plan.sums = &self.sums[0]

    def sum(self):
        """The result, once `done`. O(tiles)."""
        return tercet_sum_tiles(self.plan.sums, self.core.tiles)
