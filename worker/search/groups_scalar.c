/* The kernels that every other is tested against. */
#include "common/base/inline.h"
#include "worker/search/groups.h"

#include <string.h>

KIN_INLINE uint32_t run(const uint8_t *group, uint32_t lane, uint32_t count,
                        const kin_group_query *query, uint32_t limit, kin_candidate *candidates,
                        unsigned planes, unsigned tail)
{
    uint32_t found = 0, value;
    for (uint32_t row = 0; row < count; row++) {
        uint32_t distance = 0;
        for (unsigned p = 0; p < planes; p++) {
            memcpy(&value, group + (size_t)4 * (p * KIN_TABLE_GROUP + lane), 4);
            distance += (uint32_t)__builtin_popcount(value ^ query->value[p]);
        }
        value = 0; /* little-endian: the bytes behind the tail's are zero */
        memcpy(&value, group + (size_t)4 * planes * KIN_TABLE_GROUP + (size_t)tail * lane, tail);
        distance += (uint32_t)__builtin_popcount(value ^ query->value[planes]);
        candidates[found] = (kin_candidate){row, distance};
        found += distance <= limit;
        if (++lane == KIN_TABLE_GROUP) {
            lane = 0;
            group += (size_t)KIN_TABLE_GROUP * (4 * planes + tail);
        }
    }
    return found;
}

KIN_GROUP_KERNELS(kin_groups_scalar)
