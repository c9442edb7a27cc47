#include "coordinator/serve/inquiry_wave.h"

#include <stdlib.h>

#include "coordinator/serve/inquiry_score.h"

/* Longer than this nobody waits for the shard ahead: it is as long as two ticks. */
#define WAVE_NS INT64_C(20000000)

void kin_wave_begin(kin_inquiry *inquiry, const kin_inquiry_scope *scope)
{
    const kin_message *question = &inquiry->question;
    const kin_manifest *manifest = scope->manifest;
    uint64_t codes = 0;
    inquiry->ahead = KIN_FLEET_NONE;
    inquiry->bound = -1;
    /* What is counted has to be looked at anyway. */
    if (question->type != KIN_MESSAGE_SEARCH || question->within >= 0 || question->exhaustive ||
        inquiry->shard_count < 2)
        return;
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        codes += manifest->shards[s].count;
    if (codes / inquiry->shard_count < scope->wave_codes) return;
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        if (kin_code_compare(&manifest->shards[s].first, &inquiry->code) <= 0) inquiry->ahead = s;
}

/* The hits that are there bound those that are still to come. */
static void bound_others(kin_inquiry *inquiry, const kin_manifest *manifest)
{
    uint32_t count;
    kin_merged_hit *hits = kin_hits_merge(inquiry, kin_inquiry_depth(inquiry), &count);
    if (count == kin_inquiry_depth(inquiry)) inquiry->bound = (int32_t)hits[count - 1].hit.distance;
    free(hits);
    for (uint32_t s = 0; inquiry->bound >= 0 && s < inquiry->shard_count; s++) {
        const kin_manifest_shard *shard = &manifest->shards[s];
        if (!inquiry->needed[s] || inquiry->owner[s] != KIN_FLEET_NONE || inquiry->pending[s] > 0 ||
            kin_code_range_distance(&inquiry->code, &shard->first, &shard->last) <=
                (uint32_t)inquiry->bound)
            continue;
        inquiry->needed[s] = 0;
        inquiry->pruned++;
    }
}

bool kin_wave_waits(kin_inquiry *inquiry, const kin_inquiry_scope *scope, int64_t now_ns)
{
    uint32_t ahead = inquiry->ahead;
    if (ahead == KIN_FLEET_NONE) return false;
    if (inquiry->wave_ns == 0) return false; /* it is to be asked now */
    bool answered = inquiry->owner[ahead] != KIN_FLEET_NONE;
    if (!answered && inquiry->pending[ahead] > 0 && now_ns - inquiry->wave_ns < WAVE_NS)
        return true;
    inquiry->ahead = KIN_FLEET_NONE;
    if (answered) bound_others(inquiry, scope->manifest);
    return false;
}

void kin_wave_restrict(kin_inquiry *inquiry, kin_fleet *fleet, uint32_t *worker_of, uint32_t *given,
                       int64_t now_ns)
{
    if (inquiry->ahead == KIN_FLEET_NONE) return;
    uint32_t first = worker_of[inquiry->ahead];
    if (first == KIN_FLEET_NONE) { /* nobody serves it now: no use in waiting */
        inquiry->ahead = KIN_FLEET_NONE;
        return;
    }
    inquiry->wave_ns = now_ns;
    for (uint32_t s = 0; s < inquiry->shard_count; s++) {
        uint32_t worker = worker_of[s];
        if (worker == KIN_FLEET_NONE || worker == first) continue;
        worker_of[s] = KIN_FLEET_NONE;
        given[worker]--;
        fleet->workers[worker]->tasks--;
    }
}
