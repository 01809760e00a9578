"""The examination of a request, for what begins calls."""

cimport nghttp2 as h2

from tercet.rpc._stream cimport Stream

cdef double timeout_of(Stream stream) except? -2
cdef double parsed(h2.nghttp2_vec value) noexcept
