/* Cuts of the code space against those found by sorting all codes. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "coordinator/partition/splitter.h"
#include "tests/support/test.h"

static int compare(const void *a, const void *b)
{
    return kin_code_compare(a, b);
}

/* Counts by looking at every code: nothing is shared with the code under test. */
static void count_all(const kin_code *codes, uint64_t total, const kin_code *prefix,
                      unsigned prefix_bits, uint64_t *counts)
{
    memset(counts, 0, KIN_SPLITTER_FANOUT * sizeof *counts);
    for (uint64_t i = 0; i < total; i++) {
        bool starts = true;
        unsigned value = 0;
        for (unsigned bit = 0; bit < prefix_bits; bit++)
            starts = starts && kin_code_bit(&codes[i], bit) == kin_code_bit(prefix, bit);
        for (unsigned bit = prefix_bits; bit < prefix_bits + 8; bit++)
            value = 2 * value + kin_code_bit(&codes[i], bit);
        if (starts) counts[value]++;
    }
}

static uint32_t split(const kin_code *codes, uint64_t total, unsigned bits, uint32_t shards,
                      kin_split *splits)
{
    kin_splitter *splitter = kin_splitter_new(bits, total, shards);
    uint64_t *counts = kin_calloc((size_t)shards * KIN_SPLITTER_FANOUT, sizeof *counts);
    const kin_code *prefixes;
    unsigned prefix_bits;
    uint32_t wanted;
    while ((wanted = kin_splitter_wants(splitter, &prefixes, &prefix_bits)) > 0) {
        for (uint32_t i = 0; i < wanted; i++)
            count_all(codes, total, &prefixes[i], prefix_bits, counts + i * KIN_SPLITTER_FANOUT);
        kin_splitter_count(splitter, counts);
    }
    uint32_t count = kin_splitter_finish(splitter, splits);
    free(counts);
    kin_splitter_destroy(&splitter);
    assert_null(splitter);
    return count;
}

/* Ranges follow one another, cover the space, and hold what they say. */
static void check_ranges(const kin_code *codes, uint64_t total, unsigned bits,
                         const kin_split *splits, uint32_t count)
{
    kin_code zero = {{0}}, ones = {{0}};
    for (unsigned word = 0; word < bits / 64; word++)
        ones.word[word] = UINT64_MAX;
    assert_int_equal(kin_code_compare(&splits[0].first, &zero), 0);
    assert_int_equal(kin_code_compare(&splits[count - 1].last, &ones), 0);
    uint64_t sum = 0;
    for (uint32_t s = 0; s < count; s++) {
        uint64_t inside = 0;
        for (uint64_t i = 0; i < total; i++)
            inside += kin_code_compare(&codes[i], &splits[s].first) >= 0 &&
                      kin_code_compare(&codes[i], &splits[s].last) <= 0;
        assert_true(inside > 0);
        assert_int_equal(inside, splits[s].count);
        sum += inside;
        if (s == 0) continue;
        kin_code next = splits[s - 1].last; /* + 1 */
        for (int word = (int)bits / 64 - 1; word >= 0 && ++next.word[word] == 0;)
            word--;
        assert_int_equal(kin_code_compare(&next, &splits[s].first), 0);
    }
    assert_int_equal(sum, total);
}

static uint64_t gap(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Every ideal place has a cut, or an end, at the nearest place between two codes. sorted: codes. */
static void check_nearest(const kin_code *sorted, uint64_t total, uint32_t shards,
                          const kin_split *splits, uint32_t count)
{
    for (uint32_t j = 1; j < shards; j++) {
        uint64_t ideal = total * j / shards, nearest = UINT64_MAX, cut = UINT64_MAX, at = 0;
        for (uint64_t i = 0; i <= total; i++) {
            bool between =
                i == 0 || i == total || kin_code_compare(&sorted[i - 1], &sorted[i]) != 0;
            if (between && gap(i, ideal) < nearest) nearest = gap(i, ideal);
        }
        for (uint32_t s = 0; s <= count; s++) {
            if (gap(at, ideal) < cut) cut = gap(at, ideal);
            if (s < count) at += splits[s].count;
        }
        assert_int_equal(cut, nearest);
    }
}

/* A width, and how many of the code's bits are random at most: few make many equal codes. */
static void random_codes_are_cut_exactly(void **state)
{
    (void)state;
    static const unsigned widths[] = {64, 128, 256};
    kin_random random = {.state = 5};
    for (int round = 0; round < 240; round++) {
        unsigned bits = widths[round % 3], varied = 1 + (unsigned)kin_random_below(&random, 24);
        uint64_t total = 1 + kin_random_below(&random, 300);
        uint32_t shards = 1 + (uint32_t)kin_random_below(&random, 12);
        kin_code *codes = kin_calloc(total, sizeof *codes);
        for (uint64_t i = 0; i < total; i++)
            for (unsigned v = 0; v < varied; v++)
                if (kin_random_u64(&random) >> 63)
                    kin_code_set_bit(&codes[i], (v * 37 + (unsigned)round) % bits);
        qsort(codes, total, sizeof *codes, compare);
        kin_split splits[12];
        uint32_t count = split(codes, total, bits, shards, splits);
        assert_in_range(count, 1, shards);
        check_ranges(codes, total, bits, splits, count);
        check_nearest(codes, total, shards, splits, count);
        free(codes);
    }
}

static void one_code_is_one_shard(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 2; value++) { /* the first code, and the last */
        kin_code codes[50];
        memset(codes, value == 0 ? 0 : 0xff, sizeof codes);
        for (int i = 0; i < 50; i++)
            codes[i].word[1] = codes[i].word[2] = codes[i].word[3] = 0;
        kin_split splits[8];
        assert_int_equal(split(codes, 50, 64, 8, splits), 1);
        check_ranges(codes, 50, 64, splits, 1);
    }
}

static void a_skewed_collection_has_fewer_shards(void **state)
{
    (void)state;
    kin_code codes[100] = {{{0}}};
    for (unsigned i = 90; i < 100; i++)
        codes[i].word[0] = i;
    kin_split splits[4];
    assert_int_equal(split(codes, 100, 64, 4, splits), 2);
    assert_int_equal(splits[0].count, 90);
}

static void distinct_codes_are_shared_out_evenly(void **state)
{
    (void)state;
    kin_code codes[1000] = {{{0}}};
    for (uint64_t i = 0; i < 1000; i++)
        codes[i].word[0] = i; /* all in the last bits: every round is needed */
    kin_split splits[7];
    assert_int_equal(split(codes, 1000, 64, 7, splits), 7);
    for (int s = 0; s < 7; s++)
        assert_in_range(splits[s].count, 142, 143);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_codes_are_cut_exactly),
        cmocka_unit_test(one_code_is_one_shard),
        cmocka_unit_test(a_skewed_collection_has_fewer_shards),
        cmocka_unit_test(distinct_codes_are_shared_out_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
