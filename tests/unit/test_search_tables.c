/* Search over tables, by every way and kernel, against a brute force that looks at every code. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/code_tables.h"
#include "tests/support/test.h"
#include "worker/search/search.h"

#define SHARDS_MAX 3
#define QUERIES 8

typedef struct test_row {
    kin_code code;
    uint64_t id;
} test_row;

/* How codes are spread. */
typedef enum skew { UNIFORM, CLUSTERED, FEW_DISTINCT, ALL_EQUAL, SKEWS } skew;

static int compare_rows(const void *a, const void *b)
{
    const test_row *x = a, *y = b;
    int order = kin_code_compare(&x->code, &y->code);
    return order != 0 ? order : (x->id > y->id) - (x->id < y->id);
}

static kin_code random_code(kin_random *random, unsigned bits)
{
    kin_code code = {0};
    for (unsigned i = 0; i < bits / 64; i++)
        code.word[i] = kin_random_u64(random);
    return code;
}

static void flip(kin_random *random, kin_code *code, unsigned bits, uint64_t flips)
{
    for (uint64_t i = 0; i < flips; i++) {
        uint64_t bit = kin_random_below(random, bits);
        code->word[bit / 64] ^= (uint64_t)1 << (bit % 64);
    }
}

static kin_code next_code(kin_random *random, unsigned bits, skew kind, const kin_code centres[4])
{
    kin_code code = centres[kin_random_below(random, 4)];
    if (kind == UNIFORM) code = random_code(random, bits);
    if (kind == CLUSTERED) flip(random, &code, bits, kin_random_below(random, bits / 6));
    return kind == ALL_EQUAL ? centres[0] : code;
}

/* A shard in memory; ids of other shards lie between its own. */
typedef struct test_shard {
    uint64_t *words, *ids;
    kin_codes_view view;
} test_shard;

static test_shard make_shard(kin_random *random, uint64_t count, unsigned bits, skew kind,
                             const kin_code centres[4], uint32_t tables, uint32_t number)
{
    test_row *rows = kin_calloc(count, sizeof *rows);
    test_shard shard = {.words = kin_calloc(count * (bits / 64), 8), .ids = kin_calloc(count, 8)};
    for (uint64_t i = 0; i < count; i++)
        rows[i] = (test_row){next_code(random, bits, kind, centres), i * SHARDS_MAX + number};
    if (count > 1) qsort(rows, count, sizeof *rows, compare_rows);
    for (uint64_t i = 0; i < count; i++) {
        memcpy(shard.words + i * (bits / 64), rows[i].code.word, bits / 8);
        shard.ids[i] = rows[i].id;
    }
    uint32_t bucket_bits = (uint32_t)kin_random_below(random, 14);
    if (bucket_bits == 13) { /* tails of two bytes, or one: starts of 64 MB are for few */
        uint64_t some = kin_random_below(random, 60);
        bucket_bits = some == 0 ? 24 : some < 3 ? 20 : 16 + some % 2;
    }
    if (bucket_bits == 12) bucket_bits = UINT32_MAX;
    shard.view = code_tables_make(shard.words, shard.ids, count, bits, tables, bucket_bits);
    shard.view.shard = number;
    free(rows);
    return shard;
}

static void free_shard(test_shard *shard)
{
    code_tables_free(&shard->view);
    free(shard->words);
    free(shard->ids);
}

/* Everything that is asked of one query. */
typedef struct question {
    kin_code code;
    uint32_t k, within;
    bool count_within, any_ties;
    uint64_t counts[KIN_CODE_BITS_MAX + 1]; /* codes at each distance, by brute force */
    kin_hit *wanted;                        /* all within, in order */
    uint64_t found;
} question;

static void brute_force(question *asked, const test_shard *shards, uint32_t shard_count)
{
    uint64_t total = 0;
    for (uint32_t s = 0; s < shard_count; s++)
        total += shards[s].view.count;
    asked->wanted = kin_calloc(total, sizeof *asked->wanted);
    memset(asked->counts, 0, sizeof asked->counts);
    asked->found = 0;
    for (uint32_t s = 0; s < shard_count; s++) {
        unsigned words = shards[s].view.bits / 64;
        for (uint64_t row = 0; row < shards[s].view.count; row++) {
            uint32_t distance = 0;
            for (unsigned w = 0; w < words; w++)
                distance += (uint32_t)__builtin_popcountll(shards[s].words[row * words + w] ^
                                                           asked->code.word[w]);
            asked->counts[distance]++;
            if (distance <= asked->within)
                asked->wanted[asked->found++] = (kin_hit){shards[s].ids[row], distance, s, row};
        }
    }
    kin_hits_sort(asked->wanted, asked->found);
}

