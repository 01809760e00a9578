# cython: auto_pickle=False
"""One call on the wire: the fields of its request, and its messages both ways.

Knows the framing of gRPC (gRPC over HTTP/2, "Length-Prefixed-Message") and nothing of HTTP/2: the
connection feeds and drains it. A stream that is carried on has its fields alone.

Most calls have a dozen fields, one message each way and no more: these need no allocation of their
own beside the message's.

A message is bytes, or Packed if it is compressed; what is in it is nobody's business here.
"""

from collections import deque

cimport cython
cimport nghttp2 as h2
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy

from tercet.rpc._fields cimport fields_close, fields_open

cdef extern from "Python.h":
    # A message under construction has one owner, without which it cannot be resized: no object of
    # Cython's may hold it meanwhile.
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char*, Py_ssize_t) except NULL
    int resize_bytes "_PyBytes_Resize"(PyObject**, Py_ssize_t) except -1
    char* bytes_at "PyBytes_AS_STRING"(PyObject*)
    Py_ssize_t bytes_size "PyBytes_GET_SIZE"(PyObject*)

cdef enum:
    # A client may name any length: memory is taken as the bytes come, beyond this.
    TRUSTED = 1 << 20
    GROWTH = 16
    # Bytes of unread messages above which no more are made, nor the stream's window opened.
    HIGH_WATER = 65536
    # Of a message's object, beside its bytes.
    OVERHEAD = 64
    CATCH_UP = 16384


cdef inline bytes text(h2.nghttp2_rcbuf* kept):
    cdef h2.nghttp2_vec found = h2.nghttp2_rcbuf_get_buf(kept)
    return (<char*> found.base)[:found.len]


cdef inline Py_ssize_t size_of(message):
    return PyBytes_GET_SIZE((<Packed> message).data if type(message) is Packed else message)


@cython.final
cdef class Packed:
    """A compressed message; the fields of its call say how."""

    def __cinit__(self, bytes data not None):
        self.data = data


