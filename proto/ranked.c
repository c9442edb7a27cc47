#include "proto/ranked.h"

#include <string.h>

#include "common/base/bytes.h"

/* id (8), distance (4), shard (4). */
#define AT_DISTANCE 8
#define AT_SHARD 12

void kin_ranked_build(const kin_hit *hits, uint32_t count, uint32_t k, uint8_t *row)
{
    for (uint32_t i = 0; i < count; i++, row += KIN_RANKED_BYTES) {
        kin_store_le64(row, hits[i].id);
        kin_store_le32(row + AT_DISTANCE, hits[i].distance);
        kin_store_le32(row + AT_SHARD, hits[i].shard);
    }
    memset(row, 0xff, (size_t)(k - count) * KIN_RANKED_BYTES);
}

bool kin_ranked_parse(const uint8_t *row, uint32_t k, unsigned bits, kin_hit *hits, uint32_t *count)
{
    uint32_t n = 0;
    for (; n < k; n++, row += KIN_RANKED_BYTES) {
        kin_hit hit = {.id = kin_load_le64(row),
                       .distance = kin_load_le32(row + AT_DISTANCE),
                       .shard = kin_load_le32(row + AT_SHARD)};
        if (hit.distance == UINT32_MAX) break;
        if (hit.distance > bits || (n > 0 && !kin_hit_before(&hits[n - 1], &hit))) return false;
        hits[n] = hit;
    }
    *count = n;
    for (size_t i = 0; i < (size_t)(k - n) * KIN_RANKED_BYTES; i++)
        if (row[i] != 0xff) return false;
    return true;
}
