# cython: auto_pickle=False
"""Naive Fibonacci numbers as a job."""

import numpy

cimport cython
from libc.stdint cimport int32_t, int64_t

from tercet.compute._pool cimport Job


cdef extern from "fibonacci.h" nogil:
    int64_t tercet_fibonacci(int64_t n, const int32_t *cancel)


cdef struct Plan:
    int64_t n
    int64_t *output


cdef void run_tile(void *context, int64_t tile, const int32_t *cancel) noexcept nogil:
    cdef Plan *plan = <Plan *>context
    plan.output[tile] = tercet_fibonacci(plan.n, cancel)


@cython.final
cdef class Fibonacci(Job):
    """Computes fib(n) `tasks` times, each in a tile of its own.

    Args:
        n: 0 to 92 (fib(93) exceeds int64); O(1.618^n) steps.
        tasks: 1 or more.

    `output` is int64[tasks].
    """

    cdef Plan plan
    cdef int64_t[::1] view
    cdef readonly object output

    def __init__(self, int64_t n, int64_t tasks):
        self.bind(run_tile, &self.plan, tasks)
        self.output = numpy.empty(tasks, numpy.int64)
        self.view = self.output
        self.plan.n = n
        self.plan.output = &self.view[0]
