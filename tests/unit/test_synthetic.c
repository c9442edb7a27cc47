/* Synthetic sets: any range by itself, the shape that each kind promises, and the very codes, which
 * figures of different machines compare. */
#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/memory.h"
#include "common/code/code.h"
#include "common/code/synthetic.h"
#include "tests/support/test.h"

#define ROWS 20000

static uint64_t *rows_of(char kind, unsigned bits, uint64_t first, uint64_t count)
{
    kin_synthetic *set;
    kin_error error;
    assert_int_equal(kin_synthetic_new(&set, kind, bits, &error), KIN_OK);
    uint64_t *words = kin_calloc(count * (bits / 64), sizeof *words);
    kin_synthetic_codes(set, first, count, words);
    kin_synthetic_destroy(&set);
    return words;
}

static unsigned distance(const uint64_t *a, const uint64_t *b, unsigned words)
{
    unsigned sum = 0;
    for (unsigned w = 0; w < words; w++)
        sum += (unsigned)__builtin_popcountll(a[w] ^ b[w]);
    return sum;
}

static void any_range_is_the_same(void **state)
{
    (void)state;
    const unsigned widths[] = {64, 128, 256};
    for (const char *kind = "ucn"; *kind != 0; kind++)
        for (unsigned i = 0; i < 3; i++) {
            unsigned words = widths[i] / 64;
            uint64_t *all = rows_of(*kind, widths[i], 0, 1000);
            uint64_t *part = rows_of(*kind, widths[i], 333, 77);
            assert_memory_equal(all + (size_t)333 * words, part, (size_t)77 * words * 8);
            free(all);
            free(part);
        }
}

/* How often each bit is 1, and how many pairs of neighbouring rows are within a quarter of the
 * bits: 0 of uniform codes, and as many as share a cluster of those that have some. */
static void shapes(void **state)
{
    (void)state;
    const struct {
        char kind;
        double least,
            most; /* near pairs, per cent: sum of squared weights, and what noise leaves */
    } cases[] = {{'u', 0, 0.05}, {'c', 0.1, 1.0}, {'n', 0.1, 1.0}, {'h', 0, 0.05}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint64_t *words = rows_of(cases[c].kind, 64, (uint64_t)1 << 33, ROWS);
        unsigned near = 0, ones[64] = {0};
        for (unsigned i = 0; i < ROWS; i++) {
            near += distance(words + i, words + (i + 1) % ROWS, 1) <= 16;
            for (unsigned b = 0; b < 64; b++)
                ones[b] += words[i] >> b & 1;
        }
        double share = 100.0 * near / ROWS;
        assert_true(share >= cases[c].least && share <= cases[c].most);
        for (unsigned b = 0; b < 64; b++)
            assert_in_range(ones[b], ROWS * 3 / 10, ROWS * 7 / 10);
        free(words);
    }
}

static void near_queries_are_near(void **state)
{
    (void)state;
    const unsigned widths[] = {64, 128, 256};
    for (unsigned i = 0; i < 3; i++) {
        unsigned bits = widths[i], words = bits / 64, most = 0;
        kin_synthetic *set;
        kin_error error;
        uint64_t *stored = rows_of('c', bits, 0, 500), query[KIN_CODE_WORDS_MAX];
        assert_int_equal(kin_synthetic_new(&set, 'n', bits, &error), KIN_OK);
        for (uint64_t q = 0; q < 200; q++) {
            unsigned best = bits;
            kin_synthetic_queries(set, 500, q, 1, query);
            for (unsigned row = 0; row < 500; row++) {
                unsigned d = distance(stored + (size_t)row * words, query, words);
                if (d < best) best = d;
            }
            assert_true(best <= bits / 16);
            if (best > most) most = best;
        }
        assert_int_equal(most, bits / 16);
        kin_synthetic_destroy(&set);
        free(stored);
    }
}

static void other_queries_are_no_rows(void **state)
{
    (void)state;
    for (const char *kind = "uc"; *kind != 0; kind++) {
        kin_synthetic *set;
        kin_error error;
        uint64_t query[4], rows[4];
        assert_int_equal(kin_synthetic_new(&set, *kind, 64, &error), KIN_OK);
        kin_synthetic_queries(set, 4, 0, 4, query);
        kin_synthetic_codes(set, 0, 4, rows);
        assert_memory_not_equal(query, rows, sizeof rows);
        kin_synthetic_destroy(&set);
    }
}

static void codes_are_these(void **state)
{
    (void)state;
    const struct {
        char kind;
        unsigned bits;
        uint64_t checksum; /* of rows 0 to 999 */
    } cases[] = {{'u', 64, 0x5901cb0b2e53ef4eu},
                 {'c', 64, 0x549df3a7c54d03ffu},
                 {'h', 64, 0xebdab8686d45898eu},
                 {'c', 128, 0x8c409af2b6c75484u},
                 {'c', 256, 0xae0f87da6a31b243u}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint64_t *words = rows_of(cases[c].kind, cases[c].bits, 0, 1000);
        uint64_t checksum = kin_checksum(words, 1000 * (cases[c].bits / 8));
        assert_true(checksum == cases[c].checksum);
        free(words);
    }
}

static void other_sets_are_refused(void **state)
{
    (void)state;
    kin_synthetic *set;
    kin_error error;
    assert_int_equal(kin_synthetic_new(&set, 'x', 64, &error), KIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "'x'"));
    assert_null(set);
    assert_int_equal(kin_synthetic_new(&set, 'c', 96, &error), KIN_BAD_INPUT);
    assert_null(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_range_is_the_same), cmocka_unit_test(shapes),
        cmocka_unit_test(near_queries_are_near), cmocka_unit_test(other_queries_are_no_rows),
        cmocka_unit_test(codes_are_these),       cmocka_unit_test(other_sets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
