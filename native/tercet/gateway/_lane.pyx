# cython: auto_pickle=False
"""The seam between calls and the connections that they go out on."""

from libc.stdint cimport uint32_t


cdef class Lane(Session):
    """One connection to an endpoint. Nothing here may be called when it is lost."""

    cdef bint has_room(self) noexcept:
        return not self.leaving and self.open_calls < self.most_calls

    cdef int open(self, call) except -1:
        """Begins a stream for a call; `Call.lane_closed` is called when it has ended."""
        raise NotImplementedError

    cdef int resume(self, call) except -1:
        """There is more of the call's request to be sent."""
        raise NotImplementedError

    cdef int consume(self, call, Py_ssize_t size) except -1:
        """So many bytes of the call's answer have gone on."""
        raise NotImplementedError

    cdef int reset(self, call, uint32_t code) except -1:
        """Ends the call's stream."""
        raise NotImplementedError
