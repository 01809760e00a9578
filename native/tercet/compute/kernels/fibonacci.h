/* Fibonacci numbers by naive recursion, on purpose: the classic work of a worker demo. */
#ifndef TERCET_FIBONACCI_H
#define TERCET_FIBONACCI_H

#include "tercet/tile.h"

/* fib(23) takes about 0.1 ms: the flag is polled that often. */
#define TERCET_FIBONACCI_POLL 24

static int64_t tercet_fibonacci_leaf(int64_t n) {
    return n < 2 ? n : tercet_fibonacci_leaf(n - 1) + tercet_fibonacci_leaf(n - 2);
}

static int64_t tercet_fibonacci(int64_t n, const int32_t *cancel) {
    if (n < TERCET_FIBONACCI_POLL) return tercet_fibonacci_leaf(n);
    if (tercet_cancelled(cancel)) return 0;
    return tercet_fibonacci(n - 1, cancel) + tercet_fibonacci(n - 2, cancel);
}

#endif
