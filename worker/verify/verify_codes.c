#include "worker/verify/verify_codes.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/search/search.h"

#define SEARCH_K 20
#define SEARCH_SEED 1

static kin_status mark(uint64_t *seen, uint64_t inputs, uint64_t id, const char *where,
                       kin_error *error)
{
    if (id >= inputs)
        return kin_fail(error, KIN_CORRUPT, "%s has the id %llu, but there are %llu inputs", where,
                        (unsigned long long)id, (unsigned long long)inputs);
    if (seen[id / 64] >> (id % 64) & 1)
        return kin_fail(error, KIN_CORRUPT, "the id %llu is there twice (again in %s)",
                        (unsigned long long)id, where);
    seen[id / 64] |= (uint64_t)1 << (id % 64);
    return KIN_OK;
}

kin_status kin_verify_ids(const kin_manifest *manifest, kin_shard_reader *const *shards,
                          const kin_ledger *ledger, kin_error *error)
{
    uint64_t *seen = kin_calloc((size_t)(manifest->inputs / 64 + 1), sizeof *seen);
    uint64_t count = 0;
    kin_status status = KIN_OK;
    for (uint32_t s = 0; s < manifest->shard_count; s++) {
        for (uint64_t row = 0; status == KIN_OK && row < kin_shard_reader_count(shards[s]); row++)
            status = mark(seen, manifest->inputs, kin_shard_reader_id(shards[s], row),
                          manifest->shards[s].file, error);
        count += kin_shard_reader_count(shards[s]);
    }
    for (uint64_t i = 0; status == KIN_OK && i < ledger->count; i++)
        status = mark(seen, manifest->inputs, kin_ledger_get(ledger, i).id, "the ledger", error);
    if (status == KIN_OK && count + ledger->count != manifest->inputs)
        status = kin_fail(error, KIN_CORRUPT,
                          "shards and ledger have %llu inputs together; the manifest says %llu",
                          (unsigned long long)(count + ledger->count),
                          (unsigned long long)manifest->inputs);
    free(seen);
    return status;
}

kin_status kin_verify_health(const kin_manifest *manifest, kin_shard_reader *const *shards,
                             kin_error *error)
{
    uint64_t ones[KIN_CODE_BITS_MAX] = {0}, distinct = 0, bucket = 0, largest = 0;
    kin_code before = {0}, code;
    for (uint32_t s = 0; s < manifest->shard_count; s++) {
        uint32_t hint = 0;
        for (uint64_t row = 0; row < kin_shard_reader_count(shards[s]); row++) {
            kin_shard_reader_code(shards[s], row, &hint, &code);
            bool is_new = distinct == 0 || kin_code_compare(&before, &code) != 0;
            distinct += is_new;
            bucket = is_new ? 1 : bucket + 1;
            if (bucket > largest) largest = bucket;
            for (unsigned i = 0; i < manifest->bits; i++)
                ones[i] += kin_code_bit(&code, i);
            before = code;
        }
    }
    if (distinct != manifest->distinct_codes || largest != manifest->largest_bucket)
        return kin_fail(error, KIN_CORRUPT,
                        "there are %llu distinct codes, at most %llu pictures in one; the manifest "
                        "says %llu and %llu",
                        (unsigned long long)distinct, (unsigned long long)largest,
                        (unsigned long long)manifest->distinct_codes,
                        (unsigned long long)manifest->largest_bucket);
    for (unsigned i = 0; i < manifest->bits; i++)
        if (ones[i] != manifest->bit_ones[i])
            return kin_fail(error, KIN_CORRUPT,
                            "bit %u is 1 in %llu pictures; the manifest says %llu", i,
                            (unsigned long long)ones[i], (unsigned long long)manifest->bit_ones[i]);
    return KIN_OK;
}

static uint32_t search(const kin_manifest *manifest, kin_shard_reader *const *shards,
                       const kin_code *code, kin_search_scratch *scratch, kin_hit hits[SEARCH_K])
{
    kin_topk topk;
    kin_topk_init(&topk, hits, SEARCH_K);
    kin_search_query query = {
        .code = *code, .within = manifest->bits, .topk = &topk, .deadline_ns = INT64_MAX};
    for (uint32_t s = 0; s < manifest->shard_count; s++) {
        kin_search_run(kin_shard_reader_codes(shards[s]), &query, 1, scratch);
    }
    return kin_topk_finish(&topk);
}

