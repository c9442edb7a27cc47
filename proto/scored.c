#include "proto/scored.h"

#include "common/base/bytes.h"
#include "common/code/values.h"

/* Of the row, within a place. */
#define AT_ROW 4

void kin_scored_put_values(const int16_t *values, uint32_t count, uint8_t *bytes)
{
    for (uint32_t i = 0; i < count; i++)
        kin_store_le16(bytes + (size_t)KIN_SCORED_VALUE_BYTES * i, (uint16_t)values[i]);
}

void kin_scored_get_values(const uint8_t *bytes, uint32_t count, int16_t *values)
{
    for (uint32_t i = 0; i < count; i++)
        values[i] = (int16_t)kin_load_le16(bytes + (size_t)KIN_SCORED_VALUE_BYTES * i);
}

void kin_scored_put_place(kin_row place, uint8_t *bytes)
{
    kin_store_le32(bytes, place.shard);
    kin_store_le64(bytes + AT_ROW, place.row);
}

kin_row kin_scored_get_place(kin_bytes places, uint32_t i)
{
    const uint8_t *bytes = (const uint8_t *)places.data + (size_t)KIN_SCORED_PLACE_BYTES * i;
    return (kin_row){.shard = kin_load_le32(bytes), .row = kin_load_le64(bytes + AT_ROW)};
}

bool kin_scored_places_valid(kin_bytes places, uint32_t shard_end, uint32_t *count)
{
    *count = (uint32_t)(places.bytes / KIN_SCORED_PLACE_BYTES);
    if (places.bytes % KIN_SCORED_PLACE_BYTES != 0) return false;
    for (uint32_t i = 0; i < *count; i++)
        if (kin_scored_get_place(places, i).shard >= shard_end) return false;
    return true;
}

void kin_scored_put_score(uint32_t score, uint8_t *bytes)
{
    kin_store_le32(bytes, score);
}

uint32_t kin_scored_get_score(kin_bytes scores, uint32_t i)
{
    return kin_load_le32((const uint8_t *)scores.data + (size_t)KIN_SCORED_SCORE_BYTES * i);
}

bool kin_scored_scores_valid(kin_bytes scores, uint32_t count)
{
    if (scores.bytes != (size_t)count * KIN_SCORED_SCORE_BYTES) return false;
    for (uint32_t i = 0; i < count; i++)
        if (kin_scored_get_score(scores, i) > KIN_VALUES_DISTANCE_MAX) return false;
    return true;
}
