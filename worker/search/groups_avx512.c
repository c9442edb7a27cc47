/* Kernels for AVX-512 with VPOPCNTDQ: sixteen entries an instruction. */
#include "worker/search/groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

static inline __m512i ones_of_tails(const uint8_t *tails, __m512i query, unsigned tail)
{
    __m512i values;
    if (tail == 1)
        values = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)tails));
    else if (tail == 2)
        values = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)tails));
    else
        values = _mm512_loadu_si512(tails);
    return _mm512_popcnt_epi32(_mm512_xor_si512(values, query));
}

static inline uint32_t append(kin_candidate *candidates, uint32_t found, uint32_t first,
                              __m512i distances, uint32_t near)
{
    uint32_t distance[KIN_TABLE_GROUP];
    _mm512_storeu_si512(distance, distances);
    for (; near != 0; near &= near - 1) {
        uint32_t at = (uint32_t)__builtin_ctz(near);
        candidates[found++] = (kin_candidate){first + at, distance[at]};
    }
    return found;
}

static inline uint32_t run(const uint8_t *group, uint32_t lane, uint32_t count,
                           const kin_group_query *query, uint32_t limit, kin_candidate *candidates,
                           unsigned planes, unsigned tail)
{
    __m512i values[KIN_CODE_BITS_MAX / 32], bound = _mm512_set1_epi32((int)limit);
    for (unsigned p = 0; p <= planes; p++)
        values[p] = _mm512_set1_epi32((int)query->value[p]);
    uint32_t found = 0, end = lane + count;
    for (uint32_t at = 0; at < end; at += KIN_TABLE_GROUP) {
        __m512i d = ones_of_tails(group + (size_t)64 * planes, values[planes], tail);
        for (unsigned p = 0; p < planes; p++)
            d = _mm512_add_epi32(d, _mm512_popcnt_epi32(_mm512_xor_si512(
                                        _mm512_loadu_si512(group + (size_t)64 * p), values[p])));
        uint32_t near = _mm512_cmple_epu32_mask(d, bound);
        group += (size_t)KIN_TABLE_GROUP * (4 * planes + tail);
        if (near == 0) continue;
        if (at == 0) near &= UINT32_MAX << lane;
        if (end - at < KIN_TABLE_GROUP) near &= (1u << (end - at)) - 1;
        found = append(candidates, found, at - lane, d, near);
    }
    return found;
}

KIN_GROUP_KERNELS(kin_groups_avx512)
#else
const kin_group_kernel kin_groups_avx512[3][3];
#endif
