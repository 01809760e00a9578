/* Counters that several processes share without a lock. Knows nothing of Python.
 *
 * Theory of operation
 *   A table of cells: a row for each process (a gateway), a column for each thing counted (a
 *   worker, or a service with its waiting calls). A process writes cells of its own row only, and
 *   from one thread; what all of them hold is a sum over a column. So a killed process leaves no
 *   lock and no half-made change behind, and what it held is gone when its row is zeroed.
 *
 * Admission (at most `most` calls in a column)
 *   A process first enters an attempt in its cell, then adds up. Whoever adds up counts attempts
 *   like calls, and turns its own attempt into a call only if there is room for all of them. Where
 *   there is room for a call but not for all attempts, it takes its own back, waits for a random
 *   moment, and tries again.
 *
 * Guarantees
 *   1. Never more than `most` calls. Of those admitted and not gone take the one whose attempt was
 *      entered last: when it added up, the others had been entered and had not left.
 *   2. No lost wake-up, if a process that is to wait (a) stores `waiting`, then (b) tries to be
 *      admitted, and sleeps only if it was not; and one whose call leaves (c) stores that, then
 *      (d) reads `waiting` of the others and wakes them. TERCET_FULL says that (b) has seen so many
 *      calls, not attempts: each of them leaves later, so its (d) comes after (a). All four are
 *      sequentially consistent, so that neither side's load overtakes its store.
 *      TERCET_UNSURE says that only attempts stood in the way. Nobody need wake for those; the
 *      process has to look again by itself.
 */
#ifndef TERCET_REGION_H
#define TERCET_REGION_H

#include <stddef.h>
#include <stdint.h>

#define TERCET_CALL ((uint64_t)1)
#define TERCET_ATTEMPT ((uint64_t)1 << 32)
#define TERCET_CALLS (TERCET_ATTEMPT - 1)
/* Tries of one admission, with pauses of up to so many spins, doubled each time: some 15 us. */
#define TERCET_TRIES 6
#define TERCET_SPINS 8

enum { TERCET_FULL, TERCET_ADMITTED, TERCET_UNSURE };

/* Alone on its cache line, since another core reads its neighbours. */
typedef struct {
    _Alignas(64) uint64_t calls; /* TERCET_CALL for each in flight, TERCET_ATTEMPT for each tried */
    uint64_t oldest;             /* since when the first of the waiting calls waits; 0: none does */
    uint32_t waiting;
    uint32_t listed; /* how often the process has claimed the column */
} tercet_cell;

typedef struct {
    uint64_t *keys; /* of the columns; 0: never claimed */
    tercet_cell *cells;
    uint32_t columns, rows;
    uint32_t own;    /* this process' row */
    uint32_t random; /* never 0 */
} tercet_table;

static inline tercet_cell *tercet_at(const tercet_table *table, uint32_t row, uint32_t column) {
    return &table->cells[(size_t)row * table->columns + column];
}

static inline tercet_cell *tercet_own(const tercet_table *table, uint32_t column) {
    return tercet_at(table, table->own, column);
}

static inline uint64_t tercet_calls(const tercet_table *table, uint32_t row, uint32_t column) {
    return __atomic_load_n(&tercet_at(table, row, column)->calls, __ATOMIC_SEQ_CST);
}

static inline void tercet_enter(tercet_table *table, uint32_t column) {
    tercet_cell *cell = tercet_own(table, column);
    uint64_t calls = __atomic_load_n(&cell->calls, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->calls, calls + TERCET_CALL, __ATOMIC_RELEASE);
}

/* (c) above. */
static inline void tercet_leave(tercet_table *table, uint32_t column) {
    tercet_cell *cell = tercet_own(table, column);
    uint64_t calls = __atomic_load_n(&cell->calls, __ATOMIC_RELAXED);
    /* One too many would look like four billion calls for ever. */
    if (calls & TERCET_CALLS)
        __atomic_store_n(&cell->calls, calls - TERCET_CALL, __ATOMIC_SEQ_CST);
}

/* Calls of all processes. */
static inline int64_t tercet_load(const tercet_table *table, uint32_t column) {
    int64_t sum = 0;
    for (uint32_t row = 0; row < table->rows; row++)
        sum += (int64_t)(tercet_calls(table, row, column) & TERCET_CALLS);
    return sum;
}

