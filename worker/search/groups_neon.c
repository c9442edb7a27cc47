/* Kernels for AArch64: CNT counts the ones of each byte, pairwise additions sum them into entries.
 */
#include "common/base/inline.h"
#include "worker/search/groups.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#include <stddef.h>

static inline uint8x16_t ones_of(const uint8_t *at, uint8x16_t query)
{
    return vcntq_u8(veorq_u8(vld1q_u8(at), query));
}

/* The ones of the tails of all 16 entries, four a vector. */
static inline void ones_of_tails(const uint8_t *tails, uint8x16_t query, unsigned tail,
                                 uint32x4_t ones[4])
{
    if (tail == 1) {
        uint8x16_t bytes = ones_of(tails, query);
        uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
        ones[0] = vmovl_u16(vget_low_u16(low));
        ones[1] = vmovl_u16(vget_high_u16(low));
        ones[2] = vmovl_u16(vget_low_u16(high));
        ones[3] = vmovl_u16(vget_high_u16(high));
    } else if (tail == 2) {
        for (unsigned half = 0; half < 2; half++) {
            uint16x8_t pairs = vpaddlq_u8(ones_of(tails + (size_t)16 * half, query));
            ones[2 * half] = vmovl_u16(vget_low_u16(pairs));
            ones[2 * half + 1] = vmovl_u16(vget_high_u16(pairs));
        }
    } else {
        for (unsigned i = 0; i < 4; i++)
            ones[i] = vpaddlq_u16(vpaddlq_u8(ones_of(tails + (size_t)16 * i, query)));
    }
}

KIN_INLINE uint32_t run(const uint8_t *group, uint32_t lane, uint32_t count,
                        const kin_group_query *query, uint32_t limit, kin_candidate *candidates,
                        unsigned planes, unsigned tail)
{
    uint8x16_t values[KIN_CODE_BITS_MAX / 32];
    for (unsigned p = 0; p <= planes; p++)
        values[p] = vreinterpretq_u8_u32(vdupq_n_u32(query->value[p]));
    if (tail == 1) values[planes] = vdupq_n_u8((uint8_t)query->value[planes]);
    if (tail == 2)
        values[planes] = vreinterpretq_u8_u16(vdupq_n_u16((uint16_t)query->value[planes]));
    uint32_t found = 0, end = lane + count;
    for (uint32_t at = 0; at < end; at += KIN_TABLE_GROUP) {
        uint32x4_t d[4];
        ones_of_tails(group + (size_t)64 * planes, values[planes], tail, d);
        for (unsigned i = 0; i < 4; i++) {
            uint8x16_t ones = vdupq_n_u8(0); /* at most 7 x 8 a byte */
            for (unsigned p = 0; p < planes; p++)
                ones = vaddq_u8(ones, ones_of(group + (size_t)64 * p + (size_t)16 * i, values[p]));
            d[i] = vaddq_u32(d[i], vpaddlq_u16(vpaddlq_u8(ones)));
        }
        group += (size_t)KIN_TABLE_GROUP * (4 * planes + tail);
        uint32x4_t least = vminq_u32(vminq_u32(d[0], d[1]), vminq_u32(d[2], d[3]));
        if (vminvq_u32(least) > limit) continue;
        uint32_t distance[KIN_TABLE_GROUP];
        for (unsigned i = 0; i < 4; i++)
            vst1q_u32(distance + (size_t)4 * i, d[i]);
        uint32_t to = end - at < KIN_TABLE_GROUP ? end - at : KIN_TABLE_GROUP;
        for (uint32_t i = at == 0 ? lane : 0; i < to; i++)
            if (distance[i] <= limit)
                candidates[found++] = (kin_candidate){at + i - lane, distance[i]};
    }
    return found;
}

KIN_GROUP_KERNELS(kin_groups_neon)
#else
const kin_group_kernel kin_groups_neon[3][3];
#endif
