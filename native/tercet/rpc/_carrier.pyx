# cython: auto_pickle=False
"""The seam between the runtime and a proxy: streams that are not answered here.

Where `route` gives a Forwarder for a path, its streams are not taken apart into messages: a Carrier
is told of the frames that come, and asked for those that are to go.
"""

cimport nghttp2 as h2
from libc.stdint cimport int32_t, uint8_t, uint32_t


cdef class Carrier(Entry):
    """One stream that is carried on. Told everything from within callbacks of nghttp2: it may
    submit, and must not make the connection read or send.
    """

    # What has a handler of its own has a task.
    task = None

    cdef int data(self, const uint8_t* data, Py_ssize_t size) except -1:
        """Bytes of DATA have come; who has used them gives them back by `Connection.consume`."""
        raise NotImplementedError

    cdef int ended(self) except -1:
        """The client has half-closed."""
        raise NotImplementedError

    cdef int closed(self, uint32_t code) except -1:
        """The stream is over, for whatever reason; nothing is called any more."""
        raise NotImplementedError

    cdef int stop(self) except -1:
        """The server ends every call now: answers the stream."""
        raise NotImplementedError

    cdef Py_ssize_t available(self) noexcept:
        """How many bytes of DATA could be sent."""
        return 0

    cdef bint is_last(self) noexcept:
        """Whether nothing comes after those that are available."""
        return True

    cdef int submit_trailers(self, h2.nghttp2_session* session, int32_t stream_id) except -1:
        """Submits the trailers, and returns 1; 0 if there are none, and END_STREAM is to be on the
        last DATA frame.
        """
        raise NotImplementedError

    cdef int copy_out(self, uint8_t* to, Py_ssize_t size) except -1:
        """Moves so many of the available bytes."""
        raise NotImplementedError


cdef class Forwarder:
    """What a path leads to, if its streams are carried on."""

    whole = False

    cdef Carrier carry(self, connection, stream):
        """Begins to carry a stream whose headers are complete."""
        raise NotImplementedError
