/* Gain per colour channel of interleaved RGB, 8 bits each. */
#ifndef TERCET_GAIN_H
#define TERCET_GAIN_H

#include <string.h>

#include "tercet/clones.h"

/* lcm(3, 64): a whole number of pixels and of vectors. */
#define TERCET_GAIN_BLOCK 192

/* Adding 2^23 to a float32 in [0, 255] leaves it rounded, half to even, in the low bits of the
 * mantissa: an addition vectorises on every CPU, a call of rintf() does not. */
TERCET_INLINE uint8_t tercet_gain_one(uint8_t value, float factor) {
    float scaled = (float)value * factor;
    uint32_t bits;
    scaled = (scaled < 255.0f ? scaled : 255.0f) + 8388608.0f;
    memcpy(&bits, &scaled, sizeof bits);
    return (uint8_t)bits;
}

/* `n` bytes, starting at a red one. source == target is allowed, any other overlap is not. */
TERCET_CLONES static void tercet_gain(const uint8_t *source, uint8_t *target, int64_t n,
                                      const float *factors) {
    float pattern[TERCET_GAIN_BLOCK];
    int64_t i = 0;
    for (int k = 0; k < TERCET_GAIN_BLOCK; k++) pattern[k] = factors[k % 3];
    for (; i + TERCET_GAIN_BLOCK <= n; i += TERCET_GAIN_BLOCK) {
        /* The copy tells the compiler that the blocks do not overlap. */
        uint8_t block[TERCET_GAIN_BLOCK];
        memcpy(block, source + i, sizeof block);
        for (int k = 0; k < TERCET_GAIN_BLOCK; k++) block[k] = tercet_gain_one(block[k], pattern[k]);
        memcpy(target + i, block, sizeof block);
    }
    for (int k = 0; i < n; i++, k++) target[i] = tercet_gain_one(source[i], pattern[k]);
}

#endif
