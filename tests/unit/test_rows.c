/* Rows of codes: sorting, counting and the health of bits, against plain loops. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/test.h"
#include "worker/index/code_health.h"
#include "worker/index/rows.h"

static void tick(void *user)
{
    (void)user;
}

/* Few distinct codes, so that ids decide too; ids are a permutation with high bytes set. */
static void fill(kin_rows *rows, unsigned bits, uint64_t count, uint64_t seed)
{
    kin_random random = {.state = seed};
    kin_rows_init(rows, bits, count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t *row = rows->data + i * (rows->words + 1);
        for (unsigned w = 0; w < rows->words; w++)
            row[w] = kin_random_below(&random, 3) * 0x8100000000000081;
        row[rows->words] = (count - i) * 0x100000001;
    }
}

static unsigned words_compared;

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    for (unsigned w = 0; w < words_compared; w++)
        if (left[w] != right[w]) return left[w] < right[w] ? -1 : 1;
    return 0;
}

static void sorting_is_that_of_qsort(void **state)
{
    (void)state;
    static const unsigned widths[] = {64, 128, 256};
    for (uint64_t count = 0; count < 400; count = count * 2 + 1)
        for (int i = 0; i < 3; i++) {
            kin_rows rows = {0};
            fill(&rows, widths[i], count, count + 1);
            size_t row_bytes = (rows.words + 1) * sizeof(uint64_t);
            uint64_t *wanted = kin_malloc(count * row_bytes);
            memcpy(wanted, rows.data, count * row_bytes);
            words_compared = rows.words + 1;
            if (count > 0) qsort(wanted, count, row_bytes, compare);
            kin_rows_sort(&rows, tick, NULL);
            assert_memory_equal(rows.data, wanted, count * row_bytes);
            free(wanted);
            kin_rows_fini(&rows);
        }
}

static void counts_are_those_of_a_loop(void **state)
{
    (void)state;
    kin_rows rows = {0};
    fill(&rows, 128, 300, 9);
    kin_rows_sort(&rows, tick, NULL);
    uint64_t distinct, largest, distinct_wanted = 0, largest_wanted = 0;
    words_compared = 2;
    for (uint64_t i = 0; i < rows.count; i++) {
        uint64_t before = 0, same = 0;
        kin_code code;
        kin_code_from_words(&code, kin_row(&rows, i), 128);
        for (uint64_t j = 0; j < rows.count; j++) {
            int order = compare(kin_row(&rows, j), kin_row(&rows, i));
            before += order < 0;
            same += order == 0;
        }
        assert_int_equal(kin_rows_before(&rows, &code), before);
        assert_int_equal(kin_rows_through(&rows, &code), before + same);
        distinct_wanted += before == i;
        if (same > largest_wanted) largest_wanted = same;
    }
    kin_rows_distinct(&rows, &distinct, &largest);
    assert_int_equal(distinct, distinct_wanted);
    assert_int_equal(largest, largest_wanted);
    kin_rows_fini(&rows);
}

/* Bit 5 repeats bit 70, bit 9 is the inverse of bit 10, bit 20 is dead; the others are random. */
static void bits_that_say_the_same_are_found(void **state)
{
    (void)state;
    enum { BITS = 128, ROWS = 1000 };
    kin_rows rows = {0};
    kin_random random = {.state = 3};
    kin_rows_init(&rows, BITS, ROWS);
    kin_manifest manifest = {.bits = BITS, .indexed = ROWS};
    uint64_t ones[BITS] = {0};
    for (uint64_t i = 0; i < ROWS; i++) {
        kin_code code = {{kin_random_u64(&random), kin_random_u64(&random), 0, 0}};
        code.word[0] &=
            ~((uint64_t)1 << (63 - 5) | (uint64_t)1 << (63 - 9) | (uint64_t)1 << (63 - 20));
        if (kin_code_bit(&code, 70)) kin_code_set_bit(&code, 5);
        if (!kin_code_bit(&code, 10)) kin_code_set_bit(&code, 9);
        memcpy(rows.data + i * 3, code.word, 16);
        rows.data[i * 3 + 2] = i;
        for (unsigned b = 0; b < BITS; b++)
            ones[b] += kin_code_bit(&code, b);
    }
    uint64_t *pairs = kin_calloc(kin_health_pairs(BITS), sizeof *pairs);
    kin_health_count(&rows, pairs, tick, NULL);
    kin_health_summarize(pairs, &manifest);
    assert_memory_equal(manifest.bit_ones, ones, sizeof ones);
    assert_int_equal(manifest.correlation_count, KIN_MANIFEST_CORRELATIONS_MAX);
    assert_int_equal(manifest.correlation[0].a, 5);
    assert_int_equal(manifest.correlation[0].b, 70);
    assert_true(fabs(manifest.correlation[0].phi - 1) < 1e-12);
    assert_int_equal(manifest.correlation[1].a, 9);
    assert_int_equal(manifest.correlation[1].b, 10);
    assert_true(fabs(manifest.correlation[1].phi + 1) < 1e-12);
    for (uint32_t i = 2; i < KIN_MANIFEST_CORRELATIONS_MAX; i++) {
        assert_true(fabs(manifest.correlation[i].phi) <= fabs(manifest.correlation[i - 1].phi));
        assert_true(fabs(manifest.correlation[i].phi) < 0.2);
        assert_int_not_equal(manifest.correlation[i].a, 20);
    }
    free(pairs);
    kin_rows_fini(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_is_that_of_qsort),
        cmocka_unit_test(counts_are_those_of_a_loop),
        cmocka_unit_test(bits_that_say_the_same_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
