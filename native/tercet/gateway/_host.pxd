"""The upstream of a call, as the call knows it."""


cdef class Host:
    cdef readonly str name

    cdef int dispatch(self, call) except -1
    cdef int released(self, call) except -1
    cdef int room_made(self) except -1
    cdef int given_up(self, call) except -1
