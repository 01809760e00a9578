/* A pool of threads that run jobs cut into tiles. Knows nothing of Python.
 *
 * Theory of operation
 *   A job is an array of `tiles` calls of one function. Submitted jobs stand in one FIFO list. A
 *   thread joins the first job that still has tiles and room (`limit`), takes tiles by an atomic
 *   increment until none is left or the job is cancelled, and leaves. Joining and leaving take
 *   the mutex; taking a tile does not. The last thread out moves the job to the list of finished
 *   jobs and makes `wakeup` (an eventfd) readable.
 *
 * Guarantees
 *   1. A job is finished exactly once, and after that no thread of the pool touches it.
 *   2. A cancelled job is finished when its last running tile has returned, not before; one that
 *      no thread has joined is finished at once, by whoever cancels it.
 *   3. Every tile has run once when a job finishes that was not cancelled.
 *   4. What a tile wrote is visible to whoever took its job from the finished list.
 *   5. The mutex is never held while a tile runs.
 *
 * All functions may be called from any thread. They return 0 or a value of errno.
 */
#ifndef TERCET_POOL_H
#define TERCET_POOL_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tercet/job.h"

/* Room for a Python callable with its codec; the default of musl, 128 KiB, is too little. */
#define TERCET_STACK (8u << 20)

typedef struct {
    int64_t threads, idle;    /* of the pool; idle ones are in no job, or about to take one */
    int64_t waiting, running; /* jobs now */
    int64_t submitted, refused, finished, cancelled; /* jobs since the start */
} tercet_statistics;

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t work; /* a job came, or `stopping` */
    pthread_cond_t gone; /* `alive` became 0 */
    pthread_t *handles;
    int32_t alive, joined, stopping;
    int64_t queue_limit;
    int wakeup;
    tercet_job *first, *last;           /* unfinished, oldest first */
    tercet_job *done_first, *done_last; /* finished and not taken, linked by `next` */
    tercet_statistics now;
} tercet_pool;

/* Below, "locked" in a comment means: the caller holds the mutex. */

