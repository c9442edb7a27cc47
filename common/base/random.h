/* Random numbers that are the same everywhere: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
#ifndef COMMON_BASE_RANDOM_H
#define COMMON_BASE_RANDOM_H

#include <math.h>
#include <stdint.h>

typedef struct kin_random {
    uint64_t state; /* the seed, to begin with */
} kin_random;

static inline uint64_t kin_random_u64(kin_random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [0, 1), 53 bits. */
static inline double kin_random_unit(kin_random *random)
{
    return (double)(kin_random_u64(random) >> 11) * 0x1p-53;
}

/* Uniform in [0, bound); bound > 0. The bias of the modulus is below bound / 2^64. */
static inline uint64_t kin_random_below(kin_random *random, uint64_t bound)
{
    return kin_random_u64(random) % bound;
}

/* Standard normal, by Box and Muller's transform. */
static inline double kin_random_gaussian(kin_random *random)
{
    double radius = sqrt(-2 * log(1 - kin_random_unit(random)));
    return radius * cos(6.283185307179586 * kin_random_unit(random));
}

#endif
