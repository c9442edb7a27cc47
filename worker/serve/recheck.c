#include "worker/serve/recheck.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"

/* What waits to be looked at again, and hits of one: there is always a next one to take. */
#define WAITING_MAX 4
#define HITS_MAX 1024
/* Codes that are looked at before searches have their turn again: about 0.3 ms. */
#define PART_CODES (UINT64_C(1) << 20)

typedef struct noted {
    kin_code code;
    unsigned bits;
    uint32_t k, within, hit_count, shard_count;
    bool any_ties;
    kin_hit hits[HITS_MAX];
    uint32_t shards[KIN_SHARDS_MAX];
} noted;

struct kin_recheck {
    kin_cpu_level level;
    uint32_t every;
    uint64_t seen, checks, mismatches;
    noted waiting[WAITING_MAX]; /* a ring: count from oldest on */
    uint32_t oldest, count;
    /* How far the oldest one is looked at: shards before `shard` whole. */
    uint32_t shard;
    uint64_t place;
    kin_topk topk;
    kin_hit heap[HITS_MAX];
};

kin_recheck *kin_recheck_new(kin_cpu_level level, uint32_t every)
{
    kin_recheck *recheck = kin_calloc(1, sizeof *recheck);
    recheck->level = level;
    recheck->every = every;
    return recheck;
}

void kin_recheck_destroy(kin_recheck **recheck)
{
    free(*recheck);
    *recheck = NULL;
}

void kin_recheck_note(kin_recheck *recheck, const kin_message *scan, const kin_hit *hits,
                      uint32_t count)
{
    if (recheck->every == 0 || scan->exhaustive || recheck->seen++ % recheck->every != 0) return;
    if (recheck->count == WAITING_MAX || scan->k > HITS_MAX) return;
    noted *one = &recheck->waiting[(recheck->oldest + recheck->count++) % WAITING_MAX];
    one->bits = (unsigned)scan->code.bytes * 8;
    kin_code_from_bytes(&one->code, scan->code.data, one->bits);
    one->k = scan->k;
    one->within = scan->within < 0 ? one->bits : (uint32_t)scan->within;
    if (scan->within < 0 && scan->bound >= 0) one->within = (uint32_t)scan->bound;
    one->any_ties = scan->any_ties;
    one->hit_count = count;
    if (count > 0) memcpy(one->hits, hits, count * sizeof *hits);
    one->shard_count = scan->shard_count;
    for (uint32_t i = 0; i < scan->shard_count; i++)
        one->shards[i] = scan->shards[i].shard;
}

bool kin_recheck_waits(const kin_recheck *recheck)
{
    return recheck->count > 0;
}

static bool is_right(const noted *one, const kin_topk *topk)
{
    bool right = topk->count == one->hit_count;
    for (uint32_t i = 0; right && i < one->hit_count; i++)
        right = topk->heap[i].distance == one->hits[i].distance &&
                (one->any_ties || topk->heap[i].id == one->hits[i].id);
    return right;
}

/* The oldest was looked at, or cannot be. */
static void forget(kin_recheck *recheck)
{
    recheck->oldest = (recheck->oldest + 1) % WAITING_MAX;
    recheck->count--;
    recheck->shard = 0;
    recheck->place = 0;
}

static void judge(kin_recheck *recheck, const noted *one)
{
    kin_topk_finish(&recheck->topk);
    recheck->checks++;
    if (is_right(one, &recheck->topk)) return;
    char code[KIN_CODE_TEXT_BYTES];
    recheck->mismatches++;
    kin_log(KIN_LOG_ERROR,
            "an answer was wrong: code %s, k %u, within %u, over %u shards; a scan finds other "
            "hits. Please report this, with the index",
            kin_code_text(&one->code, one->bits, code), one->k, one->within, one->shard_count);
}

void kin_recheck_run(kin_recheck *recheck, kin_holding *holding)
{
    const noted *one = &recheck->waiting[recheck->oldest];
    if (recheck->shard == 0 && recheck->place == 0)
        kin_topk_init(&recheck->topk, recheck->heap, one->k);
    if (recheck->shard < one->shard_count) {
        kin_held_shard *shard = kin_holding_get(holding, one->shards[recheck->shard]);
        bool held = shard != NULL && shard->codes.bits == one->bits;
        kin_search_query query = {.code = one->code,
                                  .within = one->within,
                                  .topk = &recheck->topk,
                                  .deadline_ns = INT64_MAX};
        if (held)
            kin_search_scan_part(&shard->codes, &query, recheck->level, PART_CODES,
                                 &recheck->place);
        if (shard != NULL) kin_holding_put(holding, shard);
        if (!held) {
            forget(recheck);
            return;
        }
        if (recheck->place != UINT64_MAX) return;
        recheck->place = 0;
        recheck->shard++;
    }
    if (recheck->shard < one->shard_count) return;
    judge(recheck, one);
    forget(recheck);
}

void kin_recheck_counts(const kin_recheck *recheck, uint64_t *checks, uint64_t *mismatches)
{
    *checks = recheck->checks;
    *mismatches = recheck->mismatches;
}
