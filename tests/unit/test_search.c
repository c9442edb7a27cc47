/* Search and its kernels against a brute force that sorts everything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/test.h"
#include "worker/search/groups.h"
#include "worker/search/hamming.h"
#include "worker/search/search.h"

static const unsigned widths[] = {64, 128, 256};

/* A shard in memory: few distinct bits, so that ties and duplicates abound. */
typedef struct test_shard {
    uint64_t *words;
    uint64_t *ids;
    kin_codes_view view;
} test_shard;

typedef struct test_row {
    kin_code code;
    uint64_t id;
} test_row;

static int compare_rows(const void *a, const void *b)
{
    const test_row *x = a, *y = b;
    int order = kin_code_compare(&x->code, &y->code);
    return order != 0 ? order : (x->id > y->id) - (x->id < y->id);
}

/* A code with about one bit in `sparsity` set: 2 for uniform, more for many near codes. */
static kin_code random_code(kin_random *random, unsigned bits, unsigned sparsity)
{
    kin_code code = {0};
    for (unsigned i = 0; i < bits; i++)
        if (kin_random_below(random, sparsity) == 0) kin_code_set_bit(&code, i);
    return code;
}

static test_shard make_shard(kin_random *random, uint64_t count, unsigned bits, unsigned sparsity,
                             uint32_t number)
{
    test_row *rows = kin_calloc(count, sizeof *rows);
    for (uint64_t i = 0; i < count; i++) {
        bool duplicate = i > 0 && kin_random_below(random, 4) == 0;
        rows[i].code = duplicate ? rows[kin_random_below(random, i)].code
                                 : random_code(random, bits, sparsity);
        rows[i].id = i * KIN_SHARDS_MAX + number;
    }
    qsort(rows, count, sizeof *rows, compare_rows);
    test_shard shard = {.words = kin_calloc(count * (bits / 64), 8), .ids = kin_calloc(count, 8)};
    for (uint64_t i = 0; i < count; i++) {
        memcpy(shard.words + i * (bits / 64), rows[i].code.word, bits / 8);
        shard.ids[i] = rows[i].id;
    }
    free(rows);
    shard.view = (kin_codes_view){.words = shard.words,
                                  .ids = (const uint8_t *)shard.ids,
                                  .id_bytes = 8,
                                  .count = count,
                                  .bits = bits,
                                  .shard = number};
    return shard;
}

static void free_shard(test_shard *shard)
{
    free(shard->words);
    free(shard->ids);
}

/* All hits of all shards within a radius, in order; the caller frees. */
static kin_hit *brute_force(const test_shard *shards, uint32_t shard_count, const kin_code *query,
                            uint32_t within, uint64_t *found)
{
    uint64_t total = 0;
    for (uint32_t s = 0; s < shard_count; s++)
        total += shards[s].view.count;
    kin_hit *hits = kin_calloc(total, sizeof *hits);
    *found = 0;
    for (uint32_t s = 0; s < shard_count; s++)
        for (uint64_t row = 0; row < shards[s].view.count; row++) {
            uint32_t distance = 0;
            for (unsigned i = 0; i < shards[s].view.bits; i++) {
                uint64_t word = shards[s].words[row * (shards[s].view.bits / 64) + i / 64];
                distance += ((word ^ query->word[i / 64]) >> (i % 64)) & 1;
            }
            if (distance <= within)
                hits[(*found)++] =
                    (kin_hit){shards[s].ids[row], distance, shards[s].view.shard, row};
        }
    kin_hits_sort(hits, *found);
    return hits;
}

static void assert_hits_equal(const kin_hit *got, const kin_hit *wanted, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(got[i].distance, wanted[i].distance);
        assert_int_equal(got[i].id, wanted[i].id);
        assert_int_equal(got[i].shard, wanted[i].shard);
        assert_int_equal(got[i].row, wanted[i].row);
    }
}