@cython.final
@cython.freelist(64)
cdef class Stream:
    """One call. Made by its connection, to which its methods belong."""

    def __cinit__(self, int32_t stream_id):
        self.id = stream_id
        fields_open(&self.fields)

    def __dealloc__(self):
        fields_close(&self.fields)
        Py_XDECREF(self.partial)

    @property
    def headers(self):
        """The fields of the request in the order of the wire, but for :path."""
        cdef int index
        return [
            (text(self.fields.at[index].name), text(self.fields.at[index].value))
            for index in range(self.fields.count)
        ]

    @property
    def readable(self):
        """Whether a message waits."""
        return self.first is not None

    cdef bint accept(
        self, const uint8_t* data, Py_ssize_t size, Py_ssize_t max_message
    ) except -1:
        """Takes the next bytes of the request; whether a message is whole with them."""
        if self.backlog is None and not self.is_full():
            return self.parse(data, size, max_message)
        # As objects, small messages take ten times their bytes: these wait as they are.
        if self.backlog is None:
            self.backlog = bytearray()
        self.backlog += (<char*> data)[:size]
        return False

    cdef bint is_full(self):
        return self.unread >= HIGH_WATER

    cdef int catch_up(self, Py_ssize_t max_message) except -1:
        """Reads on in what had to wait."""
        cdef Py_ssize_t size = min(len(self.backlog), CATCH_UP)
        cdef bytes piece = bytes(self.backlog[:size])
        if size == len(self.backlog):
            self.backlog = None
        else:
            del self.backlog[:size]
        self.parse(piece, size, max_message)
        if self.half_closed:
            self.end()
        return 0

    cdef int end(self) except -1:
        """The client has sent all."""
        self.half_closed = True
        if self.backlog is None and self.refusal is None and (
            self.partial != NULL or self.prefix_have > 0
        ):
            self.refusal = (13, b"the request ended inside a message")
        return 0

    cdef bint parse(self, const uint8_t* data, Py_ssize_t size, Py_ssize_t max_message) except -1:
        cdef Py_ssize_t step
        cdef bint arrived = False
        while size > 0 and self.refusal is None:
            if self.partial == NULL:
                step = min(size, PREFIX - self.prefix_have)
                memcpy(self.prefix + self.prefix_have, data, step)
                self.prefix_have += <int> step
                data += step
                size -= step
                if self.prefix_have < PREFIX:
                    break
                self.prefix_have = 0
                self.partial_size = (
                    (<Py_ssize_t> self.prefix[1] << 24) | (self.prefix[2] << 16)
                    | (self.prefix[3] << 8) | self.prefix[4])
                if self.prefix[0] > 1:
                    self.refusal = (13, b"the message prefix has unknown flags")
                    break
                if 0 <= max_message < self.partial_size:
                    self.refusal = (8, b"SERVER: Received message larger than max (%d vs. %d)"
                                    % (self.partial_size, max_message))
                    break
                self.partial = new_bytes(NULL, min(self.partial_size, TRUSTED))
                self.partial_have = 0
            if self.partial_have == bytes_size(self.partial) < self.partial_size:
                try:
                    self.make_room()
                except MemoryError:
                    self.refusal = (8, b"no memory for a message of %d bytes" % self.partial_size)
                    break
            step = min(size, bytes_size(self.partial) - self.partial_have)
            memcpy(bytes_at(self.partial) + self.partial_have, data, step)
            self.partial_have += step
            data += step
            size -= step
            if self.partial_have == self.partial_size:
                whole = <object> self.partial
                Py_XDECREF(self.partial)
                self.partial = NULL
                self.store(Packed(whole) if self.prefix[0] else whole)
                arrived = True
        return arrived

    cdef int make_room(self) except -1:
        """Grows what is there of a large message; the C library moves pages, not bytes."""
        cdef Py_ssize_t size = min(GROWTH * self.partial_have, self.partial_size)
        # If it fails, the old one is freed and NULL left.
        resize_bytes(&self.partial, size)
        return 0

    cdef int store(self, piece) except -1:
        self.unread += size_of(piece) + OVERHEAD
        if self.first is None:
            self.first = piece
        else:
            if self.others is None:
                self.others = deque()
            self.others.append(piece)
        return 0

    cdef next_message(self, Py_ssize_t max_message):
        while self.first is None and self.backlog is not None:
            self.catch_up(max_message)
        message = self.first
        if message is not None:
            self.unread -= size_of(message) + OVERHEAD
            self.first = self.others.popleft() if self.others else None
        return message

    cdef int queue(self, piece) except -1:
        """Queues a message."""
        if type(piece) is not bytes and type(piece) is not Packed:
            raise TypeError(f"a message must be bytes, not {type(piece).__name__}")
        self.unsent += size_of(piece) + PREFIX
        if self.head is None:
            self.take_up(piece)
        else:
            if self.later is None:
                self.later = deque()
            self.later.append(piece)
        return 0

    cdef void take_up(self, piece) noexcept:
        """Makes it the one that is sent."""
        self.flag = type(piece) is Packed
        self.head = (<Packed> piece).data if self.flag else <bytes> piece
        self.offset = -PREFIX

    cdef void copy_out(self, uint8_t* to, Py_ssize_t size):
        """Moves so many of the unsent bytes, with their prefixes."""
        cdef Py_ssize_t step, length
        self.unsent -= size
        while size > 0:
            length = PyBytes_GET_SIZE(self.head)
            if self.offset < 0:
                # The prefix may be cut by the end of a window as anything else.
                while self.offset < 0 and size > 0:
                    to[0] = self.flag if self.offset == -PREFIX else (
                        (<uint32_t> length >> (8 * (-self.offset - 1))) & 0xFF)
                    to += 1
                    size -= 1
                    self.offset += 1
            step = min(size, length - self.offset) if self.offset >= 0 else 0
            memcpy(to, PyBytes_AS_STRING(self.head) + self.offset, step)
            to += step
            size -= step
            self.offset += step
            if self.offset == length:
                if self.later:
                    self.take_up(self.later.popleft())
                else:
                    self.head = None
