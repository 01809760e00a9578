/* Prints what the kernels compute, bit by bit, as compiled for the one -march given. */
#include <stdio.h>

#include "gain.h"
#include "squares.h"
#include "uniform.h"

enum { N = 100003 };

int main(void) {
    static double x[N];
    static float narrow[N];
    static uint8_t pixels[N];
    const float factors[3] = {1.2f, 0.37f, 254.9f};
    uint64_t hash = 0;
    tercet_uniform_fill(42, 5, 5 + N, x);
    for (int i = 0; i < N; i++) narrow[i] = (float)x[i], pixels[i] = (uint8_t)(x[i] * 256);
    printf("%a %a %a\n", tercet_squares_f64(x, N), tercet_squares_f32(narrow, N),
           tercet_uniform_sum(7, 3, 3 + N));
    tercet_gain(pixels, pixels, N, factors);
    for (int i = 0; i < N; i++) hash = hash * 31 + pixels[i];
    printf("%llx\n", (unsigned long long)hash);
    return 0;
}
