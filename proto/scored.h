/* What re-ranking sends beside hits: a question's values, where hits are, and how far they are.
 * Little-endian numbers, one behind the other. Specification: proto/PROTOCOL.md, "score". */
#ifndef PROTO_SCORED_H
#define PROTO_SCORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

#define KIN_SCORED_VALUE_BYTES 2  /* two's complement */
#define KIN_SCORED_PLACE_BYTES 12 /* shard (4), row (8) */
#define KIN_SCORED_SCORE_BYTES 4  /* of kin_values_distance */

/* values [count] -> bytes [count * KIN_SCORED_VALUE_BYTES], and back. */
void kin_scored_put_values(const int16_t *values, uint32_t count, uint8_t *bytes);
void kin_scored_get_values(const uint8_t *bytes, uint32_t count, int16_t *values);

/* Number i of a message's places. */
void kin_scored_put_place(kin_row place, uint8_t *bytes);
kin_row kin_scored_get_place(kin_bytes places, uint32_t i);
/* Whether they are whole, and of shards below shard_end; their number in *count. */
bool kin_scored_places_valid(kin_bytes places, uint32_t shard_end, uint32_t *count);

void kin_scored_put_score(uint32_t score, uint8_t *bytes);
uint32_t kin_scored_get_score(kin_bytes scores, uint32_t i);
/* Whether they are count distances (up to KIN_VALUES_DISTANCE_MAX). */
bool kin_scored_scores_valid(kin_bytes scores, uint32_t count);

#endif
