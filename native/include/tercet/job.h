/* One job of the pool: who may touch which field, and when. */
#ifndef TERCET_JOB_H
#define TERCET_JOB_H

#include <stdint.h>
#include <time.h>

#include "tercet/tile.h"

/* Two cache lines: adjacent ones are fetched in pairs on x86. */
#define TERCET_APART 128

typedef struct tercet_job {
    /* Set by the owner before tercet_submit(), constant afterwards. */
    tercet_tile run;
    void *context;
    void *owner;   /* for the owner's use */
    int64_t tiles; /* 0 or more */
    int32_t limit; /* most threads at once, 1 or more */

    /* The pool's, under its mutex. */
    int32_t threads;   /* inside now */
    int32_t exhausted; /* nothing left to join for */
    int64_t submitted, began, ended; /* ns of CLOCK_MONOTONIC; began is 0 if it never did */
    struct tercet_job *previous, *next;

    /* Polled by every thread of the job: apart from what they write. */
    _Alignas(TERCET_APART) int32_t cancel;
    _Alignas(TERCET_APART) int64_t taken;
} tercet_job;

static inline int64_t tercet_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#endif
