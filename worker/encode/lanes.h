/* Vectors of floats of the instruction set that a file is compiled for; only the kernel files
 * (gemm_*.c, hash_*.c) include it. Sums and products are written with C's
 * operators, which round each; only lanes_fma fuses, and on the baseline not even that. */
#ifndef WORKER_ENCODE_LANES_H
#define WORKER_ENCODE_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/inline.h"

#if defined(__AVX512F__)
#include <immintrin.h>

/* TILE_ROWS x 2 sums, two vectors of b and one of a fill the registers. */
#define LANES 16
#define TILE_ROWS 12

typedef __m512 lanes;
typedef __m512i lanes_int;

KIN_INLINE lanes lanes_all(float value)
{
    return _mm512_set1_ps(value);
}

KIN_INLINE lanes lanes_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

KIN_INLINE void lanes_store(float *to, lanes value)
{
    _mm512_storeu_ps(to, value);
}

/* The first count of a vector's elements; the others are 0 and not touched. */
KIN_INLINE lanes lanes_load_part(const float *from, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}

KIN_INLINE void lanes_store_part(float *to, lanes value, size_t count)
{
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), value);
}

KIN_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* x where one of the two is not a number. */
KIN_INLINE lanes lanes_max(lanes bound, lanes x)
{
    return _mm512_max_ps(bound, x);
}

KIN_INLINE lanes lanes_min(lanes bound, lanes x)
{
    return _mm512_min_ps(bound, x);
}

/* a where x < bound, else b. */
KIN_INLINE lanes lanes_select_below(lanes x, lanes bound, lanes a, lanes b)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, bound, _CMP_LT_OQ), b, a);
}

KIN_INLINE lanes_int lanes_to_int(lanes x)
{
    return _mm512_cvttps_epi32(x);
}

KIN_INLINE lanes lanes_from_int(lanes_int x)
{
    return _mm512_cvtepi32_ps(x);
}

/* 2^x for x of -126 to 127. */
KIN_INLINE lanes lanes_power_of_two(lanes_int x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(x, _mm512_set1_epi32(127)), 23));
}

/* Half a vector costs half: the last columns of a product take it. */
#define LANES_HALF 8
typedef __m256 half_lanes;

KIN_INLINE half_lanes half_all(float value)
{
    return _mm256_set1_ps(value);
}

KIN_INLINE half_lanes half_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

KIN_INLINE void half_store(float *to, half_lanes value)
{
    _mm256_storeu_ps(to, value);
}

KIN_INLINE half_lanes half_fma(half_lanes a, half_lanes b, half_lanes c)
{
    return _mm256_fmadd_ps(a, b, c);
}

KIN_INLINE half_lanes half_max(half_lanes bound, half_lanes x)
{
    return _mm256_max_ps(bound, x);
}

KIN_INLINE half_lanes half_min(half_lanes bound, half_lanes x)
{
    return _mm256_min_ps(bound, x);
}

#elif defined(__AVX2__)
#include <immintrin.h>

#define LANES 8
#define TILE_ROWS 6

typedef __m256 lanes;
typedef __m256i lanes_int;

KIN_INLINE lanes lanes_all(float value)
{
    return _mm256_set1_ps(value);
}

KIN_INLINE lanes lanes_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

KIN_INLINE void lanes_store(float *to, lanes value)
{
    _mm256_storeu_ps(to, value);
}

KIN_INLINE __m256i lanes_mask(size_t count)
{
    static const int32_t mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(mask + 8 - count));
}

KIN_INLINE lanes lanes_load_part(const float *from, size_t count)
{
    return _mm256_maskload_ps(from, lanes_mask(count));
}

KIN_INLINE void lanes_store_part(float *to, lanes value, size_t count)
{
    _mm256_maskstore_ps(to, lanes_mask(count), value);
}

KIN_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm256_fmadd_ps(a, b, c);
}

KIN_INLINE lanes lanes_max(lanes bound, lanes x)
{
    return _mm256_max_ps(bound, x);
}

KIN_INLINE lanes lanes_min(lanes bound, lanes x)
{
    return _mm256_min_ps(bound, x);
}

KIN_INLINE lanes lanes_select_below(lanes x, lanes bound, lanes a, lanes b)
{
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, bound, _CMP_LT_OQ));
}

KIN_INLINE lanes_int lanes_to_int(lanes x)
{
    return _mm256_cvttps_epi32(x);
}

KIN_INLINE lanes lanes_from_int(lanes_int x)
{
    return _mm256_cvtepi32_ps(x);
}

KIN_INLINE lanes lanes_power_of_two(lanes_int x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(x, _mm256_set1_epi32(127)), 23));
}

#else

/* Four floats: what every x86-64 and AArch64 has; elsewhere the compiler makes do. */
#define LANES 4
#define TILE_ROWS 4

typedef float lanes __attribute__((vector_size(16)));
typedef int32_t lanes_int __attribute__((vector_size(16)));

KIN_INLINE lanes lanes_all(float value)
{
    return (lanes){value, value, value, value};
}

KIN_INLINE lanes lanes_load(const float *from)
{
    lanes value;
    memcpy(&value, from, sizeof value);
    return value;
}

KIN_INLINE void lanes_store(float *to, lanes value)
{
    memcpy(to, &value, sizeof value);
}

KIN_INLINE lanes lanes_load_part(const float *from, size_t count)
{
    lanes value = {0};
    for (size_t i = 0; i < count; i++)
        value[i] = from[i];
    return value;
}

KIN_INLINE void lanes_store_part(float *to, lanes value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = value[i];
}

KIN_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return a * b + c;
}

KIN_INLINE lanes lanes_choose(lanes_int mask, lanes a, lanes b)
{
    return (lanes)(((lanes_int)a & mask) | ((lanes_int)b & ~mask));
}

KIN_INLINE lanes lanes_max(lanes bound, lanes x)
{
    return lanes_choose(bound > x, bound, x);
}

KIN_INLINE lanes lanes_min(lanes bound, lanes x)
{
    return lanes_choose(bound < x, bound, x);
}

KIN_INLINE lanes lanes_select_below(lanes x, lanes bound, lanes a, lanes b)
{
    return lanes_choose(x < bound, a, b);
}

KIN_INLINE lanes_int lanes_to_int(lanes x)
{
    return __builtin_convertvector(x, lanes_int);
}

KIN_INLINE lanes lanes_from_int(lanes_int x)
{
    return __builtin_convertvector(x, lanes);
}

KIN_INLINE lanes lanes_power_of_two(lanes_int x)
{
    return (lanes)((x + 127) << 23);
}

#endif

#ifndef LANES_HALF
/* No use of it is left where it is not smaller. */
#define LANES_HALF LANES
#define half_lanes lanes
#define half_all lanes_all
#define half_load lanes_load
#define half_store lanes_store
#define half_fma lanes_fma
#define half_max lanes_max
#define half_min lanes_min
#endif
#endif