static inline void tercet_pause(tercet_table *table, uint32_t most) {
    /* xorshift32 */
    table->random ^= table->random << 13;
    table->random ^= table->random >> 17;
    table->random ^= table->random << 5;
    for (uint32_t spins = table->random % most + 1; spins; spins--) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ __volatile__("yield" ::: "memory");
#else
        __asm__ __volatile__("" ::: "memory");
#endif
    }
}

/* Enters a call if then there are no more than `most`: one of the enum. */
static inline int tercet_admit(tercet_table *table, uint32_t column, int64_t most) {
    tercet_cell *cell = tercet_own(table, column);
    uint64_t before = __atomic_load_n(&cell->calls, __ATOMIC_RELAXED);
    for (uint32_t tried = 0; tried < TERCET_TRIES; tried++) {
        int64_t calls = 0, attempts = 0;
        __atomic_store_n(&cell->calls, before + TERCET_ATTEMPT, __ATOMIC_SEQ_CST);
        for (uint32_t row = 0; row < table->rows; row++) {
            uint64_t seen = tercet_calls(table, row, column);
            calls += (int64_t)(seen & TERCET_CALLS);
            attempts += (int64_t)(seen / TERCET_ATTEMPT);
        }
        if (calls + attempts <= most) {
            __atomic_store_n(&cell->calls, before + TERCET_CALL, __ATOMIC_RELEASE);
            return TERCET_ADMITTED;
        }
        __atomic_store_n(&cell->calls, before, __ATOMIC_RELEASE);
        if (calls >= most) return TERCET_FULL;
        tercet_pause(table, TERCET_SPINS << tried);
    }
    return TERCET_UNSURE;
}

/* (a) above. */
static inline void tercet_wait(
    tercet_table *table, uint32_t column, uint32_t count, uint64_t oldest
) {
    tercet_cell *cell = tercet_own(table, column);
    __atomic_store_n(&cell->oldest, count ? oldest : 0, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->waiting, count, __ATOMIC_SEQ_CST);
}

/* (d) above. */
static inline uint32_t tercet_waiting(const tercet_table *table, uint32_t row, uint32_t column) {
    return __atomic_load_n(&tercet_at(table, row, column)->waiting, __ATOMIC_SEQ_CST);
}

/* Since when the first of the other processes' waiting calls waits; 0 if none does. */
static inline uint64_t tercet_oldest_elsewhere(const tercet_table *table, uint32_t column) {
    uint64_t oldest = 0;
    for (uint32_t row = 0; row < table->rows; row++) {
        if (row == table->own) continue;
        uint64_t each = __atomic_load_n(&tercet_at(table, row, column)->oldest, __ATOMIC_SEQ_CST);
        if (each && (!oldest || each < oldest)) oldest = each;
    }
    return oldest;
}

/* Whether nobody lists a column and nothing is counted in it. */
static inline int tercet_idle(const tercet_table *table, uint32_t column) {
    for (uint32_t row = 0; row < table->rows; row++) {
        tercet_cell *cell = tercet_at(table, row, column);
        if (__atomic_load_n(&cell->listed, __ATOMIC_SEQ_CST) ||
            __atomic_load_n(&cell->calls, __ATOMIC_SEQ_CST) ||
            __atomic_load_n(&cell->waiting, __ATOMIC_SEQ_CST))
            return 0;
    }
    return 1;
}

/* Lists the column of a key, or an idle one, which becomes the key's; -1 if there is none. One
 * process at a time: the caller sees to it. */
static inline int64_t tercet_claim(tercet_table *table, uint64_t key) {
    int64_t found = -1;
    for (uint32_t column = 0; column < table->columns; column++) {
        uint64_t each = __atomic_load_n(&table->keys[column], __ATOMIC_SEQ_CST);
        if (each == key) {
            found = column;
            break;
        }
        if (found < 0 && (!each || tercet_idle(table, column))) found = column;
        /* They are taken from the first on, so there is no key behind one that never was. */
        if (!each) break;
    }
    if (found >= 0) {
        tercet_cell *cell = tercet_own(table, (uint32_t)found);
        __atomic_store_n(&cell->listed, cell->listed + 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&table->keys[found], key, __ATOMIC_SEQ_CST);
    }
    return found;
}

/* Takes back one claim. After the last, the process enters no more calls; those that are there may
 * still leave. */
static inline void tercet_release(tercet_table *table, uint32_t column) {
    tercet_cell *cell = tercet_own(table, column);
    if (cell->listed == 0) return;
    if (cell->listed == 1) tercet_wait(table, column, 0, 0);
    __atomic_store_n(&cell->listed, cell->listed - 1, __ATOMIC_SEQ_CST);
}

#endif
