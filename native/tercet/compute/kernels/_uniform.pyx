# cython: auto_pickle=False
"""Uniform pseudo-random numbers as jobs."""

import numpy

cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t

from tercet.compute._pool cimport Job


cdef extern from "uniform.h" nogil:
    enum: TERCET_TILE
    void tercet_uniform_fill(uint64_t seed, uint64_t low, uint64_t high, double *output)
    double tercet_uniform_sum(uint64_t seed, uint64_t low, uint64_t high)
    double tercet_sum_tiles(const double *sums, int64_t tiles)
    int64_t tercet_tiles(int64_t elements)


cdef struct Plan:
    uint64_t seed
    int64_t n
    double *output


cdef void fill_tile(void *context, int64_t tile, const int32_t *cancel) noexcept nogil:
    cdef Plan *plan = <Plan *>context
    cdef int64_t low = tile * TERCET_TILE
    cdef int64_t high = min(low + <int64_t>TERCET_TILE, plan.n)
    tercet_uniform_fill(plan.seed, low, high, plan.output + low)


cdef void sum_tile(void *context, int64_t tile, const int32_t *cancel) noexcept nogil:
    cdef Plan *plan = <Plan *>context
    cdef int64_t low = tile * TERCET_TILE
    cdef int64_t high = min(low + <int64_t>TERCET_TILE, plan.n)
    plan.output[tile] = tercet_uniform_sum(plan.seed, low, high)


@cython.final
cdef class Fill(Job):
    """Makes n uniform numbers in [0, 1): splitmix64 in counter mode (uniform.h).

    Args:
        seed: Any 64 bits.
        n: 1 or more.

    `output` is float64[n]; its bits depend on the seed alone.
    """

    cdef Plan plan
    cdef double[::1] view
    cdef readonly object output

    def __init__(self, uint64_t seed, int64_t n):
        self.bind(fill_tile, &self.plan, tercet_tiles(n))
        self.output = numpy.empty(n)
        self.view = self.output
        self.plan.seed = seed
        self.plan.n = n
        self.plan.output = &self.view[0]


@cython.final
cdef class RandomSum(Job):
    """Sums the numbers that `Fill(seed, n)` would make, without storing them.

    Args:
        seed: Any 64 bits.
        n: 1 or more. Memory: 8 bytes for each 65536 numbers.

    The bits of the sum depend on the arguments alone, not on the CPU or the threads.
    """

    cdef Plan plan
    cdef double[::1] sums

    def __init__(self, uint64_t seed, int64_t n):
        self.bind(sum_tile, &self.plan, tercet_tiles(n))
        self.sums = numpy.empty(tercet_tiles(n))
        self.plan.seed = seed
        self.plan.n = n
        self.plan.output = &self.sums[0]

    def sum(self):
        """The result, once `done`. O(n / 65536)."""
        return tercet_sum_tiles(self.plan.output, self.core.tiles)
