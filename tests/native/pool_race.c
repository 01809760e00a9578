/* Drives the pool from C, for the thread sanitizer: many jobs with different limits, some of
 * them cancelled, then a stop while two endless jobs are there. Exits 0, or with the number of
 * the check that failed. */
#include <poll.h>
#include <string.h>

#include "tercet/pool.h"

enum { JOBS = 64, TILES = 512, ROUNDS = 20 };

/* Not atomic: two threads on one tile would be a race that the sanitizer reports. */
static int32_t ran[JOBS][TILES];

static void count(void *context, int64_t tile, const int32_t *cancel) {
    (void)cancel;
    ((int32_t *)context)[tile]++;
}

static void endless(void *context, int64_t tile, const int32_t *cancel) {
    (void)context, (void)tile;
    while (!tercet_cancelled(cancel)) {
    }
}

static tercet_job *make(tercet_tile run, void *context, int limit) {
    tercet_job *job = aligned_alloc(TERCET_APART, sizeof *job);
    memset(job, 0, sizeof *job);
    job->run = run;
    job->context = context;
    job->tiles = TILES;
    job->limit = limit;
    return job;
}

static int take(tercet_pool *pool) {
    int taken = 0;
    for (tercet_job *job = tercet_take_finished(pool), *next; job; job = next, taken++) {
        next = job->next;
        free(job);
    }
    return taken;
}

static int round_of_jobs(void) {
    tercet_pool *pool = NULL;
    tercet_statistics now;
    int taken = 0;
    memset(ran, 0, sizeof ran);
    if (tercet_start(&pool, 4, JOBS)) return 1;
    for (int i = 0; i < JOBS; i++) {
        tercet_job *job = make(i % 8 ? count : endless, ran[i], 1 + i % 5);
        if (tercet_submit(pool, job)) return 2;
        /* No thread can have freed it: only take() does. */
        if (i % 8 == 0) tercet_cancel(pool, job);
    }
    while (taken < JOBS) {
        struct pollfd readable = {pool->wakeup, POLLIN, 0};
        poll(&readable, 1, -1);
        taken += take(pool);
    }
    for (int i = 0; i < JOBS; i++)
        for (int tile = 0; tile < TILES; tile++)
            if (ran[i][tile] != (i % 8 != 0)) return 3;
    for (int i = 0; i < 2; i++)
        if (tercet_submit(pool, make(endless, NULL, 9))) return 4;
    tercet_stop(pool);
    if (tercet_join(pool, INT64_C(60000000000)) || tercet_join(pool, 0)) return 5;
    if (take(pool) != 2) return 6;
    now = tercet_read_statistics(pool);
    if (now.waiting || now.running || now.idle || now.finished != JOBS + 2) return 7;
    tercet_free(pool);
    return 0;
}

int main(void) {
    int failed = 0;
    for (int i = 0; i < ROUNDS && !failed; i++) failed = round_of_jobs();
    return failed;
}
