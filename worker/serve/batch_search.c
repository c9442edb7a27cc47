#include "worker/serve/batch_search.h"

#include <stdlib.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/ranked.h"
#include "worker/serve/nearest.h"

/* Hits that are kept at a time, for as many codes as share a pass over a shard: 24 MB. */
#define HITS_MAX (1u << 20)

struct kin_batch_search {
    kin_cpu_level level;
    kin_search_scratch *scratch; /* NULL: no batch came yet */
    kin_hit *heaps;              /* [heap_count] */
    size_t heap_count;
    kin_topk topks[KIN_SEARCH_QUERIES_MAX];
    kin_search_query queries[KIN_SEARCH_QUERIES_MAX];
    uint32_t nearest[KIN_SEARCH_QUERIES_MAX]; /* which of the shards a query asks first */
    kin_held_shard *held[KIN_SHARDS_MAX];     /* in the order of the message */
    kin_buffer ranked;
};

kin_batch_search *kin_batch_search_new(kin_cpu_level level)
{
    kin_batch_search *search = kin_calloc(1, sizeof *search);
    search->level = level;
    return search;
}

void kin_batch_search_destroy(kin_batch_search **search)
{
    if (*search == NULL) return;
    kin_search_scratch_destroy(&(*search)->scratch);
    kin_buffer_fini(&(*search)->ranked);
    free((*search)->heaps);
    free(*search);
    *search = NULL;
}

const kin_search_counters *kin_batch_search_counters(const kin_batch_search *search)
{
    return search->scratch != NULL ? kin_search_scratch_counters(search->scratch) : NULL;
}

/* Takes the shards; how many were taken is in *count, whatever happens. */
static kin_status hold_shards(kin_batch_search *search, const kin_message *message,
                              kin_holding *holding, uint32_t *count, kin_error *error)
{
    for (*count = 0; *count < message->shard_count; (*count)++) {
        uint32_t shard = message->shards[*count].shard;
        kin_held_shard *held = kin_holding_get(holding, shard);
        if (held == NULL) return kin_fail(error, KIN_NOT_FOUND, "shard %u is not open here", shard);
        search->held[*count] = held;
        if ((uint64_t)message->codes.bytes % (held->codes.bits / 8) != 0) {
            (*count)++;
            return kin_fail(error, KIN_MISMATCH,
                            "%zu bytes are no codes of this index, which have %u bits",
                            message->codes.bytes, held->codes.bits);
        }
    }
    return KIN_OK;
}

/* A code at a time would read its buckets alone; those of a group share what has to be scanned. */
static uint32_t group_of(uint32_t k)
{
    uint32_t codes = HITS_MAX / k;
    return codes > KIN_SEARCH_QUERIES_MAX ? KIN_SEARCH_QUERIES_MAX : codes < 1 ? 1 : codes;
}

/* One shard, for those of queries [count] whose turn it is. */
static kin_status search_shard(kin_batch_search *search, uint32_t shard, uint32_t count,
                               bool nearest, kin_error *error)
{
    kin_search_query pass[KIN_SEARCH_QUERIES_MAX];
    const kin_held_shard *held = search->held[shard];
    uint32_t asking = 0;
    for (uint32_t i = 0; i < count; i++)
        if ((search->nearest[i] == shard) == nearest &&
            (nearest || kin_shard_can_help(held, &search->queries[i])))
            pass[asking++] = search->queries[i];
    if (asking > 0) kin_search_run(&held->codes, pass, asking, search->scratch);
    for (uint32_t i = 0; i < asking; i++)
        if (pass[i].status != KIN_OK)
            return kin_fail(error, pass[i].status, "the worker did not finish in time");
    return KIN_OK;
}

static kin_status scan_shard(kin_batch_search *search, uint32_t shard, uint32_t count,
                             kin_error *error)
{
    kin_search_scan(&search->held[shard]->codes, search->queries, count, search->level);
    for (uint32_t i = 0; i < count; i++)
        if (search->queries[i].status != KIN_OK)
            return kin_fail(error, search->queries[i].status, "the worker did not finish in time");
    return KIN_OK;
}

