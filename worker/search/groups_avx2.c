/* Kernels for AVX2: the ones of each byte by a table of nibbles, summed byte by byte over the
 * planes and then into entries. */
#include "common/base/inline.h"
#include "worker/search/groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* The ones of each byte. */
static inline __m256i ones_of(__m256i bytes)
{
    const __m256i ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                          2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    return _mm256_add_epi8(
        _mm256_shuffle_epi8(ones, _mm256_and_si256(bytes, low)),
        _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low)));
}

static inline __m256i load(const uint8_t *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

/* Sums of each four bytes. */
static inline __m256i sums_of(__m256i bytes)
{
    __m256i pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* The ones of the tails of entries 0-7 and 8-15. */
static inline void ones_of_tails(const uint8_t *tails, __m256i query, unsigned tail, __m256i *low,
                                 __m256i *high)
{
    if (tail == 1) {
        __m256i ones = ones_of(_mm256_xor_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)tails)), query));
        __m128i bytes = _mm256_castsi256_si128(ones);
        *low = _mm256_cvtepu8_epi32(bytes);
        *high = _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8));
    } else if (tail == 2) {
        __m256i pairs = _mm256_maddubs_epi16(ones_of(_mm256_xor_si256(load(tails), query)),
                                             _mm256_set1_epi8(1));
        *low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(pairs));
        *high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(pairs, 1));
    } else {
        *low = sums_of(ones_of(_mm256_xor_si256(load(tails), query)));
        *high = sums_of(ones_of(_mm256_xor_si256(load(tails + 32), query)));
    }
}

static inline uint32_t append(kin_candidate *candidates, uint32_t found, uint32_t first,
                              __m256i low, __m256i high, uint32_t near)
{
    uint32_t distance[KIN_TABLE_GROUP];
    _mm256_storeu_si256((__m256i *)distance, low);
    _mm256_storeu_si256((__m256i *)(distance + 8), high);
    for (; near != 0; near &= near - 1) {
        uint32_t at = (uint32_t)__builtin_ctz(near);
        candidates[found++] = (kin_candidate){first + at, distance[at]};
    }
    return found;
}

static inline uint32_t near_of(__m256i distances, __m256i above)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(above, distances)));
}

KIN_INLINE uint32_t run(const uint8_t *group, uint32_t lane, uint32_t count,
                        const kin_group_query *query, uint32_t limit, kin_candidate *candidates,
                        unsigned planes, unsigned tail)
{
    uint32_t most = limit > KIN_CODE_BITS_MAX ? KIN_CODE_BITS_MAX : limit;
    __m256i values[KIN_CODE_BITS_MAX / 32], above = _mm256_set1_epi32((int)most + 1);
    for (unsigned p = 0; p < planes; p++)
        values[p] = _mm256_set1_epi32((int)query->value[p]);
    values[planes] = tail == 1   ? _mm256_set1_epi8((char)query->value[planes])
                     : tail == 2 ? _mm256_set1_epi16((short)query->value[planes])
                                 : _mm256_set1_epi32((int)query->value[planes]);
    uint32_t found = 0, end = lane + count;
    for (uint32_t at = 0; at < end; at += KIN_TABLE_GROUP) {
        __m256i low = _mm256_setzero_si256(), high = low, low_tails, high_tails;
        for (unsigned p = 0; p < planes; p++) { /* at most 7 x 8 ones a byte */
            low = _mm256_add_epi8(
                low, ones_of(_mm256_xor_si256(load(group + (size_t)64 * p), values[p])));
            high = _mm256_add_epi8(
                high, ones_of(_mm256_xor_si256(load(group + (size_t)64 * p + 32), values[p])));
        }
        ones_of_tails(group + (size_t)64 * planes, values[planes], tail, &low_tails, &high_tails);
        low = _mm256_add_epi32(sums_of(low), low_tails);
        high = _mm256_add_epi32(sums_of(high), high_tails);
        uint32_t near = near_of(low, above) | near_of(high, above) << 8;
        group += (size_t)KIN_TABLE_GROUP * (4 * planes + tail);
        if (near == 0) continue;
        if (at == 0) near &= UINT32_MAX << lane;
        if (end - at < KIN_TABLE_GROUP) near &= (1u << (end - at)) - 1;
        found = append(candidates, found, at - lane, low, high, near);
    }
    return found;
}

KIN_GROUP_KERNELS(kin_groups_avx2)
#else
const kin_group_kernel kin_groups_avx2[3][3];
#endif
