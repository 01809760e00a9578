# cython: auto_pickle=False
"""Round robin: each in turn, whatever it is at work on.

Where weights differ, nginx's smooth variant: each round adds to every candidate its weight, the
richest is picked and pays the total, so that a heavy one's turns are spread out.
"""

from libc.stdlib cimport free, realloc

from tercet.gateway._policy cimport Candidates, Policy


cdef class RoundRobin(Policy):
    """For calls that are alike, and endpoints whose other load is not known here."""

    cdef Py_ssize_t turn
    # What each candidate has, for weights.
    cdef double* credit
    cdef Py_ssize_t size

    def __dealloc__(self):
        free(self.credit)

    cdef Py_ssize_t pick(self, Candidates among) noexcept:
        self.turn += 1
        if among.uneven and self.fits(among.count):
            return self.richest(among)
        # A list that has changed since goes on somewhere in it, which is as good as anywhere.
        return self.turn % among.count

    cdef Py_ssize_t richest(self, Candidates among) noexcept:
        cdef Py_ssize_t index, best = 0
        cdef double total = 0
        for index in range(among.count):
            self.credit[index] += among.weight(index)
            total += among.weight(index)
            if self.credit[index] > self.credit[best]:
                best = index
        self.credit[best] -= total
        return best

    cdef bint fits(self, Py_ssize_t count) noexcept:
        """Whether there is a credit for each; another number of candidates begins anew."""
        cdef double* more
        cdef Py_ssize_t index
        if count != self.size:
            more = <double*> realloc(self.credit, count * sizeof(double))
            if more == NULL:
                return False
            self.credit = more
            self.size = count
            for index in range(count):
                self.credit[index] = 0
        return True