/* One random case: shards x kernels give the brute force's answer. */
static void run_case(kin_random *random, unsigned bits)
{
    uint32_t shard_count = 1 + (uint32_t)kin_random_below(random, 3);
    unsigned sparsity = 2 + (unsigned)kin_random_below(random, 8);
    test_shard shards[3];
    uint64_t total = 0;
    for (uint32_t s = 0; s < shard_count; s++) {
        shards[s] = make_shard(random, kin_random_below(random, 300), bits, sparsity, s);
        total += shards[s].view.count;
    }
    kin_code code = random_code(random, bits, sparsity);
    uint32_t k = 1 + (uint32_t)kin_random_below(random, total + 20);
    bool ranged = kin_random_below(random, 2) == 0;
    uint32_t within = ranged ? (uint32_t)kin_random_below(random, bits / 2) : bits;
    uint64_t found;
    kin_hit *wanted = brute_force(shards, shard_count, &code, within, &found);
    kin_hit *heap = kin_calloc(k, sizeof *heap);
    for (int level = 0; level < KIN_CPU_LEVELS; level++) {
        if (!kin_cpu_supports((kin_cpu_level)level)) continue;
        kin_topk topk;
        kin_topk_init(&topk, heap, k);
        kin_search_query query = {.code = code,
                                  .within = within,
                                  .topk = &topk,
                                  .count_within = ranged,
                                  .deadline_ns = INT64_MAX};
        for (uint32_t s = 0; s < shard_count; s++) { /* whole, or a few codes at a time */
            uint64_t place = 0, most = 1 + kin_random_below(random, 5000);
            if (s % 2 == 0) kin_search_scan(&shards[s].view, &query, 1, (kin_cpu_level)level);
            while (s % 2 == 1 && place != UINT64_MAX)
                kin_search_scan_part(&shards[s].view, &query, (kin_cpu_level)level, most, &place);
        }
        assert_int_equal(query.status, KIN_OK);
        uint32_t count = kin_topk_finish(&topk);
        assert_int_equal(count, found < k ? found : k);
        assert_hits_equal(heap, wanted, count);
        if (ranged) assert_int_equal(query.within_count, found);
    }
    free(heap);
    free(wanted);
    for (uint32_t s = 0; s < shard_count; s++)
        free_shard(&shards[s]);
}

static void every_kernel_gives_the_brute_force_answer(void **state)
{
    (void)state;
    for (size_t w = 0; w < 3; w++) {
        kin_random random = {.state = 11 + w};
        for (int i = 0; i < 2000; i++)
            run_case(&random, widths[w]);
    }
}

static void every_kernel_equals_the_scalar_one(void **state)
{
    (void)state;
    kin_random random = {.state = 5};
    static uint64_t codes[KIN_HAMMING_BLOCK * 4 + 1];
    static kin_candidate wanted[KIN_HAMMING_BLOCK], got[KIN_HAMMING_BLOCK];
    for (int i = 0; i < 3000; i++) {
        unsigned words = 1u << kin_random_below(&random, 3);
        uint32_t count = (uint32_t)kin_random_below(&random, i % 10 == 0 ? 1025 : 70);
        uint32_t bound = (uint32_t)kin_random_below(&random, 64 * words + 1);
        size_t shift = kin_random_below(&random, 2); /* alignment is to 8 bytes only */
        uint64_t query[4];
        for (size_t j = 0; j < (size_t)count * words + shift; j++)
            codes[j] = kin_random_u64(&random);
        for (int j = 0; j < 4; j++)
            query[j] = kin_random_u64(&random);
        uint32_t expected =
            kin_hamming_scalar[words / 2](codes + shift, count, query, bound, wanted);
        for (int level = 0; level < KIN_CPU_LEVELS; level++) {
            if (!kin_cpu_supports((kin_cpu_level)level)) continue;
            kin_hamming_kernel kernel = kin_hamming_kernel_get(words, (kin_cpu_level)level);
            assert_int_equal(kernel(codes + shift, count, query, bound, got), expected);
            assert_memory_equal(got, wanted, expected * sizeof *got);
        }
    }
}

static void every_group_kernel_equals_the_scalar_one(void **state)
{
    (void)state;
    static uint8_t groups[(KIN_RUN_MAX / KIN_TABLE_GROUP + 1) * KIN_TABLE_GROUP * 32];
    static kin_candidate wanted[KIN_RUN_MAX], got[KIN_RUN_MAX];
    kin_random random = {.state = 3};
    for (int i = 0; i < 4000; i++) {
        kin_code_table table = {.bits = 64u << kin_random_below(&random, 3),
                                .tail_bytes = 1u << kin_random_below(&random, 3)};
        uint32_t lane = (uint32_t)kin_random_below(&random, KIN_TABLE_GROUP);
        uint32_t count = (uint32_t)kin_random_below(&random, i % 10 == 0 ? KIN_RUN_MAX + 1 : 70);
        uint32_t limit = (uint32_t)kin_random_below(&random, table.bits);
        kin_group_query query = {0};
        for (size_t at = 0; at < sizeof groups; at += 8) {
            uint64_t bytes = kin_random_u64(&random);
            if (at > 4096 && i % 10 != 0) break;
            memcpy(groups + at, &bytes, 8);
        }
        for (uint32_t v = 0; v < table.bits / 32; v++)
            query.value[v] = (uint32_t)kin_random_u64(&random);
        query.value[table.bits / 32 - 1] &= UINT32_MAX >> (32 - 8 * table.tail_bytes);
        kin_group_kernel scalar = kin_group_kernel_get(&table, KIN_CPU_SCALAR);
        uint32_t expected = scalar(groups, lane, count, &query, limit, wanted);
        for (int level = 0; level < KIN_CPU_LEVELS; level++) {
            if (!kin_cpu_supports((kin_cpu_level)level)) continue;
            kin_group_kernel kernel = kin_group_kernel_get(&table, (kin_cpu_level)level);
            assert_int_equal(kernel(groups, lane, count, &query, limit, got), expected);
            assert_memory_equal(got, wanted, expected * sizeof *got);
        }
    }
}