/* A code of the index with up to bits / 8 bits flipped. */
static kin_code random_query(const kin_manifest *manifest, kin_shard_reader *const *shards,
                             kin_random *random)
{
    uint64_t row = kin_random_below(random, manifest->indexed);
    uint32_t s = 0;
    while (row >= kin_shard_reader_count(shards[s]))
        row -= kin_shard_reader_count(shards[s++]);
    kin_code code;
    uint32_t hint = 0;
    kin_shard_reader_code(shards[s], row, &hint, &code);
    uint64_t flips = kin_random_below(random, manifest->bits / 8);
    for (uint64_t i = 0; i < flips; i++) {
        unsigned bit = (unsigned)kin_random_below(random, manifest->bits);
        code.word[bit / 64] ^= (uint64_t)1 << (63 - bit % 64);
    }
    return code;
}

/* How many pictures there are up to last in the order of the query's hits: every distance is
 * computed, none is skipped. */
static uint64_t count_up_to(const kin_manifest *manifest, kin_shard_reader *const *shards,
                            const kin_code *query, const kin_hit *last)
{
    uint64_t count = 0;
    kin_code code;
    for (uint32_t s = 0; s < manifest->shard_count; s++) {
        uint32_t hint = 0;
        for (uint64_t row = 0; row < kin_shard_reader_count(shards[s]); row++) {
            kin_shard_reader_code(shards[s], row, &hint, &code);
            kin_hit hit = {.id = kin_shard_reader_id(shards[s], row),
                           .distance = kin_code_distance(query, &code)};
            count += !kin_hit_before(last, &hit);
        }
    }
    return count;
}

/* Whether hits [count] are the first ones there are: each is what its row says, they ascend, and no
 * other picture comes before the last of them. */
static bool is_answer(const kin_manifest *manifest, kin_shard_reader *const *shards,
                      const kin_code *query, const kin_hit *hits, uint32_t count)
{
    if (count != (manifest->indexed < SEARCH_K ? manifest->indexed : SEARCH_K)) return false;
    for (uint32_t i = 0; i < count; i++) {
        const kin_hit *hit = &hits[i];
        kin_code code;
        uint32_t hint = 0;
        if (hit->shard >= manifest->shard_count ||
            hit->row >= kin_shard_reader_count(shards[hit->shard]) ||
            hit->id != kin_shard_reader_id(shards[hit->shard], hit->row))
            return false;
        kin_shard_reader_code(shards[hit->shard], hit->row, &hint, &code);
        if (hit->distance != kin_code_distance(query, &code)) return false;
        if (i > 0 && !kin_hit_before(&hits[i - 1], hit)) return false;
    }
    return count_up_to(manifest, shards, query, &hits[count - 1]) == count;
}

kin_status kin_verify_searches(const kin_manifest *manifest, kin_shard_reader *const *shards,
                               uint32_t searches, kin_error *error)
{
    kin_random random = {.state = SEARCH_SEED};
    kin_search_scratch *scratch = kin_search_scratch_new(kin_cpu_level_get(), 1);
    kin_status status = KIN_OK;
    for (uint32_t i = 0; i < searches && manifest->indexed > 0 && status == KIN_OK; i++) {
        kin_hit hits[SEARCH_K];
        char text[KIN_CODE_TEXT_BYTES];
        kin_code query = random_query(manifest, shards, &random);
        uint32_t count = search(manifest, shards, &query, scratch, hits);
        if (!is_answer(manifest, shards, &query, hits, count))
            status = kin_fail(error, KIN_CORRUPT,
                              "the search for %s differs from a brute force (a bug in Kindred, or "
                              "broken hardware; please report it)",
                              kin_code_text(&query, manifest->bits, text));
    }
    kin_search_scratch_destroy(&scratch);
    return status;
}
