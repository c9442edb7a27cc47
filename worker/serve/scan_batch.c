#include "worker/serve/scan_batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/serve/nearest.h"

/* One question of the batch. */
typedef struct scan {
    kin_job *job;
    kin_topk topk;
    kin_hit *heap; /* [k_max] */
    uint32_t k_max;
    kin_search_query query;
    uint32_t nearest;     /* which of the message's shards it asks first */
    uint64_t *totals;     /* [shard_count] of the message */
    kin_buffer histogram; /* [shard_count][within + 1] uint64, if it is asked for */
    kin_error error;      /* status KIN_OK while it goes well */
} scan;

struct kin_scan_batch {
    kin_cpu_level level;
    kin_search_scratch *scratch;
    kin_recheck *recheck;
    uint32_t count;
    scan scans[KIN_SEARCH_QUERIES_PER_PASS];
    kin_held_shard *held[KIN_SHARDS_MAX];   /* by number; those of this batch */
    kin_held_shard *listed[KIN_SHARDS_MAX]; /* in the order of the message */
    kin_bytes keys[KIN_K_MAX];
    kin_message_shard shards[KIN_SHARDS_MAX];
};

kin_scan_batch *kin_scan_batch_new(kin_cpu_level level, kin_recheck *recheck)
{
    kin_scan_batch *batch = kin_calloc(1, sizeof *batch);
    batch->level = level;
    batch->recheck = recheck;
    batch->scratch = kin_search_scratch_new(level, KIN_SEARCH_QUERIES_PER_PASS);
    for (int i = 0; i < KIN_SEARCH_QUERIES_PER_PASS; i++)
        batch->scans[i].totals = kin_calloc(KIN_SHARDS_MAX, sizeof *batch->scans[i].totals);
    return batch;
}

void kin_scan_batch_destroy(kin_scan_batch **batch)
{
    if (*batch == NULL) return;
    for (int i = 0; i < KIN_SEARCH_QUERIES_PER_PASS; i++) {
        free((*batch)->scans[i].heap);
        free((*batch)->scans[i].totals);
        kin_buffer_fini(&(*batch)->scans[i].histogram);
    }
    kin_search_scratch_destroy(&(*batch)->scratch);
    free(*batch);
    *batch = NULL;
}

const kin_search_counters *kin_scan_batch_counters(const kin_scan_batch *batch)
{
    return kin_search_scratch_counters(batch->scratch);
}

bool kin_scan_batch_matches(const kin_job *a, const kin_job *b)
{
    const kin_message *x = &a->message, *y = &b->message;
    if (x->type != KIN_MESSAGE_SCAN || y->type != KIN_MESSAGE_SCAN ||
        x->shard_count != y->shard_count)
        return false;
    if (x->exhaustive != y->exhaustive) return false;
    for (uint32_t i = 0; i < x->shard_count; i++)
        if (x->shards[i].shard != y->shards[i].shard) return false;
    return true;
}

/* Distances that a histogram counts: 0 to within. */
static size_t distances_of(const kin_message *message)
{
    return (size_t)message->within + 1;
}

static void scan_init(scan *one, kin_job *job)
{
    const kin_message *message = &job->message;
    kin_code code = {0};
    unsigned bits = (unsigned)message->code.bytes * 8;
    one->job = job;
    one->error = (kin_error){0};
    if (!kin_code_bits_valid(bits) || message->k < 1 || message->k > KIN_K_MAX) {
        kin_fail(&one->error, KIN_BAD_INPUT, "a code of %u bits and k of %u cannot be searched",
                 bits, message->k);
        return;
    }
    kin_code_from_bytes(&code, message->code.data, bits);
    if (one->k_max < message->k) {
        one->heap = kin_realloc(one->heap, message->k, sizeof *one->heap);
        one->k_max = message->k;
    }
    kin_topk_init(&one->topk, one->heap, message->k);
    kin_buffer_clear(&one->histogram);
    if (message->histogram && message->within >= 0) {
        size_t bytes = message->shard_count * distances_of(message) * sizeof(uint64_t);
        memset(kin_buffer_reserve(&one->histogram, bytes), 0, bytes);
        one->histogram.bytes = bytes;
    }
    uint32_t limit =
        message->bound >= 0 && message->bound < (int32_t)bits ? (uint32_t)message->bound : bits;
    one->query =
        (kin_search_query){.code = code,
                           .within = message->within < 0 ? limit : (uint32_t)message->within,
                           .topk = &one->topk,
                           .count_within = message->within >= 0,
                           .any_ties = message->any_ties,
                           .deadline_ns = job->deadline_ns};
}

/* Takes the shards of the batch. A shard that is not open, or is named twice, fails all. */
static kin_status hold_shards(kin_scan_batch *batch, kin_holding *holding, kin_error *error)
{
    const kin_message *message = &batch->scans[0].job->message;
    for (uint32_t i = 0; i < message->shard_count; i++) {
        uint32_t shard = message->shards[i].shard;
        if (batch->held[shard] != NULL)
            return kin_fail(error, KIN_BAD_INPUT, "shard %u is named twice", shard);
        batch->held[shard] = kin_holding_get(holding, shard);
        if (batch->held[shard] == NULL)
            return kin_fail(error, KIN_NOT_FOUND, "shard %u is not open here", shard);
        batch->listed[i] = batch->held[shard];
    }
    return KIN_OK;
}

static void put_shards(kin_scan_batch *batch, const kin_job *job, kin_holding *holding)
{
    for (uint32_t i = 0; i < job->message.shard_count; i++) {
        kin_held_shard **held = &batch->held[job->message.shards[i].shard];
        if (*held != NULL) kin_holding_put(holding, *held);
        *held = NULL;
    }
}

