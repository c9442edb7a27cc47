#include "worker/serve/nearest.h"

static unsigned distance_to(const kin_held_shard *shard, const kin_code *code)
{
    return kin_code_range_distance(code, &shard->first, &shard->last);
}

static bool is_in(const kin_held_shard *shard, const kin_code *code)
{
    return kin_code_compare(&shard->first, code) <= 0 && kin_code_compare(code, &shard->last) <= 0;
}

uint32_t kin_nearest_shard(kin_held_shard *const *shards, uint32_t count, const kin_code *code)
{
    uint32_t nearest = 0;
    unsigned least = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (is_in(shards[i], code)) return i;
        unsigned distance = distance_to(shards[i], code);
        if (distance >= least) continue;
        least = distance;
        nearest = i;
    }
    return nearest;
}

bool kin_shard_can_help(const kin_held_shard *shard, const kin_search_query *query)
{
    uint32_t bound = kin_topk_bound(query->topk);
    if (query->count_within) return true;
    if (bound > query->within) bound = query->within;
    return distance_to(shard, &query->code) <= bound;
}
