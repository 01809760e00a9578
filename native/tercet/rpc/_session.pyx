# cython: auto_pickle=False
"""What the two ends of HTTP/2 have in common: an nghttp2 session, and how its bytes leave it.

Rules:
* All methods belong to one thread, and none may be called from within a callback of nghttp2 that
  belongs to the same session: callbacks only submit.
* An exception inside a callback is kept and raised by the method that called nghttp2.
"""

cimport nghttp2 as h2
from cpython.bytearray cimport (
    PyByteArray_AS_STRING,
    PyByteArray_GET_SIZE,
    PyByteArray_Resize,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    void* PyObject_Malloc(size_t)
    void* PyObject_Calloc(size_t, size_t)
    void* PyObject_Realloc(void*, size_t)
    void PyObject_Free(void*)


cdef class Session:
    """Base of a connection, which opens the session."""

    def __dealloc__(self):
        if self.session:
            h2.nghttp2_session_del(self.session)

    @property
    def wants_write(self):
        return bool(h2.nghttp2_session_want_write(self.session))

    @property
    def ended(self):
        """Whether the connection is over and may be closed."""
        return not (h2.nghttp2_session_want_read(self.session)
                    or h2.nghttp2_session_want_write(self.session))

    @property
    def waiting_frames(self):
        """How many frames wait to be sent, DATA aside."""
        return h2.nghttp2_session_get_outbound_queue_size(self.session)

    cdef Py_ssize_t fill(self, bytearray sink) except -1:
        """Puts what is to be sent now at the front of a buffer, which grows if it must; its size."""
        cdef const uint8_t* piece
        cdef ssize_t size
        self.sink = sink
        self.filled = 0
        try:
            while self.filled < FILL_AT_MOST:
                size = h2.nghttp2_session_mem_send(self.session, &piece)
                if self.error is not None:
                    self.raise_kept()
                if size < 0:
                    check(<int> size)
                if size == 0:
                    break
                memcpy(self.put(size), piece, size)
        finally:
            self.sink = None
        return self.filled

    cdef uint8_t* put(self, Py_ssize_t size) except NULL:
        """Room for so many bytes more of what is to be sent."""
        cdef uint8_t* at
        if self.filled + size > PyByteArray_GET_SIZE(self.sink):
            PyByteArray_Resize(self.sink, 2 * (self.filled + size))
        at = <uint8_t*> PyByteArray_AS_STRING(self.sink) + self.filled
        self.filled += size
        return at

    cdef void* find(self, int32_t stream_id) noexcept:
        """What belongs to a stream, or NULL: most frames, and all fields, are of the last one."""
        if stream_id != self.found_id or self.found == NULL:
            self.found_id = stream_id
            self.found = h2.nghttp2_session_get_stream_user_data(self.session, stream_id)
        return self.found

    cdef void forget(self) noexcept:
        """A stream is over."""
        self.found = NULL

    cdef raise_kept(self):
        if self.error is not None:
            error = self.error
            self.error = None
            raise error


# Streams, frames and fields are small and short-lived, which is what Python's allocator is made for:
# of a proxied call's time, malloc and free had been 8 % (perf), these are 2.
cdef h2.nghttp2_mem python_memory
python_memory.mem_user_data = NULL
python_memory.malloc = new_memory
python_memory.free = free_memory
python_memory.calloc = new_zeros
python_memory.realloc = change_memory


cdef h2.nghttp2_mem* memory() noexcept:
    """What sessions take memory from; they are used under the GIL alone."""
    return &python_memory


cdef void* new_memory(size_t size, void* user) noexcept:
    return PyObject_Malloc(size)


cdef void free_memory(void* memory, void* user) noexcept:
    PyObject_Free(memory)


cdef void* new_zeros(size_t count, size_t size, void* user) noexcept:
    return PyObject_Calloc(count, size)


cdef void* change_memory(void* memory, size_t size, void* user) noexcept:
    return PyObject_Realloc(memory, size)


cdef int check(int code) except -1:
    if code < 0:
        raise RuntimeError(f"nghttp2: {h2.nghttp2_strerror(code).decode()}")
    return 0


cdef void set_nv(h2.nghttp2_nv* nv, bytes name, bytes value) noexcept:
    nv.name = <uint8_t*> PyBytes_AS_STRING(name)
    nv.namelen = PyBytes_GET_SIZE(name)
    nv.value = <uint8_t*> PyBytes_AS_STRING(value)
    nv.valuelen = PyBytes_GET_SIZE(value)
    nv.flags = h2.NGHTTP2_NV_FLAG_NONE


cdef void set_constant_nv(h2.nghttp2_nv* nv, bytes name, bytes value) noexcept:
    """Both live as long as the module: nghttp2 need not copy them."""
    set_nv(nv, name, value)
    nv.flags = h2.NGHTTP2_NV_FLAG_NO_COPY_NAME | h2.NGHTTP2_NV_FLAG_NO_COPY_VALUE


cdef h2.nghttp2_nv* new_nvs(list pairs) except NULL:
    """For PyMem_Free; the pairs must outlive it."""
    cdef Py_ssize_t index = 0
    cdef h2.nghttp2_nv* nvs = <h2.nghttp2_nv*> PyMem_Malloc(len(pairs) * sizeof(h2.nghttp2_nv))
    if nvs == NULL:
        raise MemoryError
    try:
        for name, value in pairs:
            set_nv(&nvs[index], name, value)
            index += 1
    except BaseException:
        PyMem_Free(nvs)
        raise
    return nvs
