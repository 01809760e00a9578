# cython: auto_pickle=False
"""The native thread pool (native/include/tercet/pool.h) as Python objects.

Guarantees, beside those of pool.h:
    * From `Pool.submit` until `Pool.finished` hands it out, the pool holds a reference to the job,
      so a kernel's buffers, which the job holds, outlive its tiles.
    * No thread of the pool takes the GIL, except to run a tile of a `PythonTiles`.
"""

import os
import warnings

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EAGAIN
from libc.stdint cimport INT32_MAX, int32_t, int64_t
from libc.stdlib cimport free
from libc.string cimport memset


cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)


cdef extern from "tercet/job.h" nogil:
    enum: TERCET_APART


cdef extern from "tercet/tile.h" nogil:
    bint tercet_cancelled(const int32_t *cancel)


cdef extern from "tercet/pool.h" nogil:
    ctypedef struct tercet_statistics:
        int64_t threads, idle, waiting, running, submitted, refused, finished, cancelled

    ctypedef struct tercet_pool:
        int wakeup
        tercet_statistics now

    int tercet_start(tercet_pool **made, int32_t threads, int64_t queue_limit)
    int tercet_submit(tercet_pool *pool, tercet_job *job)
    void tercet_cancel(tercet_pool *pool, tercet_job *job)
    tercet_job *tercet_take_finished(tercet_pool *pool)
    tercet_statistics tercet_read_statistics(tercet_pool *pool)
    void tercet_stop(tercet_pool *pool)
    int tercet_join(tercet_pool *pool, int64_t timeout)
    void tercet_free(tercet_pool *pool)


cdef extern from *:
    """
    static inline void tercet_raise_flag(int32_t *flag) {
        __atomic_store_n(flag, 1, __ATOMIC_RELAXED);
    }
    """
    void tercet_raise_flag(int32_t *flag) noexcept nogil


class QueueFull(Exception):
    """As many jobs wait for a thread as the pool allows."""


class PoolStopped(Exception):
    """The pool takes no more jobs."""


cdef class Job:
    """A job for the pool; this base has no tiles and does nothing.

    A kernel derives from it, calls `bind` in its `__init__` and keeps every buffer that its tiles
    touch as an attribute. Whoever made it may submit it, once. `cancel` may be called from any
    thread at any time; all else belongs to the thread that reads the pool's `fileno`. The times
    and results are there once `done` is true.
    """

    def __cinit__(self, *args, **kwargs):
        # The size is a multiple of the alignment, since the struct is so aligned.
        self.core = <tercet_job *>aligned_alloc(TERCET_APART, sizeof(tercet_job))
        if self.core == NULL:
            raise MemoryError()
        memset(self.core, 0, sizeof(tercet_job))

    def __dealloc__(self):
        free(self.core)

    cdef int bind(self, tercet_tile run, void *context, int64_t tiles) except -1:
        """Sets the work. `context` must stay valid as long as this object."""
        if self.core.run != NULL:
            raise RuntimeError("a job is bound once")
        self.core.run = run
        self.core.context = context
        self.core.tiles = tiles
        return 0

    def cancel(self):
        """Stops the job after the tiles that now run. No effect once it has finished."""
        cdef Pool pool = self.pool
        if pool is None:
            tercet_raise_flag(&self.core.cancel)
        else:
            tercet_cancel(pool.core, self.core)

    @property
    def cancelled(self):
        """Whether it was told to stop; then its results are undefined."""
        return tercet_cancelled(&self.core.cancel)

    @property
    def began(self):
        """Whether a thread has joined it. Meaningful once `done`."""
        return self.core.began != 0

    @property
    def tiles(self):
        return self.core.tiles

    @property
    def threads(self):
        """Most threads that may work on it at once; 0 before it is submitted."""
        return self.core.limit

    @property
    def queued(self):
        """Nanoseconds from submission until the first thread began."""
        if not self.done:
            raise RuntimeError("the job has not finished")
        return (self.core.began or self.core.ended) - self.core.submitted

    @property
    def running(self):
        """Nanoseconds from the first thread's begin until the last tile was done."""
        if not self.done:
            raise RuntimeError("the job has not finished")
        return self.core.ended - self.core.began if self.core.began else 0


cdef void run_python_tile(void *context, int64_t tile, const int32_t *cancel) noexcept with gil:
    (<PythonTiles>context).run(tile)


