# cython: auto_pickle=False
"""The seam between calls and the upstream that finds endpoints for them."""


cdef class Host:
    """Finds an endpoint for each call."""

    cdef int dispatch(self, call) except -1:
        """Has `Call.start` called with an endpoint, now or later, or `Call.fail`."""
        raise NotImplementedError

    cdef int released(self, call) except -1:
        """The call's endpoint works on it no more."""
        raise NotImplementedError

    cdef int room_made(self) except -1:
        """An endpoint takes more calls than before."""
        raise NotImplementedError

    cdef int given_up(self, call) except -1:
        """The call waits for an endpoint no more."""
        raise NotImplementedError
