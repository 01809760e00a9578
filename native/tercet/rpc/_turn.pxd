"""The end of a turn of the loop, for what sends then."""


cdef class Turn:
    cdef object loop
    cdef list due
    cdef bint planned

    cdef int add(self, connection) except -1


cdef Turn turn_of(loop)
