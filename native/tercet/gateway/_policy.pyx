# cython: auto_pickle=False
"""Balancing policies, and what they see.

A policy picks one of some candidates by what they are at work on. It is pure: it knows no endpoint
and no clock, and its randomness is given to it, so that its distribution can be simulated. It is
asked once for each call, thus in C.
"""

from libc.stdint cimport int64_t, uint64_t


cdef class Candidates:
    """Those who can be picked now: at least one."""

    cdef int64_t load(self, Py_ssize_t index) noexcept:
        """Calls in flight, of all gateways."""
        return 0

    cdef double weight(self, Py_ssize_t index) noexcept:
        """Its share of the calls; positive."""
        return 1


cdef class Policy:
    """Picks who gets the next call."""

    cdef Py_ssize_t pick(self, Candidates among) noexcept:
        """The index of one of the candidates."""
        return 0


cdef class Draw:
    """Random numbers: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift
    generators, scrambled", ACM TOMS 42(4), 2016).

    Args:
        seed: Equal seeds give equal numbers.
    """

    def __cinit__(self, seed):
        # The state must not be 0, and small seeds are to differ in more than their low bits.
        self.state = ((<uint64_t> (seed & 0xFFFFFFFFFFFFFFFF)) * 0x9E3779B97F4A7C15u) or 1

    cdef uint64_t next(self) noexcept:
        self.state ^= self.state >> 12
        self.state ^= self.state << 25
        self.state ^= self.state >> 27
        return self.state * 0x2545F4914F6CDD1Du

    cdef Py_ssize_t below(self, Py_ssize_t bound) noexcept:
        """Of [0, bound), for a bound below 2^32: Lemire's multiplication, whose bias is as small."""
        return <Py_ssize_t> (((self.next() >> 32) * <uint64_t> bound) >> 32)

    cdef double unit(self) noexcept:
        """Of [0, 1)."""
        return (self.next() >> 11) * (1.0 / 9007199254740992.0)


cdef class Listed(Candidates):
    """Candidates whose loads are told, for simulations."""

    cdef list loads
    cdef list weights

    def __cinit__(self, loads, weights):
        self.loads = list(loads)
        self.weights = list(weights)
        self.count = len(self.loads)
        self.uneven = len(set(self.weights)) > 1

    cdef int64_t load(self, Py_ssize_t index) noexcept:
        return self.loads[index]

    cdef double weight(self, Py_ssize_t index) noexcept:
        return self.weights[index]


def pick(Policy policy not None, loads, weights):
    """What a policy picks, by index.

    Raises:
        ValueError: There is nobody to pick, or there are more loads than weights or fewer.
    """
    if not loads or len(loads) != len(weights):
        raise ValueError("there must be at least one load, and a weight for each")
    return policy.pick(Listed(loads, weights))
