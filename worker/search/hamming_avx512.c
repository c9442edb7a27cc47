/* Kernels for AVX-512 with VPOPCNTDQ: eight words an instruction. */
#include "worker/search/hamming.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Appends the lanes of distances that near marks; lane i is row first + i. */
static inline uint32_t append(kin_candidate *candidates, uint32_t found, uint32_t first,
                              __m512i distances, __mmask8 near)
{
    uint64_t distance[8];
    _mm512_storeu_si512(distance, distances);
    for (uint32_t mask = near; mask != 0; mask &= mask - 1) {
        uint32_t lane = (uint32_t)__builtin_ctz(mask);
        candidates[found++] = (kin_candidate){first + lane, (uint32_t)distance[lane]};
    }
    return found;
}

/* Lanes of a last, partial group. */
static inline __mmask8 lanes(uint32_t left)
{
    return left >= 8 ? 0xff : (__mmask8)((1u << left) - 1);
}

static uint32_t scan_1(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    __m512i q = _mm512_set1_epi64((long long)query[0]);
    __m512i limit = _mm512_set1_epi64(bound);
    uint32_t found = 0, row = 0;
    for (; row + 32 <= count; row += 32) {
        __m512i d0 = _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(codes + row), q));
        __m512i d1 = _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(codes + row + 8), q));
        __m512i d2 = _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(codes + row + 16), q));
        __m512i d3 = _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(codes + row + 24), q));
        __m512i least = _mm512_min_epu64(_mm512_min_epu64(d0, d1), _mm512_min_epu64(d2, d3));
        if (_mm512_cmple_epu64_mask(least, limit) == 0) continue;
        found = append(candidates, found, row, d0, _mm512_cmple_epu64_mask(d0, limit));
        found = append(candidates, found, row + 8, d1, _mm512_cmple_epu64_mask(d1, limit));
        found = append(candidates, found, row + 16, d2, _mm512_cmple_epu64_mask(d2, limit));
        found = append(candidates, found, row + 24, d3, _mm512_cmple_epu64_mask(d3, limit));
    }
    for (; row < count; row += 8) {
        __mmask8 valid = lanes(count - row);
        __m512i d =
            _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_maskz_loadu_epi64(valid, codes + row), q));
        found = append(candidates, found, row, d, _mm512_mask_cmple_epu64_mask(valid, d, limit));
    }
    return found;
}

/* Distances of 8 codes of 2 words each at codes; valid says which of the 8 there are. */
static inline __m512i distances_2(const uint64_t *codes, __m512i q, __mmask8 low, __mmask8 high)
{
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    __m512i a = _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_maskz_loadu_epi64(low, codes), q));
    __m512i b = _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_maskz_loadu_epi64(high, codes + 8), q));
    return _mm512_add_epi64(_mm512_permutex2var_epi64(a, even, b),
                            _mm512_permutex2var_epi64(a, odd, b));
}

static uint32_t scan_2(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    __m512i q = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)query));
    __m512i limit = _mm512_set1_epi64(bound);
    uint32_t found = 0;
    for (uint32_t row = 0; row < count; row += 8) {
        uint32_t left = count - row;
        __m512i d = distances_2(codes + 2 * (size_t)row, q, lanes(2 * left),
                                lanes(left > 4 ? 2 * (left - 4) : 0));
        __mmask8 near = _mm512_mask_cmple_epu64_mask(lanes(left), d, limit);
        if (near != 0) found = append(candidates, found, row, d, near);
    }
    return found;
}

static uint32_t scan_4(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    __m512i q = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)query));
    __m512i limit = _mm512_set1_epi64(bound);
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    uint32_t found = 0;
    for (uint32_t row = 0; row < count; row += 8) {
        uint32_t left = count - row;
        const uint64_t *at = codes + 4 * (size_t)row;
        /* Halves of 4 codes each, as if they were 8 codes of 2 words; then pairs of those. */
        __m512i a = distances_2(at, q, lanes(4 * left), lanes(left > 2 ? 4 * (left - 2) : 0));
        __m512i b = distances_2(at + 16, q, lanes(left > 4 ? 4 * (left - 4) : 0),
                                lanes(left > 6 ? 4 * (left - 6) : 0));
        __m512i d = _mm512_add_epi64(_mm512_permutex2var_epi64(a, even, b),
                                     _mm512_permutex2var_epi64(a, odd, b));
        __mmask8 near = _mm512_mask_cmple_epu64_mask(lanes(left), d, limit);
        if (near != 0) found = append(candidates, found, row, d, near);
    }
    return found;
}

const kin_hamming_kernel kin_hamming_avx512[3] = {scan_1, scan_2, scan_4};
#else
const kin_hamming_kernel kin_hamming_avx512[3];
#endif
