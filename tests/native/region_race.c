/* Drives the shared counters from C, at full speed and for the thread sanitizer: a thread for each
 * gateway. Exits 0, or with the number of the check that failed; a wake-up that was lost ends in
 * SIGALRM. Its argument is the number of admissions of each thread and round. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tercet/region.h"

enum { ROWS = 4, COLUMNS = 3, KEYS = 7, SECONDS = 100 };

static uint64_t keys[COLUMNS];
static tercet_cell cells[ROWS * COLUMNS];
static int eventfds[ROWS];
static pthread_mutex_t claiming = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all_there;
static int64_t admissions, limit;
/* What is really inside: of each key, since columns change hands. */
static int64_t inside[KEYS + 1];
static int failed;

static void fail(int check) { __atomic_store_n(&failed, check, __ATOMIC_RELAXED); }

static void serve(tercet_table *table, uint64_t key) {
    if (__atomic_add_fetch(&inside[key], 1, __ATOMIC_SEQ_CST) > limit) fail(1);
    /* Long enough to be met by another that should not be here. */
    tercet_pause(table, 16);
    if (__atomic_sub_fetch(&inside[key], 1, __ATOMIC_SEQ_CST) < 0) fail(2);
}

static void wake(const tercet_table *table, uint32_t column) {
    uint64_t one = 1;
    for (uint32_t row = 0; row < table->rows; row++)
        if (row != table->own && tercet_waiting(table, row, column))
            if (write(eventfds[row], &one, sizeof one) < 0) fail(3);
}

static uint32_t claim(tercet_table *table, uint64_t key) {
    int64_t column;
    /* There are fewer columns than rows: the last waits until one is idle. */
    do {
        pthread_mutex_lock(&claiming);
        column = tercet_claim(table, key);
        pthread_mutex_unlock(&claiming);
    } while (column < 0);
    return (uint32_t)column;
}

static void call(tercet_table *table, uint32_t column, uint64_t key) {
    while (tercet_admit(table, column, limit) != TERCET_ADMITTED) {
    }
    serve(table, key);
    tercet_leave(table, column);
}

static void *race(void *argument) {
    tercet_table *table = argument;
    uint32_t column = claim(table, KEYS);
    pthread_barrier_wait(&all_there);
    for (int64_t done = 0; done < admissions; done++) call(table, column, KEYS);
    tercet_release(table, column);
    return NULL;
}

/* Claims a column for each call, so that columns change their keys all the time. */
static void *churn(void *argument) {
    tercet_table *table = argument;
    pthread_barrier_wait(&all_there);
    for (int64_t done = 0; done < admissions; done++) {
        uint64_t key = (uint64_t)done % KEYS + 1;
        uint32_t column = claim(table, key);
        call(table, column, key);
        tercet_release(table, column);
    }
    return NULL;
}

static void sleep_until_woken(const tercet_table *table) {
    uint64_t count;
    struct pollfd readable = {eventfds[table->own], POLLIN, 0};
    poll(&readable, 1, -1);
    if (read(readable.fd, &count, sizeof count) < 0) fail(4);
}

/* All call once, then all meet: a wake-up that is lost is not made up for by that of a later call. */
static void *meet(void *argument) {
    static int64_t arrived;
    tercet_table *table = argument;
    uint32_t column = claim(table, KEYS);
    int64_t before = __atomic_load_n(&arrived, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&all_there);
    for (int64_t done = 1; done <= admissions; done++) {
        int result;
        tercet_wait(table, column, 1, 1);
        while ((result = tercet_admit(table, column, limit)) != TERCET_ADMITTED)
            if (result == TERCET_FULL) sleep_until_woken(table);
        tercet_wait(table, column, 0, 0);
        serve(table, KEYS);
        tercet_leave(table, column);
        wake(table, column);
        __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < before + done * table->rows)
            sched_yield();
    }
    tercet_release(table, column);
    return NULL;
}

/* Has all its calls waiting from the first on. `fair`: leaves a place to an older call. */
static void queue(tercet_table *table, int fair) {
    uint32_t column = claim(table, KEYS);
    uint64_t first = 1 + table->own;
    int64_t waiting = admissions;
    pthread_barrier_wait(&all_there);
    tercet_wait(table, column, (uint32_t)waiting, first);
    while (waiting) {
        uint64_t older = fair ? tercet_oldest_elsewhere(table, column) : 0;
        int result = older && older < first ? TERCET_FULL : tercet_admit(table, column, limit);
        if (result == TERCET_ADMITTED) {
            first += ROWS;
            tercet_wait(table, column, (uint32_t)--waiting, first);
            wake(table, column);
            serve(table, KEYS);
            tercet_leave(table, column);
            wake(table, column);
        } else if (result == TERCET_FULL) {
            sleep_until_woken(table);
        }
    }
    tercet_release(table, column);
}

static void *queue_fair(void *table) { return queue(table, 1), NULL; }
static void *queue_greedy(void *table) { return queue(table, 0), NULL; }

static void round_of(void *(*act)(void *), uint32_t rows) {
    static const tercet_cell zero;
    tercet_table tables[ROWS];
    pthread_t threads[ROWS];
    memset(keys, 0, sizeof keys);
    pthread_barrier_init(&all_there, NULL, rows);
    for (uint32_t row = 0; row < rows; row++) {
        tables[row] = (tercet_table){keys, cells, COLUMNS, rows, row, row + 1};
        if (pthread_create(&threads[row], NULL, act, &tables[row])) exit(5);
    }
    for (uint32_t row = 0; row < rows; row++) pthread_join(threads[row], NULL);
    pthread_barrier_destroy(&all_there);
    for (int cell = 0; cell < ROWS * COLUMNS; cell++)
        if (memcmp(&cells[cell], &zero, sizeof zero)) fail(6);
}

int main(int count, char **arguments) {
    if (count != 2) return 7;
    admissions = atoll(arguments[1]);
    for (int row = 0; row < ROWS; row++) eventfds[row] = eventfd(0, EFD_CLOEXEC);
    alarm(SECONDS);
    for (uint32_t rows = 2; rows <= ROWS; rows++)
        for (limit = 1; limit < rows; limit++) {
            round_of(race, rows);
            round_of(churn, rows);
            round_of(meet, rows);
            round_of(queue_fair, rows);
            round_of(queue_greedy, rows);
        }
    return failed;
}
