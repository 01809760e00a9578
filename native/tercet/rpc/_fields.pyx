"""The fields of a header block, kept without copying them: HPACK's own buffers are counted references.

Most blocks have a dozen fields, and need no memory of their own.
"""

cimport nghttp2 as h2
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t
from libc.string cimport memcpy


cdef void fields_open(Fields* self) noexcept:
    self.at = self.inside
    self.count = 0
    self.capacity = FIELDS_INSIDE


cdef int fields_keep(
    Fields* self, h2.nghttp2_rcbuf* name, h2.nghttp2_rcbuf* value, uint8_t flags
) except -1:
    cdef Field* more
    if self.count == self.capacity:
        more = <Field*> PyMem_Malloc(2 * self.capacity * sizeof(Field))
        if more == NULL:
            raise MemoryError
        memcpy(more, self.at, self.count * sizeof(Field))
        if self.at != self.inside:
            PyMem_Free(self.at)
        self.at = more
        self.capacity *= 2
    h2.nghttp2_rcbuf_incref(name)
    h2.nghttp2_rcbuf_incref(value)
    self.at[self.count].name = name
    self.at[self.count].value = value
    self.at[self.count].flags = flags
    self.count += 1
    return 0


cdef void fields_clear(Fields* self) noexcept:
    """Lets all of them go; the room stays."""
    cdef int index
    for index in range(self.count):
        h2.nghttp2_rcbuf_decref(self.at[index].name)
        h2.nghttp2_rcbuf_decref(self.at[index].value)
    self.count = 0


cdef void fields_close(Fields* self) noexcept:
    fields_clear(self)
    if self.at != self.inside:
        PyMem_Free(self.at)
        self.at = self.inside