@cython.final
cdef class PythonTiles(Job):
    """Calls `function(low, high)` over the slices of `range(length)` that are `step` long.

    A tile holds the GIL but where `function` releases it, as Pillow, OpenCV and NumPy do; so it
    is for work that spends its time there. The first exception is kept in `error` and stops the
    job.
    """

    cdef object function
    cdef int64_t length
    cdef int64_t step

    def __init__(self, function, int64_t length, int64_t step):
        if length < 0 or step < 1:
            raise ValueError("length must be at least 0, and step at least 1")
        self.bind(run_python_tile, <void *>self, length // step + (length % step != 0))
        self.function = function
        self.length = length
        self.step = step

    cdef void run(self, int64_t tile) noexcept:
        cdef int64_t low = tile * self.step
        cdef int64_t high = min(low + self.step, self.length)
        try:
            self.function(low, high)
        except BaseException as error:
            if self.error is None:
                self.error = error
            tercet_raise_flag(&self.core.cancel)


@cython.final
cdef class Pool:
    """Threads that run jobs, in the order of their submission.

    Args:
        threads: Number of threads, 1 to 1024.
        queue_limit: Most jobs that wait for a thread, 1 or more.

    Owned by one thread, which watches `fileno` and calls all methods. To end it: `close`, then
    `finished` for the jobs that were cut off. It does not survive a fork: make it after.

    Raises:
        OSError: The system gives no more threads or file descriptors.
    """

    cdef tercet_pool *core
    cdef bint joined
    cdef int64_t queue_limit

    def __cinit__(self, int threads, int64_t queue_limit):
        cdef int error
        if not 1 <= threads <= 1024:
            raise ValueError("threads must be 1 to 1024")
        if queue_limit < 1:
            raise ValueError("queue_limit must be at least 1")
        error = tercet_start(&self.core, threads, queue_limit)
        if error:
            raise OSError(error, os.strerror(error))
        self.queue_limit = queue_limit

    def __dealloc__(self):
        if self.core == NULL:
            return
        if not self.joined:
            # Each unfinished job refers to its pool, so here the threads are idle and end at once.
            warnings.warn("a compute pool was dropped without close()", ResourceWarning)
            tercet_stop(self.core)
            with nogil:
                tercet_join(self.core, INT32_MAX)
        tercet_free(self.core)

    def fileno(self):
        """An eventfd, readable when `finished` has something to give. Not for closing."""
        return self.core.wakeup

    def submit(self, Job job not None, int threads=0):
        """Appends a job to the queue.

        Args:
            job: One that has never been submitted.
            threads: Most threads that may work on it at once; 0 and anything above the pool's
                number mean all.

        Raises:
            QueueFull: `queue_limit` jobs wait.
            PoolStopped: After `stop` or `close`.
        """
        cdef int error
        cdef int32_t all = <int32_t>self.core.now.threads
        if job.pool is not None or job.core.submitted:
            raise RuntimeError("a job is submitted once")
        if threads < 0:
            raise ValueError("threads must be at least 0")
        job.core.limit = min(threads, all) if threads else all
        job.core.owner = <void *>job
        job.pool = self
        Py_INCREF(job)
        error = tercet_submit(self.core, job.core)
        if error:
            job.pool = None
            Py_DECREF(job)
            if error == EAGAIN:
                raise QueueFull(f"{self.queue_limit} jobs wait for a thread")
            raise PoolStopped("the pool is stopped")

    def finished(self):
        """Takes the jobs that have finished since the last call, oldest first."""
        cdef tercet_job *core = tercet_take_finished(self.core)
        cdef Job job
        jobs = []
        while core != NULL:
            job = <Job>core.owner
            core = core.next
            job.done = True
            job.pool = None
            jobs.append(job)
            Py_DECREF(job)
        return jobs

    def statistics(self):
        """Counts: `threads` and `idle` ones of the pool; `waiting` and `running` jobs now;
        `submitted`, `refused` (queue full), `finished` and, of these, `cancelled` jobs so far.
        """
        return tercet_read_statistics(self.core)

    def stop(self):
        """Cancels every job and refuses new ones; does not wait."""
        tercet_stop(self.core)

    def close(self, double timeout):
        """Stops, then waits at most `timeout` seconds for the threads to end.

        Returns:
            Whether they did. If not, a tile still runs; its memory stays, and `close` may be
            called again.
        """
        cdef int error
        cdef int64_t nanoseconds = <int64_t>(min(max(timeout, 0.0), 1e9) * 1e9)
        tercet_stop(self.core)
        with nogil:
            error = tercet_join(self.core, nanoseconds)
        self.joined = error == 0
        return self.joined
