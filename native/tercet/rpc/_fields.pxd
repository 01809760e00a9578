"""The fields of one header block, for what receives and what sends them."""

cimport nghttp2 as h2
from libc.stdint cimport uint8_t

cdef enum:
    FIELDS_INSIDE = 12


cdef struct Field:
    h2.nghttp2_rcbuf* name
    h2.nghttp2_rcbuf* value
    # As received: a field that is never to be indexed stays so on the next hop (RFC 7541, 6.2.3).
    uint8_t flags


cdef struct Fields:
    # Points to `inside` while they fit: never move it.
    Field* at
    int count
    int capacity
    Field[FIELDS_INSIDE] inside


cdef void fields_open(Fields* self) noexcept
cdef int fields_keep(
    Fields* self, h2.nghttp2_rcbuf* name, h2.nghttp2_rcbuf* value, uint8_t flags
) except -1
cdef void fields_clear(Fields* self) noexcept
cdef void fields_close(Fields* self) noexcept
