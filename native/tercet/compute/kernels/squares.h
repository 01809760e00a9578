/* Sum of squares of a range, accumulated in float64. */
#ifndef TERCET_SQUARES_H
#define TERCET_SQUARES_H

#include "sum.h"

#define TERCET_SQUARES(NAME, REAL)                                                  \
    TERCET_CLONES static double NAME(const REAL *x, int64_t n) {                    \
        double lanes[TERCET_LANES] = {0};                                           \
        int64_t i = 0;                                                              \
        for (; i + TERCET_LANES <= n; i += TERCET_LANES)                            \
            for (int lane = 0; lane < TERCET_LANES; lane++)                         \
                lanes[lane] += (double)x[i + lane] * (double)x[i + lane];           \
        for (int lane = 0; i < n; i++, lane++) lanes[lane] += (double)x[i] * (double)x[i]; \
        return tercet_sum_lanes(lanes);                                             \
    }

TERCET_SQUARES(tercet_squares_f64, double)
TERCET_SQUARES(tercet_squares_f32, float)

#endif