static question make_question(kin_random *random, const test_shard *shards, uint32_t shard_count,
                              const kin_code centres[4], skew kind)
{
    unsigned bits = shards[0].view.bits;
    question asked = {.code = next_code(random, bits, kind, centres), .within = bits};
    if (kin_random_below(random, 3) == 0)
        flip(random, &asked.code, bits, 1 + kin_random_below(random, 5));
    asked.k = 1 + (uint32_t)kin_random_below(random, kin_random_below(random, 4) == 0 ? 500 : 12);
    if (kin_random_below(random, 2) == 0)
        asked.within =
            (uint32_t)kin_random_below(random, kin_random_below(random, 2) == 0 ? 8 : bits);
    asked.count_within = kin_random_below(random, 3) == 0;
    asked.any_ties = kin_random_below(random, 3) == 0;
    brute_force(&asked, shards, shard_count);
    return asked;
}

static void check_answer(const question *asked, const kin_hit *hits, uint32_t count,
                         const test_shard *shards)
{
    assert_int_equal(count, asked->found < asked->k ? asked->found : asked->k);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(hits[i].distance, asked->wanted[i].distance);
        assert_int_equal(hits[i].id, shards[hits[i].shard].ids[hits[i].row]);
        if (i > 0) assert_true(kin_hit_before(&hits[i - 1], &hits[i])); /* none is there twice */
        if (asked->any_ties && hits[i].distance == asked->wanted[count - 1].distance) continue;
        assert_int_equal(hits[i].id, asked->wanted[i].id);
    }
    if (!asked->any_ties && count > 0)
        assert_int_equal(hits[count - 1].row, asked->wanted[count - 1].row);
}

/* Question after question, a few codes at a time. */
static void scan_in_parts(const test_shard *shard, kin_search_query *queries, uint32_t count,
                          kin_cpu_level level, uint64_t most)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = 0;
        while (place != UINT64_MAX)
            kin_search_scan_part(&shard->view, &queries[i], level, most, &place);
    }
}

/* All questions of a set at once, shard after shard. scratch: NULL for the plain scan, of `part`
 * codes at a time (0: all). */
static void ask(question *asked, uint32_t count, const test_shard *shards, uint32_t shard_count,
                kin_search_scratch *scratch, kin_cpu_level level, uint64_t part)
{
    static kin_hit heaps[QUERIES][512];
    static uint64_t counts[QUERIES][KIN_CODE_BITS_MAX + 1];
    kin_topk topks[QUERIES];
    kin_search_query queries[QUERIES] = {0};
    memset(counts, 0, sizeof counts);
    for (uint32_t i = 0; i < count; i++) {
        kin_topk_init(&topks[i], heaps[i], asked[i].k);
        queries[i] = (kin_search_query){.code = asked[i].code,
                                        .within = asked[i].within,
                                        .topk = &topks[i],
                                        .count_within = asked[i].count_within,
                                        .any_ties = asked[i].any_ties,
                                        .histogram = asked[i].count_within ? counts[i] : NULL,
                                        .deadline_ns = INT64_MAX};
    }
    for (uint32_t s = 0; s < shard_count; s++)
        if (scratch != NULL)
            kin_search_run(&shards[s].view, queries, count, scratch);
        else if (part > 0)
            scan_in_parts(&shards[s], queries, count, level, part);
        else
            kin_search_scan(&shards[s].view, queries, count, level);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(queries[i].status, KIN_OK);
        check_answer(&asked[i], heaps[i], kin_topk_finish(&topks[i]), shards);
        if (!asked[i].count_within) continue;
        assert_int_equal(queries[i].within_count, asked[i].found);
        for (uint32_t d = 0; d <= asked[i].within; d++)
            assert_int_equal(counts[i][d], asked[i].counts[d]);
    }
}

/* One random set of shards, several questions, every way. */
static void run_case(kin_random *random, kin_cpu_level level)
{
    unsigned bits = 64u << kin_random_below(random, 3);
    skew kind = (skew)kin_random_below(random, SKEWS);
    uint32_t tables = 1 + (uint32_t)kin_random_below(random, 5);
    uint32_t shard_count = 1 + (uint32_t)kin_random_below(random, SHARDS_MAX);
    kin_code centres[4];
    test_shard shards[SHARDS_MAX];
    question asked[QUERIES];
    for (int i = 0; i < 4; i++)
        centres[i] = random_code(random, bits);
    for (uint32_t s = 0; s < shard_count; s++) {
        uint64_t most = kin_random_below(random, 20) == 0 ? 3000 : 150;
        shards[s] =
            make_shard(random, kin_random_below(random, most), bits, kind, centres, tables, s);
    }
    for (int i = 0; i < QUERIES; i++)
        asked[i] = make_question(random, shards, shard_count, centres, kind);
    kin_search_scratch *scratch = kin_search_scratch_new(level, QUERIES);
    ask(asked, QUERIES, shards, shard_count, scratch, level, 0);
    kin_search_scratch_force(scratch, KIN_SEARCH_TABLES, 0);
    /* shells of wide codes without an end would take long: one question, and only if it ends */
    for (int i = 0; i < QUERIES; i++)
        if (asked[i].found >= asked[i].k && asked[i].wanted[asked[i].k - 1].distance < 12 &&
            !asked[i].count_within)
            ask(&asked[i], 1, shards, shard_count, scratch, level, 0);
    kin_search_scratch_force(scratch, KIN_SEARCH_SCAN, (uint32_t)kin_random_below(random, 6));
    ask(asked, QUERIES, shards, shard_count, scratch, level, 0);
    kin_search_scratch_destroy(&scratch);
    ask(asked, QUERIES, shards, shard_count, NULL, level, 0);
    ask(asked, QUERIES, shards, shard_count, NULL, level, 1 + kin_random_below(random, 300));
    for (int i = 0; i < QUERIES; i++)
        free(asked[i].wanted);
    for (uint32_t s = 0; s < shard_count; s++)
        free_shard(&shards[s]);
}