/* Rows of the very code, which lie together; ids ascend, so that the first k of them are the hits.
 */
static void scan_bucket(scan *one, const kin_codes_view *codes)
{
    uint64_t first, last;
    kin_search_bucket(codes, &one->query.code, &first, &last);
    if (one->query.count_within) one->query.within_count = last - first;
    if (one->query.histogram != NULL) one->query.histogram[0] += last - first;
    for (uint64_t row = first; row < last && row - first < one->topk.k; row++)
        kin_topk_push(
            &one->topk,
            &(kin_hit){.id = kin_codes_id(codes, row), .shard = codes->shard, .row = row});
}

/* Whether a question that still goes well asks shard i in this turn: the first one is for the
 * nearest shard of each. Looking at every code knows no turns. */
static bool is_its_turn(const kin_scan_batch *batch, const scan *one, uint32_t i, bool nearest)
{
    if (one->error.status != KIN_OK) return false;
    if (one->job->message.exhaustive) return nearest;
    if ((one->nearest == i) != nearest) return false;
    return nearest || kin_shard_can_help(batch->listed[i], &one->query);
}

/* Shard i for all questions whose turn it is. */
static void scan_shard(kin_scan_batch *batch, uint32_t i, bool nearest)
{
    kin_search_query pass[KIN_SEARCH_QUERIES_PER_PASS];
    scan *asker[KIN_SEARCH_QUERIES_PER_PASS];
    const kin_codes_view *codes = &batch->listed[i]->codes;
    uint32_t count = 0;
    for (uint32_t s = 0; s < batch->count; s++) {
        scan *one = &batch->scans[s];
        if (!is_its_turn(batch, one, i, nearest)) continue;
        one->query.within_count = 0;
        one->query.histogram = one->histogram.bytes > 0 ? (uint64_t *)one->histogram.data +
                                                              i * distances_of(&one->job->message)
                                                        : NULL;
        if (codes->bits != one->job->message.code.bytes * 8) {
            kin_fail(&one->error, KIN_MISMATCH, "a code of %zu bits; the index has codes of %u",
                     one->job->message.code.bytes * 8, codes->bits);
        } else if (one->query.within == 0) {
            scan_bucket(one, codes);
            one->totals[i] = one->query.within_count;
        } else {
            pass[count] = one->query;
            asker[count++] = one;
        }
    }
    if (count == 0) return;
    if (batch->scans[0].job->message.exhaustive)
        kin_search_scan(codes, pass, count, batch->level);
    else
        kin_search_run(codes, pass, count, batch->scratch);
    for (uint32_t p = 0; p < count; p++) {
        asker[p]->totals[i] = pass[p].within_count;
        if (pass[p].status != KIN_OK)
            kin_fail(&asker[p]->error, pass[p].status, "the worker did not finish in time");
    }
}

/* All shards that are held, for all questions. */
static void scan_shards(kin_scan_batch *batch, uint32_t shard_count)
{
    for (uint32_t s = 0; s < batch->count; s++) {
        scan *one = &batch->scans[s];
        one->nearest = kin_nearest_shard(batch->listed, shard_count, &one->query.code);
        memset(one->totals, 0, shard_count * sizeof *one->totals);
    }
    for (uint32_t turn = 0; turn < 2 * shard_count; turn++)
        scan_shard(batch, turn % shard_count, turn < shard_count);
}

static void reply(kin_scan_batch *batch, scan *one)
{
    kin_message found = kin_message_of(KIN_MESSAGE_FOUND);
    const kin_message *message = &one->job->message;
    found.request = message->request;
    found.hits = one->heap;
    found.keys = batch->keys;
    found.hit_count = kin_topk_finish(&one->topk);
    for (uint32_t i = 0; i < found.hit_count; i++) {
        uint32_t bytes;
        const char *key =
            kin_shard_reader_key(batch->held[one->heap[i].shard]->reader, one->heap[i].row, &bytes);
        batch->keys[i] = (kin_bytes){.data = key, .bytes = bytes};
    }
    found.counts = (uint64_t *)one->histogram.data;
    found.count_count = (uint32_t)(one->histogram.bytes / sizeof(uint64_t));
    found.shards = batch->shards;
    found.shard_count = message->shard_count;
    for (uint32_t i = 0; i < message->shard_count; i++)
        batch->shards[i] =
            (kin_message_shard){.shard = message->shards[i].shard, .total = one->totals[i]};
    one->error.status = kin_message_build(&found, &one->job->reply, &one->error);
    if (one->error.status == KIN_OK)
        kin_recheck_note(batch->recheck, message, found.hits, found.hit_count);
}

void kin_scan_batch_run(kin_scan_batch *batch, kin_job **jobs, uint32_t count, kin_holding *holding,
                        kin_job_returns *returns)
{
    const kin_message *message = &jobs[0]->message;
    kin_error error = {0};
    batch->count = count;
    for (uint32_t s = 0; s < count; s++)
        scan_init(&batch->scans[s], jobs[s]);
    kin_status status = hold_shards(batch, holding, &error);
    if (status == KIN_OK) scan_shards(batch, message->shard_count);
    for (uint32_t s = 0; s < count; s++) {
        scan *one = &batch->scans[s];
        if (one->error.status == KIN_OK && status != KIN_OK) one->error = error;
        if (one->error.status == KIN_OK) reply(batch, one);
    }
    put_shards(batch, jobs[0], holding);
    for (uint32_t s = 0; s < count; s++) {
        if (batch->scans[s].error.status == KIN_OK)
            kin_job_return(returns, jobs[s]);
        else
            kin_job_fail(returns, jobs[s], &batch->scans[s].error);
    }
}
