/* Whether the k-th distance of one shard should be told to the others before they search.
 *
 *   build/tests/bench_waves INDEX KIND [QUERIES]
 *
 * INDEX: of several shards of the synthetic set KIND, made by kindred-index import --shards. Every
 * question is answered by each shard alone, as workers do that know nothing of each other; by one
 * shard after the other into one list, as a worker does with its shards; and in two waves: the
 * shard that the question's code lies in first, the others with its k-th distance. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/code/synthetic.h"
#include "tests/support/bench_model.h"
#include "worker/search/search.h"
#include "worker/shard/shard_reader.h"

#define K 10
#define SHARDS_MAX 64

typedef struct bench {
    kin_shard_reader *readers[SHARDS_MAX];
    const kin_codes_view *shards[SHARDS_MAX];
    uint32_t shard_count;
    kin_search_scratch *scratch;
} bench;

/* Searches one shard; hits within `within` go to topk. Milliseconds. */
static double search(const bench *b, uint32_t shard, const kin_code *code, uint32_t within,
                     kin_topk *topk)
{
    kin_search_query query = {
        .code = *code, .within = within, .topk = topk, .deadline_ns = INT64_MAX};
    int64_t start = kin_clock_ns();
    kin_search_run(b->shards[shard], &query, 1, b->scratch);
    return (double)(kin_clock_ns() - start) / 1e6;
}

/* Sums of milliseconds over all questions. */
typedef struct sums {
    double alone, slowest, in_turn, first, others, slowest_other;
} sums;

static void ask(const bench *b, const kin_code *code, sums *to)
{
    kin_hit heaps[SHARDS_MAX][K];
    kin_topk topk;
    uint32_t own = 0, bits = b->shards[0]->bits;
    double slowest = 0;
    for (uint32_t s = 0; s < b->shard_count; s++) {
        kin_topk_init(&topk, heaps[s], K);
        double ms = search(b, s, code, bits, &topk);
        to->alone += ms;
        if (ms > slowest) slowest = ms;
        kin_code first = {{0}};
        uint32_t hint = 0;
        if (b->shards[s]->count > 0) kin_codes_code(b->shards[s], 0, &hint, &first);
        if (kin_code_compare(&first, code) <= 0) own = s; /* shards ascend */
    }
    to->slowest += slowest;
    kin_topk_init(&topk, heaps[0], K);
    for (uint32_t i = 0; i < b->shard_count; i++)
        to->in_turn += search(b, (own + i) % b->shard_count, code, bits, &topk);
    kin_topk_init(&topk, heaps[0], K);
    to->first += search(b, own, code, bits, &topk);
    uint32_t within = kin_topk_bound(&topk) < bits ? kin_topk_bound(&topk) : bits;
    slowest = 0;
    for (uint32_t s = 0; s < b->shard_count; s++) {
        kin_topk other;
        if (s == own) continue;
        kin_topk_init(&other, heaps[1], K);
        double ms = search(b, s, code, within, &other);
        to->others += ms;
        if (ms > slowest) slowest = ms;
    }
    to->slowest_other += slowest;
}

int main(int argc, char **argv)
{
    bench b = {.scratch = kin_search_scratch_new(kin_cpu_level_get(), 1)};
    kin_error error = {0};
    kin_synthetic *set;
    glob_t found;
    if (argc < 3) {
        /* Without arguments it is one of all benchmarks, with nothing to measure. */
        puts("usage: bench_waves INDEX KIND [QUERIES]");
        return 0;
    }
    uint64_t queries = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000, stored = 0;
    char *pattern = kin_sprintf("%s/generation-*/shard-*.kin", argv[1]);
    if (queries == 0 || glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc > SHARDS_MAX) {
        fprintf(stderr, "bench_waves: %s: no shards, or more than %d\n", pattern, SHARDS_MAX);
        return 1;
    }
    for (; b.shard_count < found.gl_pathc; b.shard_count++) {
        kin_shard_reader **reader = &b.readers[b.shard_count];
        bench_require(kin_shard_reader_open(reader, found.gl_pathv[b.shard_count], &error), &error);
        b.shards[b.shard_count] = kin_shard_reader_codes(*reader);
        stored += b.shards[b.shard_count]->count;
    }
    unsigned bits = b.shards[0]->bits, words = bits / 64;
    uint64_t *questions = kin_calloc(queries * words, sizeof *questions);
    bench_require(kin_synthetic_new(&set, argv[2][0], bits, &error), &error);
    kin_synthetic_queries(set, stored, 0, queries, questions);
    sums total = {0};
    for (int pass = 0; pass < 2; pass++) { /* the second one counts */
        total = (sums){0};
        for (uint64_t q = 0; q < queries; q++) {
            kin_code code;
            kin_code_from_words(&code, questions + q * words, bits);
            ask(&b, &code, &total);
        }
    }
    double n = (double)queries;
    printf(
        "%s, %u shards, %llu codes, mean ms: each alone %.4f in all, the slowest %.4f; one after "
        "the other %.4f; two waves %.4f in all, %.4f until the last (%.4f + %.4f)\n",
        argv[2], (unsigned)b.shard_count, (unsigned long long)stored, total.alone / n,
        total.slowest / n, total.in_turn / n, (total.first + total.others) / n,
        (total.first + total.slowest_other) / n, total.first / n, total.slowest_other / n);
    for (uint32_t s = 0; s < b.shard_count; s++)
        kin_shard_reader_close(&b.readers[s]);
    kin_search_scratch_destroy(&b.scratch);
    kin_synthetic_destroy(&set);
    globfree(&found);
    free(questions);
    free(pattern);
    return 0;
}