/* Locked. Moves a job without threads to the finished ones. */
static inline void tercet_finish(tercet_pool *pool, tercet_job *job) {
    job->ended = tercet_clock();
    if (job->previous) job->previous->next = job->next; else pool->first = job->next;
    if (job->next) job->next->previous = job->previous; else pool->last = job->previous;
    job->previous = job->next = NULL;
    if (job->began) pool->now.running--; else pool->now.waiting--;
    pool->now.finished++;
    if (tercet_cancelled(&job->cancel)) pool->now.cancelled++;
    if (pool->done_last) {
        pool->done_last->next = job;
    } else {
        /* Only the first needs a wake-up: the reader takes the whole list. An eventfd that
         * counts to 2^64 cannot be full, so the write cannot fail. */
        uint64_t one = 1;
        pool->done_first = job;
        while (write(pool->wakeup, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
    pool->done_last = job;
}

/* Locked. The oldest job with tiles and room; it is among the first `threads` + 1, since each
 * job before it has a thread. */
static inline tercet_job *tercet_pick(tercet_pool *pool) {
    tercet_job *job = pool->first;
    while (job && (job->exhausted || job->threads >= job->limit)) job = job->next;
    return job;
}

static inline void tercet_take_tiles(tercet_job *job) {
    while (!tercet_cancelled(&job->cancel)) {
        int64_t tile = __atomic_fetch_add(&job->taken, 1, __ATOMIC_RELAXED);
        if (tile >= job->tiles) return;
        job->run(job->context, tile, &job->cancel);
    }
}

static void *tercet_thread(void *argument) {
    tercet_pool *pool = argument;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        tercet_job *job = tercet_pick(pool);
        if (!job) {
            if (pool->stopping) break;
            pthread_cond_wait(&pool->work, &pool->mutex);
            continue;
        }
        if (!job->began) {
            job->began = tercet_clock();
            pool->now.waiting--;
            pool->now.running++;
        }
        job->threads++;
        pool->now.idle--;
        pthread_mutex_unlock(&pool->mutex);
        tercet_take_tiles(job);
        pthread_mutex_lock(&pool->mutex);
        job->exhausted = 1;
        pool->now.idle++;
        if (--job->threads == 0) tercet_finish(pool, job);
    }
    pool->now.idle--;
    if (--pool->alive == 0) pthread_cond_broadcast(&pool->gone);
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Appends a job. EAGAIN: the queue is full. ECANCELED: the pool is stopping. */
static inline int tercet_submit(tercet_pool *pool, tercet_job *job) {
    int error = 0;
    pthread_mutex_lock(&pool->mutex);
    if (pool->stopping) {
        error = ECANCELED;
    } else if (pool->now.waiting >= pool->queue_limit + pool->now.idle) {
        /* A job that an idle thread is about to take does not count. */
        pool->now.refused++;
        error = EAGAIN;
    } else {
        int64_t wake = job->tiles < job->limit ? job->tiles : job->limit;
        job->submitted = tercet_clock();
        job->next = NULL;
        job->previous = pool->last;
        if (pool->last) pool->last->next = job; else pool->first = job;
        pool->last = job;
        pool->now.submitted++;
        pool->now.waiting++;
        if (wake < 1) wake = 1;
        if (wake > pool->now.idle) wake = pool->now.idle;
        for (; wake > 0; wake--) pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->mutex);
    return error;
}

/* Locked. */
static inline void tercet_cancel_locked(tercet_pool *pool, tercet_job *job) {
    __atomic_store_n(&job->cancel, 1, __ATOMIC_RELAXED);
    job->exhausted = 1;
    if (job->threads == 0) tercet_finish(pool, job);
}

/* Stops a submitted job as soon as its running tiles return. No effect on a finished one. */
static inline void tercet_cancel(tercet_pool *pool, tercet_job *job) {
    pthread_mutex_lock(&pool->mutex);
    if (!job->ended) tercet_cancel_locked(pool, job);
    pthread_mutex_unlock(&pool->mutex);
}

/* Resets `wakeup` and takes the finished jobs, oldest first, linked by `next`. */
static inline tercet_job *tercet_take_finished(tercet_pool *pool) {
    uint64_t count;
    tercet_job *job;
    /* First the counter, then the list: a job that finishes in between wakes the reader again. */
    while (read(pool->wakeup, &count, sizeof count) < 0 && errno == EINTR) {
    }
    pthread_mutex_lock(&pool->mutex);
    job = pool->done_first;
    pool->done_first = pool->done_last = NULL;
    pthread_mutex_unlock(&pool->mutex);
    return job;
}

static inline tercet_statistics tercet_read_statistics(tercet_pool *pool) {
    tercet_statistics now;
    pthread_mutex_lock(&pool->mutex);
    now = pool->now;
    pthread_mutex_unlock(&pool->mutex);
    return now;
}

/* Cancels every job and refuses new ones. Does not wait. */
static inline void tercet_stop(tercet_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = 1;
    for (tercet_job *job = pool->first, *next; job; job = next) {
        next = job->next;
        tercet_cancel_locked(pool, job);
    }
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
}

/* Waits at most `timeout` ns until all threads have ended, after tercet_stop(). ETIMEDOUT: a
 * tile still runs; the pool and its jobs must stay in memory. May be called again. */
static inline int tercet_join(tercet_pool *pool, int64_t timeout) {
    int64_t until = tercet_clock() + timeout;
    struct timespec deadline = {until / 1000000000, until % 1000000000};
    int error = 0;
    pthread_mutex_lock(&pool->mutex);
    while (pool->alive && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&pool->gone, &pool->mutex, &deadline);
    error = pool->alive ? ETIMEDOUT : 0;
    if (!error && !pool->joined) {
        pool->joined = 1;
        pthread_mutex_unlock(&pool->mutex);
        for (int64_t i = 0; i < pool->now.threads; i++) pthread_join(pool->handles[i], NULL);
        return 0;
    }
    pthread_mutex_unlock(&pool->mutex);
    return error;
}

/* Frees a joined pool. */
static inline void tercet_free(tercet_pool *pool) {
    close(pool->wakeup);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->gone);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->handles);
    free(pool);
}

static inline int tercet_start_thread(tercet_pool *pool, const pthread_attr_t *attributes) {
    char name[16];
    int error;
    pthread_t *handle = &pool->handles[pool->now.threads];
    pthread_mutex_lock(&pool->mutex);
    error = pthread_create(handle, attributes, tercet_thread, pool);
    if (!error) {
        snprintf(name, sizeof name, "tercet-pool-%d", (int)(pool->now.threads % 100));
        pthread_setname_np(*handle, name);
        pool->alive++;
        pool->now.idle++;
        pool->now.threads++;
    }
    pthread_mutex_unlock(&pool->mutex);
    return error;
}

/* Starts `threads` threads. At most `queue_limit` jobs wait for a thread. */
static inline int tercet_start(tercet_pool **made, int32_t threads, int64_t queue_limit) {
    pthread_condattr_t monotonic;
    pthread_attr_t attributes;
    sigset_t all, before;
    int error = 0;
    tercet_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return ENOMEM;
    pool->queue_limit = queue_limit;
    pool->handles = calloc(threads, sizeof *pool->handles);
    pool->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!pool->handles || pool->wakeup < 0) {
        error = pool->handles ? errno : ENOMEM;
        if (pool->wakeup >= 0) close(pool->wakeup);
        free(pool->handles);
        free(pool);
        return error;
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->gone, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, TERCET_STACK);
    /* Signals are for the main thread: an event loop there waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!error && pool->now.threads < threads) error = tercet_start_thread(pool, &attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error) {
        tercet_stop(pool);
        tercet_join(pool, INT64_MAX / 2);
        tercet_free(pool);
        return error;
    }
    *made = pool;
    return 0;
}

#endif
