#include "coordinator/partition/placement.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/base/random.h"

typedef struct candidate {
    uint64_t score; /* of this worker for the shard at hand */
    uint64_t name;
    uint32_t worker;
    uint32_t room; /* shards that it may still get */
} candidate;

static uint64_t score_of(uint64_t worker, uint32_t shard)
{
    kin_random random = {.state = worker ^ (shard + 1) * UINT64_C(0xd6e8feb86659fd93)};
    return kin_random_u64(&random);
}

static int best_first(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->name < b->name ? -1 : a->name > b->name;
}

/* The best `replicas` workers for one shard of the `left` shards that are left, this one included.
 *
 * A worker gets a shard once at most, so room for more than the shards that are left is lost. The
 * choice must leave room for the others: of the workers whose room could still be used up later
 * (room < left), no more than `spare` may be taken. While the rooms of all workers, each counted
 * up to `left`, hold left * replicas shards, there always is such a choice, and after it that is
 * true of left - 1. */
static void place_shard(candidate *candidates, uint32_t count, uint32_t left, uint32_t replicas,
                        uint32_t *placement)
{
    uint64_t room = 0;
    for (uint32_t i = 0; i < count; i++)
        room += candidates[i].room < left ? candidates[i].room : left - 1;
    KIN_CHECK(count >= replicas);
    int64_t spare = (int64_t)room - (int64_t)(left - 1) * replicas;
    uint32_t placed = 0;
    for (uint32_t i = 0; i < count && placed < replicas; i++) {
        bool lasting = candidates[i].room < left;
        if (candidates[i].room == 0 || (lasting && spare <= 0)) continue;
        if (lasting) spare--;
        candidates[i].room--;
        placement[placed++] = candidates[i].worker;
    }
    KIN_CHECK(placed == replicas);
}

void kin_placement_compute(const uint64_t *workers, uint32_t worker_count, uint32_t shard_count,
                           uint32_t replicas, uint32_t *placement)
{
    KIN_CHECK(replicas >= 1 && replicas <= worker_count);
    candidate *candidates = kin_calloc(worker_count, sizeof *candidates);
    uint64_t slots = (uint64_t)shard_count * replicas;
    for (uint32_t i = 0; i < worker_count; i++) {
        candidates[i].worker = i;
        candidates[i].name = workers[i];
        candidates[i].room = (uint32_t)((slots + worker_count - 1) / worker_count);
    }
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        for (uint32_t i = 0; i < worker_count; i++)
            candidates[i].score = score_of(candidates[i].name, shard);
        qsort(candidates, worker_count, sizeof *candidates, best_first);
        place_shard(candidates, worker_count, shard_count - shard, replicas,
                    placement + (uint64_t)shard * replicas);
    }
    free(candidates);
}