static void several_queries_a_pass_equal_single_passes(void **state)
{
    (void)state;
    kin_random random = {.state = 7};
    test_shard shard = make_shard(&random, 5000, 64, 3, 0);
    kin_hit together[KIN_SEARCH_QUERIES_PER_PASS][20], alone[20];
    kin_topk topks[KIN_SEARCH_QUERIES_PER_PASS], topk;
    kin_search_query queries[KIN_SEARCH_QUERIES_PER_PASS] = {0};
    for (int i = 0; i < KIN_SEARCH_QUERIES_PER_PASS; i++) {
        kin_topk_init(&topks[i], together[i], 20);
        queries[i] = (kin_search_query){.code = random_code(&random, 64, 3),
                                        .within = 64,
                                        .topk = &topks[i],
                                        .deadline_ns = INT64_MAX};
    }
    kin_search_scan(&shard.view, queries, KIN_SEARCH_QUERIES_PER_PASS, kin_cpu_level_get());
    for (int i = 0; i < KIN_SEARCH_QUERIES_PER_PASS; i++) {
        kin_topk_init(&topk, alone, 20);
        kin_search_query query = {
            .code = queries[i].code, .within = 64, .topk = &topk, .deadline_ns = INT64_MAX};
        kin_search_scan(&shard.view, &query, 1, KIN_CPU_SCALAR);
        assert_int_equal(kin_topk_finish(&topk), kin_topk_finish(&topks[i]));
        assert_hits_equal(together[i], alone, 20);
    }
    free_shard(&shard);
}

static void a_deadline_that_is_over_ends_only_its_query(void **state)
{
    (void)state;
    kin_random random = {.state = 9};
    test_shard shard = make_shard(&random, 3000, 64, 2, 0);
    kin_hit late[5], in_time[5];
    kin_topk topks[2];
    kin_topk_init(&topks[0], late, 5);
    kin_topk_init(&topks[1], in_time, 5);
    kin_search_query queries[2] = {
        {.within = 64, .topk = &topks[0], .deadline_ns = kin_clock_ns() - 1},
        {.within = 64, .topk = &topks[1], .deadline_ns = INT64_MAX}};
    kin_search_scan(&shard.view, queries, 2, KIN_CPU_SCALAR);
    assert_int_equal(queries[0].status, KIN_DEADLINE);
    assert_int_equal(queries[1].status, KIN_OK);
    assert_int_equal(kin_topk_finish(&topks[1]), 5);
    free_shard(&shard);
}

static void a_bucket_is_the_rows_of_one_code(void **state)
{
    (void)state;
    kin_random random = {.state = 13};
    for (int i = 0; i < 300; i++) {
        unsigned bits = widths[i % 3];
        test_shard shard = make_shard(&random, kin_random_below(&random, 80), bits, 40, 0);
        kin_code code = random_code(&random, bits, 40);
        uint64_t first, last, wanted = 0;
        kin_search_bucket(&shard.view, &code, &first, &last);
        for (uint64_t row = 0; row < shard.view.count; row++) {
            kin_code at;
            kin_code_from_words(&at, shard.words + row * (bits / 64), bits);
            bool equal = kin_code_compare(&at, &code) == 0;
            wanted += equal;
            assert_int_equal(equal, row >= first && row < last);
        }
        assert_int_equal(last - first, wanted);
        free_shard(&shard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_gives_the_brute_force_answer),
        cmocka_unit_test(every_kernel_equals_the_scalar_one),
        cmocka_unit_test(every_group_kernel_equals_the_scalar_one),
        cmocka_unit_test(several_queries_a_pass_equal_single_passes),
        cmocka_unit_test(a_deadline_that_is_over_ends_only_its_query),
        cmocka_unit_test(a_bucket_is_the_rows_of_one_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