/* A case is a set of shards, 8 questions, and some five ways to ask each: 18,000 answers a kernel,
 * and half a million where tests may be long. */
static void every_way_gives_the_brute_force_answer(void **state)
{
    (void)state;
    const char *may_be_long = getenv("KINDRED_TEST_LONG");
    int cases = may_be_long != NULL && strcmp(may_be_long, "1") == 0 ? 12000 : 450;
    for (int level = 0; level < KIN_CPU_LEVELS; level++) {
        if (!kin_cpu_supports((kin_cpu_level)level)) continue;
        kin_random random = {.state = 17};
        for (int i = 0; i < cases; i++)
            run_case(&random, (kin_cpu_level)level);
    }
}

/* More equal codes than wait for their ids, than a kernel sees at once: through every table. */
static void a_hundred_thousand_equal_codes(void **state)
{
    (void)state;
    uint64_t count = 100000;
    uint64_t *words = kin_calloc(count, 8), *ids = kin_calloc(count, 8);
    for (uint64_t row = 0; row < count; row++) {
        words[row] = row < 50      ? 77
                     : row < 99950 ? 0x0123456789abcdef
                                   : UINT64_MAX - 99950 + row / 2;
        ids[row] = row;
    }
    kin_codes_view view = code_tables_make(words, ids, count, 64, 3, 12);
    kin_search_scratch *scratch = kin_search_scratch_new(kin_cpu_level_get(), 1);
    for (int way = 0; way <= KIN_SEARCH_WAYS; way++)
        for (uint32_t flips = 0; flips < 4; flips++) {
            kin_hit heap[100];
            kin_topk topk;
            kin_topk_init(&topk, heap, 100);
            kin_search_query query = {.within = 64, .topk = &topk, .deadline_ns = INT64_MAX};
            query.code.word[0] = 0x0123456789abcdef ^ (((uint64_t)1 << flips) - 1) << 50;
            query.count_within = flips == 3;
            kin_search_scratch_force(scratch, (kin_search_way)way, flips);
            kin_search_run(&view, &query, 1, scratch);
            assert_int_equal(kin_topk_finish(&topk), 100);
            for (uint32_t i = 0; i < 100; i++) {
                assert_int_equal(heap[i].id, 50 + i);
                assert_int_equal(heap[i].distance, flips);
            }
            if (query.count_within) assert_int_equal(query.within_count, count);
        }
    kin_search_scratch_destroy(&scratch);
    code_tables_free(&view);
    free(words);
    free(ids);
}

static void a_deadline_that_is_over_ends_only_its_query(void **state)
{
    (void)state;
    kin_random random = {.state = 9};
    kin_code centres[4] = {{{0}}};
    for (int way = 0; way <= KIN_SEARCH_WAYS; way++) {
        test_shard shard = make_shard(&random, 3000, 64, UNIFORM, centres, 2, 0);
        kin_hit late[5], in_time[5];
        kin_topk topks[2];
        kin_topk_init(&topks[0], late, 5);
        kin_topk_init(&topks[1], in_time, 5);
        kin_search_query queries[2] = {
            {.within = 64, .topk = &topks[0], .deadline_ns = kin_clock_ns() - 1},
            {.within = 64, .topk = &topks[1], .deadline_ns = INT64_MAX}};
        kin_search_scratch *scratch = kin_search_scratch_new(KIN_CPU_SCALAR, 2);
        kin_search_scratch_force(scratch, (kin_search_way)way, 0);
        kin_search_run(&shard.view, queries, 2, scratch);
        assert_int_equal(queries[0].status, KIN_DEADLINE);
        assert_int_equal(queries[1].status, KIN_OK);
        assert_int_equal(kin_topk_finish(&topks[1]), 5);
        kin_search_scratch_destroy(&scratch);
        free_shard(&shard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_the_brute_force_answer),
        cmocka_unit_test(a_hundred_thousand_equal_codes),
        cmocka_unit_test(a_deadline_that_is_over_ends_only_its_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
