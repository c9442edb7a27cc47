/* Kernels for AVX-512 with VPOPCNTDQ: sixteen entries an instruction. */
#include "common/base/inline.h"
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

/* The ones of the first planes of a group. */
static inline __m512i ones_of_planes(const uint8_t *group, const __m512i *values, unsigned planes)
{
    __m512i d = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (unsigned p = 0; p < planes; p++)
        d = _mm512_add_epi32(d, _mm512_popcnt_epi32(_mm512_xor_si512(
                                    _mm512_loadu_si512(group + (size_t)64 * p), values[p])));
    return d;
}

/* Groups at which half of the bits is looked first. */
#define TOGETHER 4
/* A limit up to which half of the bits sees that nothing of TOGETHER groups is near, four times of
 * five or more, where bits are at random. */
static inline uint32_t half_limit(unsigned planes)
{
    return planes == 1 ? 8 : planes == 3 ? 20 : 46;
}

KIN_INLINE uint32_t run(const uint8_t *group, uint32_t lane, uint32_t count,
                        const kin_group_query *query, uint32_t limit, kin_candidate *candidates,
                        unsigned planes, unsigned tail)
{
    const size_t group_bytes = (size_t)KIN_TABLE_GROUP * (4 * planes + tail);
    const unsigned half = (planes + 1) / 2;
    __m512i values[KIN_CODE_BITS_MAX / 32], bound = _mm512_set1_epi32((int)limit);
    for (unsigned p = 0; p <= planes; p++)
        values[p] = _mm512_set1_epi32((int)query->value[p]);
    uint32_t found = 0, end = lane + count, look = limit <= half_limit(planes) ? 0 : UINT32_MAX;
    for (uint32_t at = 0; at < end;) {
        if (at >= look && end - at >= TOGETHER * KIN_TABLE_GROUP) {
            __m512i a = ones_of_planes(group, values, half);
            __m512i b = ones_of_planes(group + group_bytes, values, half);
            __m512i c = ones_of_planes(group + 2 * group_bytes, values, half);
            __m512i e = ones_of_planes(group + 3 * group_bytes, values, half);
            __m512i least = _mm512_min_epu32(_mm512_min_epu32(a, b), _mm512_min_epu32(c, e));
            if (_mm512_cmple_epu32_mask(least, bound) == 0) {
                group += TOGETHER * group_bytes;
                at += TOGETHER * KIN_TABLE_GROUP;
                continue;
            }
            look = at + TOGETHER * KIN_TABLE_GROUP; /* these one by one */
        }
        __m512i d =
            _mm512_add_epi32(ones_of_planes(group, values, planes),
                             ones_of_tails(group + (size_t)64 * planes, values[planes], tail));
        uint32_t near = _mm512_cmple_epu32_mask(d, bound);
        if (near != 0 && at == 0) near &= UINT32_MAX << lane;
        if (near != 0 && end - at < KIN_TABLE_GROUP) near &= (1u << (end - at)) - 1;
        if (near != 0) found = append(candidates, found, at - lane, d, near);
        group += group_bytes;
        at += KIN_TABLE_GROUP;
    }
    return found;
}

KIN_GROUP_KERNELS(kin_groups_avx512)
#else
const kin_group_kernel kin_groups_avx512[3][3];
#endif
