/* Kernels for AVX2: bits counted by table look-up of nibbles (Mula, Kurz and Lemire, "Faster
 * population counts using AVX2 instructions", The Computer Journal 2018). */
#include "worker/search/hamming.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* The number of ones of each 64-bit lane. */
static inline __m256i popcount(__m256i v)
{
    const __m256i ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                          2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    __m256i low = _mm256_shuffle_epi8(ones, _mm256_and_si256(v, nibble));
    __m256i high = _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

static inline __m256i distance_of(const uint64_t *codes, __m256i query)
{
    return popcount(_mm256_xor_si256(_mm256_loadu_si256((const __m256i *)codes), query));
}

/* Which lanes are at most limit, as bits; lanes are small and signed comparison is right. */
static inline uint32_t near_lanes(__m256i distances, __m256i limit)
{
    __m256i far = _mm256_cmpgt_epi64(distances, limit);
    return ~(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(far)) & 0xf;
}

static inline uint32_t append(kin_candidate *candidates, uint32_t found, uint32_t first,
                              __m256i distances, uint32_t near)
{
    uint64_t distance[4];
    _mm256_storeu_si256((__m256i *)distance, distances);
    for (; near != 0; near &= near - 1) {
        uint32_t lane = (uint32_t)__builtin_ctz(near);
        candidates[found++] = (kin_candidate){first + lane, (uint32_t)distance[lane]};
    }
    return found;
}

/* What is left of a block behind the last whole group of four. */
static inline uint32_t scan_tail(const uint64_t *codes, uint32_t row, uint32_t count,
                                 const uint64_t *query, uint32_t bound, kin_candidate *candidates,
                                 uint32_t found, unsigned words)
{
    for (; row < count; row++) {
        uint32_t distance = 0;
        for (unsigned i = 0; i < words; i++)
            distance += (uint32_t)__builtin_popcountll(codes[row * words + i] ^ query[i]);
        if (distance <= bound) candidates[found++] = (kin_candidate){row, distance};
    }
    return found;
}

static uint32_t scan_1(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    __m256i q = _mm256_set1_epi64x((long long)query[0]);
    __m256i limit = _mm256_set1_epi64x(bound);
    uint32_t found = 0, row = 0;
    for (; row + 8 <= count; row += 8) {
        __m256i d0 = distance_of(codes + row, q), d1 = distance_of(codes + row + 4, q);
        uint32_t near0 = near_lanes(d0, limit), near1 = near_lanes(d1, limit);
        if ((near0 | near1) == 0) continue;
        found = append(candidates, found, row, d0, near0);
        found = append(candidates, found, row + 4, d1, near1);
    }
    return scan_tail(codes, row, count, query, bound, candidates, found, 1);
}

static uint32_t scan_2(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    __m256i q = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)query));
    __m256i limit = _mm256_set1_epi64x(bound);
    uint32_t found = 0, row = 0;
    for (; row + 4 <= count; row += 4) {
        __m256i a = distance_of(codes + 2 * (size_t)row, q);
        __m256i b = distance_of(codes + 2 * (size_t)row + 4, q);
        /* unpack gives rows 0, 2, 1, 3 */
        __m256i d = _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        d = _mm256_permute4x64_epi64(d, _MM_SHUFFLE(3, 1, 2, 0));
        uint32_t near = near_lanes(d, limit);
        if (near != 0) found = append(candidates, found, row, d, near);
    }
    return scan_tail(codes, row, count, query, bound, candidates, found, 2);
}

static uint32_t scan_4(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    __m256i q = _mm256_loadu_si256((const __m256i *)query);
    __m256i limit = _mm256_set1_epi64x(bound);
    uint32_t found = 0, row = 0;
    for (; row + 4 <= count; row += 4) {
        const uint64_t *at = codes + 4 * (size_t)row;
        __m256i a = distance_of(at, q), b = distance_of(at + 4, q);
        __m256i c = distance_of(at + 8, q), e = distance_of(at + 12, q);
        __m256i ab = _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        __m256i ce = _mm256_add_epi64(_mm256_unpacklo_epi64(c, e), _mm256_unpackhi_epi64(c, e));
        __m256i d = _mm256_add_epi64(_mm256_permute2x128_si256(ab, ce, 0x20),
                                     _mm256_permute2x128_si256(ab, ce, 0x31));
        uint32_t near = near_lanes(d, limit);
        if (near != 0) found = append(candidates, found, row, d, near);
    }
    return scan_tail(codes, row, count, query, bound, candidates, found, 4);
}

const kin_hamming_kernel kin_hamming_avx2[3] = {scan_1, scan_2, scan_4};
#else
const kin_hamming_kernel kin_hamming_avx2[3];
#endif
