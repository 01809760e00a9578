"""The examination of a request, for what begins calls."""

from tercet.rpc._stream cimport Stream

cdef double timeout_of(Stream stream) except? -2
