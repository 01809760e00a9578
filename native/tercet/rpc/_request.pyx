# cython: auto_pickle=False
"""Whether a request is a gRPC call at all (gRPC over HTTP/2, "Requests")."""

cimport nghttp2 as h2
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from tercet.rpc._stream cimport Stream

from tercet.rpc.native import compression, metadata

cdef enum:
    INTERNAL = 13
    UNIMPLEMENTED = 12

ENCODINGS = compression.ACCEPTED.decode()
cdef dict NUMBERS = compression.NUMBERS


class NotGrpc(Exception):
    """It is answered in HTTP, with these header fields."""

    def __init__(self, *fields):
        super().__init__(fields)
        self.fields = list(fields)


class Refused(Exception):
    """It is answered with this status."""

    def __init__(self, code, details, trailing=()):
        super().__init__(details)
        self.code = code
        self.details = details
        self.trailing = trailing


cdef inline bint same(h2.nghttp2_vec piece, const char* text, size_t size) noexcept:
    return piece.len == size and memcmp(piece.base, text, size) == 0


cdef inline bytes text(h2.nghttp2_vec piece):
    return (<char*> piece.base)[:piece.len]


def seconds(bytes value):
    """The time that a grpc-timeout gives a call, or None if it is malformed ("Timeout")."""
    cdef h2.nghttp2_vec piece
    cdef double found
    piece.base = value
    piece.len = len(value)
    found = parsed(piece)
    return None if found < 0 else found


cdef double parsed(h2.nghttp2_vec value) noexcept:
    """One to eight digits and a unit; -1 if it is anything else."""
    cdef double number = 0
    cdef size_t index
    cdef uint8_t unit
    if not 2 <= value.len <= 9:
        return -1
    for index in range(value.len - 1):
        if not b"0" <= value.base[index] <= b"9":
            return -1
        number = 10 * number + (value.base[index] - <uint8_t> b"0")
    unit = value.base[value.len - 1]
    if unit == b"H":
        return number * 3600
    if unit == b"M":
        return number * 60
    if unit == b"S":
        return number
    if unit == b"m":
        return number / 1e3
    if unit == b"u":
        return number / 1e6
    if unit == b"n":
        return number / 1e9
    return -1


cdef double timeout_of(Stream stream) except? -2:
    """Examines the fields of a request; returns the seconds that its call has, -1 for no limit.

    Raises:
        NotGrpc: Another content type (415) or method (405).
        Refused: A field of gRPC's is malformed, or an encoding is unknown.
    """
    cdef h2.nghttp2_vec name, value
    cdef bint grpc = False, post = False, trailers = False
    cdef double timeout = -1
    cdef int index
    encoding = malformed = None
    for index in range(stream.fields.count):
        name = h2.nghttp2_rcbuf_get_buf(stream.fields.at[index].name)
        value = h2.nghttp2_rcbuf_get_buf(stream.fields.at[index].value)
        if same(name, b":method", 7):
            post = same(value, b"POST", 4)
        elif same(name, b"content-type", 12):
            grpc = (
                value.len >= 16 and memcmp(value.base, b"application/grpc", 16) == 0
                and (value.len == 16 or value.base[16] == b"+" or value.base[16] == b";")
            )
        elif same(name, b"te", 2):
            trailers = same(value, b"trailers", 8)
        elif same(name, b"grpc-timeout", 12):
            timeout = parsed(value)
            if timeout < 0:
                malformed = "Error parsing 'grpc-timeout' metadata"
        elif same(name, b"grpc-encoding", 13):
            encoding = text(value)
        elif name.len > 4 and memcmp(name.base + name.len - 4, b"-bin", 4) == 0:
            if not metadata.is_base64(text(value)):
                malformed = (
                    f"Error parsing '{text(name).decode()}' metadata: illegal base64 encoding")
    if not grpc:
        raise NotGrpc((b":status", b"415"))
    if not post:
        raise NotGrpc((b":status", b"405"), (b"allow", b"POST"))
    if not trailers:
        # A proxy that strips it would strip the trailers too.
        raise Refused(INTERNAL, "the request has no `te: trailers`")
    if malformed is not None:
        raise Refused(INTERNAL, malformed)
    if encoding is not None:
        if encoding not in NUMBERS:
            raise Refused(
                UNIMPLEMENTED,
                f"grpc-encoding {encoding.decode('latin-1')!r} is not supported",
                (("grpc-accept-encoding", ENCODINGS),),
            )
        stream.encoding = NUMBERS[encoding]
    return timeout
