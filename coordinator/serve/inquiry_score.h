/* The second round of a search that re-ranks: the first hits of all shards are known, and whoever
 * serves a shard says how far its hits are by their values. The round uses the legs, owners and
 * failures of an inquiry as the first one does: legs that fail, die or are late are asked
 * elsewhere. A shard that says nothing counts as missing, with all its hits. */
#ifndef COORDINATOR_SERVE_INQUIRY_SCORE_H
#define COORDINATOR_SERVE_INQUIRY_SCORE_H

#include "coordinator/serve/inquiry.h"

/* Hits that the first round finds: those that the client wants, or more where more are put in
 * order. */
uint32_t kin_inquiry_depth(const kin_inquiry *inquiry);

/* The first round is over: forgets who owns which shard of it (until kin_score_settle), and needs
 * the shards of the hits that are to be put in order; of none where the answer is refused anyway.
 */
void kin_score_begin(kin_inquiry *inquiry);

/* Appends the places of the hits that a leg is asked for, in the order of hits. */
void kin_score_places(const kin_inquiry *inquiry, const kin_leg *leg, kin_buffer *places);

/* Whether a reply has what a leg was asked for. */
bool kin_score_valid(const kin_inquiry *inquiry, const kin_leg *leg, const kin_message *scored);

/* The second round is over: every hit gets its score, and needed and owner are the first round's
 * again, without the shards that did not score. */
void kin_score_settle(kin_inquiry *inquiry);

/* A hit of a partial list, with its key; score: UINT32_MAX for none. */
typedef struct kin_merged_hit {
    kin_hit hit;
    kin_bytes key; /* borrowed from a leg's reply */
    uint32_t score;
} kin_merged_hit;

/* The first `depth` hits of all shards, each from the leg that owns the shard, in order, without
 * scores; the caller frees. */
kin_merged_hit *kin_hits_merge(const kin_inquiry *inquiry, uint32_t depth, uint32_t *count);

/* Puts those that have a score first, in the order of (score, distance, id); the others stay in
 * the order of (distance, id). Returns how many have one. */
uint32_t kin_hits_rerank(const kin_inquiry *inquiry, kin_merged_hit *hits, uint32_t count);

void kin_second_round_fini(kin_second_round *round);

#endif
