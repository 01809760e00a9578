/* TERCET_CLONES before a function compiles it for three levels of x86-64 and picks one at load
 * time, so that a wheel uses AVX-512 where the CPU has it and runs where it has not.
 *
 * No function is inlined across a clone's border: put it on the outer loop, and make what the
 * loop calls TERCET_INLINE. musl has no ifunc; clang only has it since 14 and not for these
 * levels; the sanitizers start too late for it. TERCET_ONE_LEVEL is for tests, with -march.
 */
#ifndef TERCET_CLONES_H
#define TERCET_CLONES_H

#include <stdint.h> /* defines __GLIBC__ */

#if !defined(TERCET_ONE_LEVEL) && defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && \
    __GNUC__ >= 12 && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define TERCET_CLONES \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TERCET_CLONES
#endif

#define TERCET_INLINE static inline __attribute__((always_inline))

#endif
