# cython: auto_pickle=False
"""Gain of an RGB image as a job."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t

from tercet.compute._pool cimport Job


cdef extern from "gain.h" nogil:
    enum: TERCET_GAIN_BLOCK
    void tercet_gain(const uint8_t *source, uint8_t *target, int64_t n, const float *factors)

# 384 KiB: source and target of a tile fit in a 1 MiB L2 cache.
cdef enum: TILE = 2048 * TERCET_GAIN_BLOCK


cdef struct Plan:
    int64_t n
    const uint8_t *source
    uint8_t *target
    float[3] factors


cdef void run_tile(void *context, int64_t tile, const int32_t *cancel) noexcept nogil:
    cdef Plan *plan = <Plan *>context
    cdef int64_t low = tile * TILE
    cdef int64_t n = min(<int64_t>TILE, plan.n - low)
    tercet_gain(plan.source + low, plan.target + low, n, plan.factors)


@cython.final
cdef class Gain(Job):
    """Multiplies each channel: target = min(255, rint(float32(source) * float32(factor))).

    Rounds half to even, as `numpy.rint`.

    Args:
        source: uint8[n], interleaved RGB, C-contiguous.
        target: uint8[n]; may be `source`, but must not overlap it otherwise.
        red, green, blue: Factors, 0 or more, finite as float32.
    """

    cdef Plan plan
    cdef const uint8_t[::1] source
    cdef uint8_t[::1] target

    def __init__(self, source, target, float red, float green, float blue):
        cdef int64_t n = len(source)
        self.bind(run_tile, &self.plan, n // TILE + (n % TILE != 0))
        self.source = source
        self.target = target
        if self.target.shape[0] != n:
            raise ValueError("source and target must have the same length")
        self.plan.n = n
        self.plan.factors[0] = red
        self.plan.factors[1] = green
        self.plan.factors[2] = blue
        if n:
            self.plan.source = &self.source[0]
            self.plan.target = &self.target[0]
