# cython: auto_pickle=False
"""Power of two choices: of two endpoints drawn at random, the one with fewer calls in flight.

Almost as even as asking everyone, with two looks; and, unlike "the least loaded of all", it does not
send every gateway to the same endpoint at once. Mitzenmacher, "The Power of Two Choices in
Randomized Load Balancing", IEEE TPDS 12(10), 2001.
"""

from libc.stdint cimport int64_t

from tercet.gateway._policy cimport Candidates, Draw, Policy


cdef class LeastOfTwo(Policy):
    """The default policy. Where weights differ, both draws follow them, and loads count as shares.

    Args:
        seed: Of the draws.
    """

    cdef Draw draw

    def __cinit__(self, seed):
        self.draw = Draw(seed)

    cdef Py_ssize_t pick(self, Candidates among) noexcept:
        cdef Py_ssize_t one, other
        cdef int64_t first, second
        if among.count == 1:
            return 0
        if among.uneven:
            one = self.by_weight(among, -1)
            other = self.by_weight(among, one)
            # What each would have with this call: an idle one's share counts too.
            return other if (
                (among.load(other) + 1) * among.weight(one)
                < (among.load(one) + 1) * among.weight(other)
            ) else one
        one = self.draw.below(among.count)
        other = self.draw.below(among.count - 1)
        if other >= one:
            other += 1
        first, second = among.load(one), among.load(other)
        return other if second < first else one

    cdef Py_ssize_t by_weight(self, Candidates among, Py_ssize_t but) noexcept:
        """One of them, as often as its weight says; never `but`."""
        cdef Py_ssize_t index, last = 0
        cdef double total = 0, at
        for index in range(among.count):
            if index != but:
                total += among.weight(index)
        at = self.draw.unit() * total
        for index in range(among.count):
            if index != but:
                last = index
                at -= among.weight(index)
                if at < 0:
                    break
        return last
