# cython: auto_pickle=False
"""Bytes of one direction of a call, between the connection that they came from and the one that they
go to.

They lie in chunks of two sizes: most calls have one small message, large ones fill DATA frames.
Chunks that are free are kept for the next call, so that a stream in full flow takes no memory that
is new, up to a limit for all calls of the process. Belongs to the thread of the loop.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef enum:
    SMALL = 1024
    LARGE = 16384
    # Of each size, free ones that are kept: 32 MiB of the large.
    MOST_FREE = 2048

cdef Chunk* free_small = NULL
cdef Chunk* free_large = NULL
cdef int small_count = 0
cdef int large_count = 0


cdef Chunk* new_chunk(Py_ssize_t size) except NULL:
    global free_small, free_large, small_count, large_count
    cdef Chunk* made
    cdef Py_ssize_t room = SMALL if size <= SMALL else LARGE
    if room == SMALL and free_small != NULL:
        made = free_small
        free_small = made.next
        small_count -= 1
    elif room == LARGE and free_large != NULL:
        made = free_large
        free_large = made.next
        large_count -= 1
    else:
        made = <Chunk*> malloc(sizeof(Chunk) + room)
        if made == NULL:
            raise MemoryError
        made.bytes = <uint8_t*> made + sizeof(Chunk)
        made.room = room
    made.next = NULL
    made.size = 0
    return made


cdef void free_chunk(Chunk* chunk) noexcept:
    global free_small, free_large, small_count, large_count
    if chunk.room == SMALL and small_count < MOST_FREE:
        chunk.next = free_small
        free_small = chunk
        small_count += 1
    elif chunk.room == LARGE and large_count < MOST_FREE:
        chunk.next = free_large
        free_large = chunk
        large_count += 1
    else:
        free(chunk)


cdef int buffer_append(Buffer* self, const uint8_t* data, Py_ssize_t size) except -1:
    cdef Py_ssize_t step
    cdef Chunk* chunk
    self.unsent += size
    while size > 0:
        chunk = self.last
        if chunk == NULL or chunk.size == chunk.room:
            chunk = new_chunk(size)
            if self.last == NULL:
                self.first = chunk
            else:
                self.last.next = chunk
            self.last = chunk
            if self.reading == NULL:
                self.reading = chunk
                self.offset = 0
        step = min(size, chunk.room - chunk.size)
        memcpy(chunk.bytes + chunk.size, data, step)
        chunk.size += step
        data += step
        size -= step
    return 0


cdef void buffer_take(Buffer* self, uint8_t* to, Py_ssize_t size) noexcept:
    """Moves so many of the unsent bytes; there must be as many."""
    cdef Py_ssize_t step
    cdef Chunk* chunk
    self.unsent -= size
    if self.keeps:
        self.kept += size
    while size > 0:
        chunk = self.reading
        step = min(size, chunk.size - self.offset)
        memcpy(to, chunk.bytes + self.offset, step)
        to += step
        size -= step
        self.offset += step
        if self.offset == chunk.size:
            if chunk.next == NULL and chunk.size < chunk.room and self.unsent == 0:
                if self.keeps:
                    return
                # The next bytes go to its front.
                chunk.size = self.offset = 0
                return
            self.reading = chunk.next
            self.offset = 0
            if not self.keeps:
                self.first = chunk.next
                if self.first == NULL:
                    self.last = NULL
                free_chunk(chunk)


cdef void buffer_let_go(Buffer* self) noexcept:
    """What was sent is not needed any more, nor what will be."""
    cdef Chunk* chunk
    self.keeps = False
    self.kept = 0
    while self.first != self.reading:
        chunk = self.first
        self.first = chunk.next
        free_chunk(chunk)
    if self.first == NULL:
        self.last = NULL


cdef void buffer_rewind(Buffer* self) noexcept:
    """What was kept is sent again."""
    self.reading = self.first
    self.offset = 0
    self.unsent += self.kept
    self.kept = 0


cdef void buffer_clear(Buffer* self) noexcept:
    cdef Chunk* chunk
    while self.first != NULL:
        chunk = self.first
        self.first = chunk.next
        free_chunk(chunk)
    self.last = self.reading = NULL
    self.offset = self.unsent = self.kept = 0
