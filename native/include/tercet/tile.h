/* What a kernel knows of the pool: the type of its tile function, and the flag to poll. */
#ifndef TERCET_TILE_H
#define TERCET_TILE_H

#include <stdint.h>

/* Runs tile number `tile` (from 0). One of more than about 200 us polls `cancel` by
 * tercet_cancelled() and returns early once it is set. */
typedef void (*tercet_tile)(void *context, int64_t tile, const int32_t *cancel);

static inline int tercet_cancelled(const int32_t *cancel) {
    return __atomic_load_n(cancel, __ATOMIC_RELAXED) != 0;
}

#endif
