/* Uniform float64 numbers in [0, 1) by splitmix64 in counter mode.
 *
 * Element i depends on the seed and on i alone, so any thread may make any part.
 * Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014; the constants of mix() are David Stafford's variant 13.
 */
#ifndef TERCET_UNIFORM_H
#define TERCET_UNIFORM_H

#include "sum.h"
#include "tercet/clones.h"

TERCET_INLINE double tercet_uniform(uint64_t seed, uint64_t i) {
    uint64_t z = seed + (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    /* Signed: AVX2 has no conversion from uint64, and 53 bits fit. */
    return (double)(int64_t)(z >> 11) * 0x1p-53;
}

/* Elements [low, high) into output[0...]. */
TERCET_CLONES static void tercet_uniform_fill(uint64_t seed, uint64_t low, uint64_t high,
                                              double *output) {
    for (uint64_t i = low; i < high; i++) output[i - low] = tercet_uniform(seed, i);
}

/* Sum of elements [low, high). */
TERCET_CLONES static double tercet_uniform_sum(uint64_t seed, uint64_t low, uint64_t high) {
    double lanes[TERCET_LANES] = {0};
    uint64_t i = low;
    for (; i + TERCET_LANES <= high; i += TERCET_LANES)
        for (int lane = 0; lane < TERCET_LANES; lane++)
            lanes[lane] += tercet_uniform(seed, i + lane);
    for (int lane = 0; i < high; i++, lane++) lanes[lane] += tercet_uniform(seed, i);
    return tercet_sum_lanes(lanes);
}

#endif