/* Codes first..first + count - 1, over all shards; their hits go to search->ranked. */
static kin_status search_group(kin_batch_search *search, const kin_job *job, unsigned bits,
                               uint32_t first, uint32_t count, kin_error *error)
{
    const kin_message *message = &job->message;
    uint32_t k = message->k;
    for (uint32_t i = 0; i < count; i++) {
        kin_topk_init(&search->topks[i], search->heaps + (size_t)i * k, k);
        search->queries[i] =
            (kin_search_query){.within = message->within < 0 ? bits : (uint32_t)message->within,
                               .topk = &search->topks[i],
                               .any_ties = message->any_ties,
                               .deadline_ns = job->deadline_ns};
        kin_code_from_bytes(&search->queries[i].code,
                            (const uint8_t *)message->codes.data + (size_t)(first + i) * (bits / 8),
                            bits);
        search->nearest[i] =
            kin_nearest_shard(search->held, message->shard_count, &search->queries[i].code);
    }
    kin_status status = KIN_OK;
    uint32_t shards = message->shard_count;
    for (uint32_t s = 0; status == KIN_OK && message->exhaustive && s < shards; s++)
        status = scan_shard(search, s, count, error);
    for (uint32_t turn = 0; status == KIN_OK && !message->exhaustive && turn < 2 * shards; turn++)
        status = search_shard(search, turn % shards, count, turn < shards, error);
    if (status != KIN_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *row = kin_buffer_reserve(&search->ranked, (size_t)k * KIN_RANKED_BYTES);
        kin_ranked_build(search->topks[i].heap, kin_topk_finish(&search->topks[i]), k, row);
        search->ranked.bytes += (size_t)k * KIN_RANKED_BYTES;
    }
    return KIN_OK;
}

static kin_status search_all(kin_batch_search *search, kin_job *job, kin_error *error)
{
    const kin_message *message = &job->message;
    unsigned bits = search->held[0]->codes.bits;
    uint64_t count = message->codes.bytes / (bits / 8);
    if (message->k < 1 || count < 1 || count * message->k > KIN_BATCH_HITS_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "a batch of %llu codes with k = %u cannot be asked",
                        (unsigned long long)count, message->k);
    uint32_t group = group_of(message->k);
    if (search->scratch == NULL)
        search->scratch = kin_search_scratch_new(search->level, KIN_SEARCH_QUERIES_MAX);
    if (search->heap_count < (size_t)group * message->k) {
        search->heap_count = (size_t)group * message->k;
        search->heaps = kin_realloc(search->heaps, search->heap_count, sizeof *search->heaps);
    }
    kin_buffer_clear(&search->ranked);
    kin_status status = KIN_OK;
    for (uint32_t first = 0; status == KIN_OK && first < count; first += group) {
        uint32_t left = (uint32_t)count - first;
        status = search_group(search, job, bits, first, left < group ? left : group, error);
    }
    if (status != KIN_OK) return status;
    kin_message ranked = kin_message_of(KIN_MESSAGE_RANKED);
    ranked.request = message->request;
    ranked.ranked = (kin_bytes){search->ranked.data, search->ranked.bytes};
    return kin_message_build(&ranked, &job->reply, error);
}

void kin_batch_search_run(kin_batch_search *search, kin_job *job, kin_holding *holding,
                          kin_job_returns *returns)
{
    kin_error error = {0};
    uint32_t held = 0;
    kin_status status = hold_shards(search, &job->message, holding, &held, &error);
    if (status == KIN_OK && held == 0)
        status = kin_fail(&error, KIN_BAD_INPUT, "a batch names the shards that it is asked of");
    if (status == KIN_OK) status = search_all(search, job, &error);
    for (uint32_t i = 0; i < held; i++)
        kin_holding_put(holding, search->held[i]);
    if (status == KIN_OK)
        kin_job_return(returns, job);
    else
        kin_job_fail(returns, job, &error);
}
