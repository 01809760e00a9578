/* Sums whose bits depend neither on the CPU nor on the number of threads.
 *
 * A compiler may not reorder a float sum, hence cannot vectorise a plain one. A tile adds into
 * TERCET_LANES accumulators, which any vector width divides; these are added in a fixed order,
 * and so are the tiles' sums. (-ffp-contract=off keeps FMA out.)
 */
#ifndef TERCET_SUM_H
#define TERCET_SUM_H

#include "tercet/clones.h"

/* Four AVX-512 registers: enough to hide the latency of an addition. */
#define TERCET_LANES 32
/* Elements in a tile: 20 to 60 us of work, 512 KiB of float64. */
#define TERCET_TILE INT64_C(65536)

TERCET_INLINE double tercet_sum_lanes(double *lanes) {
    for (int half = TERCET_LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

static inline double tercet_sum_tiles(const double *sums, int64_t tiles) {
    double sum = 0;
    for (int64_t tile = 0; tile < tiles; tile++) sum += sums[tile];
    return sum;
}

static inline int64_t tercet_tiles(int64_t elements) {
    return elements / TERCET_TILE + (elements % TERCET_TILE != 0);
}

#endif
