#include "coordinator/serve/inquiry_score.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/scored.h"

uint32_t kin_inquiry_depth(const kin_inquiry *inquiry)
{
    const kin_message *question = &inquiry->question;
    return question->rerank > question->k ? question->rerank : question->k;
}

static int compare(const void *a, const void *b)
{
    const kin_merged_hit *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return kin_hit_before(&x->hit, &y->hit) ? -1 : kin_hit_before(&y->hit, &x->hit);
}

kin_merged_hit *kin_hits_merge(const kin_inquiry *inquiry, uint32_t depth, uint32_t *count)
{
    uint64_t most = 0;
    *count = 0;
    for (uint32_t i = 0; i < inquiry->leg_count; i++)
        most += inquiry->legs[i].reply.hit_count;
    kin_merged_hit *hits = kin_calloc(most, sizeof *hits);
    for (uint32_t i = 0; i < inquiry->leg_count; i++) {
        const kin_message *found = &inquiry->legs[i].reply;
        for (uint32_t n = 0; n < found->hit_count; n++)
            if (inquiry->owner[found->hits[n].shard] == i)
                hits[(*count)++] = (kin_merged_hit){found->hits[n], found->keys[n], UINT32_MAX};
    }
    if (*count > 1) qsort(hits, *count, sizeof *hits, compare);
    if (*count > depth) *count = depth;
    return hits;
}

uint32_t kin_hits_rerank(const kin_inquiry *inquiry, kin_merged_hit *hits, uint32_t count)
{
    const kin_second_round *round = &inquiry->second;
    uint32_t scored = 0;
    for (uint32_t i = 0, next = 0; i < count; i++) {
        while (next < round->hit_count && kin_hit_before(&round->hits[next], &hits[i].hit))
            next++;
        if (next == round->hit_count || round->hits[next].id != hits[i].hit.id) continue;
        hits[i].score = round->scores[next];
        scored += hits[i].score != UINT32_MAX;
    }
    if (count > 1) qsort(hits, count, sizeof *hits, compare);
    return scored;
}

/* Where shards are missing that the client does not forgo, there is nothing to put in order. */
static bool is_refused(const kin_inquiry *inquiry)
{
    if (inquiry->question.partial) return false;
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        if (inquiry->needed[s] && inquiry->owner[s] == KIN_FLEET_NONE) return true;
    return false;
}

void kin_score_begin(kin_inquiry *inquiry)
{
    kin_second_round *round = &inquiry->second;
    uint32_t count = 0;
    if (!is_refused(inquiry)) {
        kin_merged_hit *merged = kin_hits_merge(inquiry, inquiry->question.rerank, &count);
        round->hits = kin_calloc(count, sizeof *round->hits);
        round->scores = kin_calloc(count, sizeof *round->scores);
        for (uint32_t i = 0; i < count; i++) {
            round->hits[i] = merged[i].hit;
            round->scores[i] = UINT32_MAX;
        }
        free(merged);
    }
    round->begun = true;
    round->first_leg = inquiry->leg_count;
    round->hit_count = count;
    round->owner = inquiry->owner;
    round->needed = inquiry->needed;
    inquiry->owner = kin_calloc(inquiry->shard_count, sizeof *inquiry->owner);
    inquiry->needed = kin_calloc(inquiry->shard_count, sizeof *inquiry->needed);
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        inquiry->owner[s] = inquiry->avoid[s] = KIN_FLEET_NONE;
    for (uint32_t i = 0; i < count; i++)
        inquiry->needed[round->hits[i].shard] = 1;
}

/* asked [shard_count]: 1 for the shards of a leg; the caller frees. */
static uint8_t *shards_of(const kin_inquiry *inquiry, const kin_leg *leg)
{
    uint8_t *asked = kin_calloc(inquiry->shard_count, 1);
    for (uint32_t i = 0; i < leg->shard_count; i++)
        asked[leg->shards[i]] = 1;
    return asked;
}

void kin_score_places(const kin_inquiry *inquiry, const kin_leg *leg, kin_buffer *places)
{
    const kin_second_round *round = &inquiry->second;
    uint8_t *asked = shards_of(inquiry, leg);
    for (uint32_t i = 0; i < round->hit_count; i++) {
        uint8_t place[KIN_SCORED_PLACE_BYTES];
        if (!asked[round->hits[i].shard]) continue;
        kin_scored_put_place((kin_row){round->hits[i].shard, round->hits[i].row}, place);
        kin_buffer_append(places, place, sizeof place);
    }
    free(asked);
}

bool kin_score_valid(const kin_inquiry *inquiry, const kin_leg *leg, const kin_message *scored)
{
    const kin_second_round *round = &inquiry->second;
    uint8_t *asked = shards_of(inquiry, leg);
    uint32_t count = 0;
    for (uint32_t i = 0; i < round->hit_count; i++)
        count += asked[round->hits[i].shard];
    free(asked);
    return kin_scored_scores_valid(scored->scores, count);
}

/* The scores that a leg gave, of the shards that it owns. */
static void take_scores(kin_inquiry *inquiry, uint32_t leg_index)
{
    kin_second_round *round = &inquiry->second;
    const kin_leg *leg = &inquiry->legs[leg_index];
    if (leg->reply.scores.bytes == 0) return;
    uint8_t *asked = shards_of(inquiry, leg);
    for (uint32_t i = 0, next = 0; i < round->hit_count; i++) {
        uint32_t shard = round->hits[i].shard;
        if (!asked[shard]) continue;
        uint32_t score = kin_scored_get_score(leg->reply.scores, next++);
        if (inquiry->owner[shard] == leg_index) round->scores[i] = score;
    }
    free(asked);
}

void kin_score_settle(kin_inquiry *inquiry)
{
    kin_second_round *round = &inquiry->second;
    for (uint32_t i = round->first_leg; i < inquiry->leg_count; i++)
        take_scores(inquiry, i);
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        if (inquiry->needed[s] && inquiry->owner[s] == KIN_FLEET_NONE)
            round->owner[s] = KIN_FLEET_NONE;
    free(inquiry->owner);
    free(inquiry->needed);
    inquiry->owner = round->owner;
    inquiry->needed = round->needed;
    round->owner = NULL;
    round->needed = NULL;
}

void kin_second_round_fini(kin_second_round *round)
{
    kin_buffer_fini(&round->values);
    free(round->hits);
    free(round->scores);
    free(round->owner);
    free(round->needed);
    memset(round, 0, sizeof *round);
}
