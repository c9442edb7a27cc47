/* Kernels for AArch64: CNT counts the ones of each byte, pairwise additions sum them. */
#include "worker/search/hamming.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#include <stddef.h>

/* The ones of each 64-bit lane of codes XOR query. */
static inline uint64x2_t ones_of(const uint64_t *codes, uint64x2_t query)
{
    uint8x16_t ones = vcntq_u8(vreinterpretq_u8_u64(veorq_u64(vld1q_u64(codes), query)));
    return vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(ones)));
}

static uint32_t scan_1(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    uint64x2_t q = vdupq_n_u64(query[0]);
    uint32_t found = 0, row = 0;
    for (; row + 2 <= count; row += 2) {
        uint64x2_t d = ones_of(codes + row, q);
        uint32_t distance[2] = {(uint32_t)vgetq_lane_u64(d, 0), (uint32_t)vgetq_lane_u64(d, 1)};
        for (uint32_t lane = 0; lane < 2; lane++)
            if (distance[lane] <= bound)
                candidates[found++] = (kin_candidate){row + lane, distance[lane]};
    }
    if (row < count) {
        uint32_t distance = (uint32_t)__builtin_popcountll(codes[row] ^ query[0]);
        if (distance <= bound) candidates[found++] = (kin_candidate){row, distance};
    }
    return found;
}

static uint32_t scan_2(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    uint64x2_t q = vld1q_u64(query);
    uint32_t found = 0;
    for (uint32_t row = 0; row < count; row++) {
        uint32_t distance = (uint32_t)vaddvq_u64(ones_of(codes + 2 * (size_t)row, q));
        if (distance <= bound) candidates[found++] = (kin_candidate){row, distance};
    }
    return found;
}

static uint32_t scan_4(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    uint64x2_t q0 = vld1q_u64(query), q1 = vld1q_u64(query + 2);
    uint32_t found = 0;
    for (uint32_t row = 0; row < count; row++) {
        const uint64_t *at = codes + 4 * (size_t)row;
        uint32_t distance = (uint32_t)vaddvq_u64(vaddq_u64(ones_of(at, q0), ones_of(at + 2, q1)));
        if (distance <= bound) candidates[found++] = (kin_candidate){row, distance};
    }
    return found;
}

const kin_hamming_kernel kin_hamming_neon[3] = {scan_1, scan_2, scan_4};
#else
const kin_hamming_kernel kin_hamming_neon[3];
#endif
