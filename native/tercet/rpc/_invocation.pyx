# cython: auto_pickle=False
"""The metadata of a request, as its handler sees it (gRPC over HTTP/2, "Custom-Metadata")."""

cimport nghttp2 as h2
from cpython.unicode cimport PyUnicode_DecodeLatin1, PyUnicode_DecodeUTF8
from libc.string cimport memcmp

from tercet.rpc._stream cimport Stream

from tercet.rpc.native import metadata

cdef frozenset reserved = metadata.RESERVED
cdef object Metadatum = metadata.Metadatum
cdef object from_base64 = metadata.from_base64


cdef tuple received(Stream stream):
    """In the order of the wire, without what belongs to HTTP or to gRPC itself."""
    cdef h2.nghttp2_vec name, value
    cdef list found = []
    cdef int index
    for index in range(stream.fields.count):
        name = h2.nghttp2_rcbuf_get_buf(stream.fields.at[index].name)
        if name.len > 0 and name.base[0] == b":":
            continue
        key = PyUnicode_DecodeLatin1(<char*> name.base, name.len, NULL)
        if key in reserved:
            continue
        value = h2.nghttp2_rcbuf_get_buf(stream.fields.at[index].value)
        if name.len > 4 and memcmp(name.base + name.len - 4, b"-bin", 4) == 0:
            # Several values may be joined by commas.
            for part in (<char*> value.base)[:value.len].split(b","):
                found.append(tuple.__new__(Metadatum, (key, from_base64(part))))
        else:
            text = PyUnicode_DecodeUTF8(<char*> value.base, value.len, "replace")
            found.append(tuple.__new__(Metadatum, (key, text)))
    return tuple(found)
