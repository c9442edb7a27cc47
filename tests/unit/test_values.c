/* Values for re-ranking: what is stored says the code, is near what it stands for, and is as far
 * from a question as plain arithmetic says; and how they travel. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "common/base/random.h"
#include "common/code/values.h"
#include "proto/scored.h"
#include "tests/support/test.h"

#define ROUNDS 3000

/* A number of any size and sign, often exactly at its threshold. */
static float any_float(kin_random *random)
{
    switch (kin_random_below(random, 6)) {
    case 0:
        return 0;
    case 1:
        return FLT_TRUE_MIN * (float)((int)kin_random_below(random, 3) - 1);
    case 2:
        return FLT_MAX * (float)((int)kin_random_below(random, 3) - 1);
    default:
        return (float)((double)(int64_t)kin_random_below(random, 2001) / 1000 - 1);
    }
}

static void stored_values_say_the_code(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int round = 0; round < ROUNDS; round++) {
        float values[KIN_CODE_BITS_MAX], thresholds[KIN_CODE_BITS_MAX];
        int8_t stored[KIN_CODE_BITS_MAX];
        uint32_t count = 1 + (uint32_t)kin_random_below(&random, KIN_CODE_BITS_MAX);
        kin_code code, wanted = {0};
        double most = 0;
        for (uint32_t i = 0; i < count; i++) {
            values[i] = any_float(&random);
            thresholds[i] = kin_random_below(&random, 3) == 0 ? values[i] : any_float(&random);
            if (values[i] > thresholds[i]) kin_code_set_bit(&wanted, i);
            most = fmax(most, fabs((double)values[i] - (double)thresholds[i]));
        }
        kin_values_store(values, thresholds, count, stored);
        kin_values_code(stored, count, &code);
        assert_memory_equal(&code, &wanted, sizeof code);
        for (uint32_t i = 0; i < count; i++) {
            double above = (double)values[i] - (double)thresholds[i];
            double error = fabs((2 * stored[i] + 1) / 256.0 * most - above);
            assert_true(error <= most / 256 * (1 + 1e-12));
        }
    }
}

/* Of numbers, as they are defined in proto/SHARD.md. */
static void hand_made_values(void **state)
{
    (void)state;
    const float thresholds[6] = {0};
    const float values[] = {1, -1, 0.5f, -0.5f, 0, 1e-30f};
    const int8_t expected[] = {127, -128, 63, -65, -1, 0};
    const int16_t asked_expected[] = {32767, -32767, 16384, -16383, 0, 0};
    int8_t stored[6];
    int16_t asked[6];
    kin_values_store(values, thresholds, 6, stored);
    kin_values_ask(values, thresholds, 6, asked);
    assert_memory_equal(stored, expected, sizeof expected);
    assert_memory_equal(asked, asked_expected, sizeof asked_expected);
    kin_values_store(thresholds, thresholds, 6, stored);
    kin_values_ask(thresholds, thresholds, 6, asked);
    for (int i = 0; i < 6; i++)
        assert_true(stored[i] == -1 && asked[i] == 0);
    assert_int_equal(kin_values_distance(asked, stored, 6), KIN_VALUES_RIGHT_ANGLE);
    const int16_t one[] = {1, 0}, both[] = {1, 1}, other[] = {-1, -1};
    const int8_t right[] = {3, -4}; /* 7 and -7 half steps */
    assert_int_equal(kin_values_distance(both, right, 2), KIN_VALUES_RIGHT_ANGLE);
    /* 1 - sqrt(1/2), in units of 2^-30. */
    assert_int_equal(kin_values_distance(one, right, 2), 314491699);
    const int8_t same[] = {5, 5};
    assert_int_equal(kin_values_distance(both, same, 2), 0);
    assert_int_equal(kin_values_distance(other, same, 2), KIN_VALUES_DISTANCE_MAX);
}

static void distances_are_those_of_plain_arithmetic(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < ROUNDS; round++) {
        int16_t asked[KIN_CODE_BITS_MAX];
        int8_t stored[KIN_CODE_BITS_MAX];
        uint32_t count = 1 + (uint32_t)kin_random_below(&random, KIN_CODE_BITS_MAX);
        bool extreme = round % 10 == 0; /* the largest sums there are */
        long double product = 0, asked_square = 0, stored_square = 0;
        for (uint32_t i = 0; i < count; i++) {
            asked[i] = extreme ? KIN_VALUES_ASKED_MAX
                               : (int16_t)((int)kin_random_below(&random, 65535) - 32767);
            stored[i] = extreme ? (round % 20 == 0 ? 127 : -128)
                                : (int8_t)((int)kin_random_below(&random, 256) - 128);
            long double value = stored[i] + 0.5L;
            product += asked[i] * value;
            asked_square += (long double)asked[i] * asked[i];
            stored_square += value * value;
        }
        long double wanted = 1 - product / sqrtl(asked_square * stored_square);
        long double got = (long double)kin_values_distance(asked, stored, count);
        assert_true(fabsl(got / KIN_VALUES_RIGHT_ANGLE - wanted) < 1.1L / KIN_VALUES_RIGHT_ANGLE);
    }
}

/* Twice the size is the same vector: powers of two round alike. */
static void the_scale_does_not_matter(void **state)
{
    (void)state;
    kin_random random = {.state = 3};
    float values[64], doubled[64], thresholds[64] = {0};
    int8_t stored[64], stored_again[64];
    int16_t asked[64], asked_again[64];
    for (int i = 0; i < 64; i++) {
        values[i] = (float)kin_random_below(&random, 1000) - 500;
        doubled[i] = 1024 * values[i];
    }
    kin_values_store(values, thresholds, 64, stored);
    kin_values_store(doubled, thresholds, 64, stored_again);
    kin_values_ask(values, thresholds, 64, asked);
    kin_values_ask(doubled, thresholds, 64, asked_again);
    assert_memory_equal(stored, stored_again, sizeof stored);
    assert_memory_equal(asked, asked_again, sizeof asked);
    assert_true(kin_values_distance(asked, stored, 64) < KIN_VALUES_RIGHT_ANGLE / 10000);
}

static void they_travel_as_they_are(void **state)
{
    (void)state;
    const int16_t asked[] = {-32767, -1, 0, 1, 32767};
    int16_t back[5];
    uint8_t bytes[64];
    uint32_t count;
    kin_scored_put_values(asked, 5, bytes);
    kin_scored_get_values(bytes, 5, back);
    assert_memory_equal(asked, back, sizeof asked);
    assert_true(bytes[0] == 0x01 && bytes[1] == 0x80);
    const kin_row rows[] = {{.shard = 4095, .row = UINT64_MAX - 1}, {.shard = 0, .row = 1}};
    for (int i = 0; i < 2; i++)
        kin_scored_put_place(rows[i], bytes + (size_t)12 * i);
    kin_bytes places = {bytes, 24};
    assert_true(kin_scored_places_valid(places, 4096, &count) && count == 2);
    for (uint32_t i = 0; i < 2; i++) {
        kin_row row = kin_scored_get_place(places, i);
        assert_true(row.shard == rows[i].shard && row.row == rows[i].row);
    }
    assert_false(kin_scored_places_valid(places, 4095, &count));
    assert_false(kin_scored_places_valid((kin_bytes){bytes, 23}, 4096, &count));
    assert_true(kin_scored_places_valid((kin_bytes){bytes, 0}, 4096, &count) && count == 0);
    kin_scored_put_score(KIN_VALUES_DISTANCE_MAX, bytes);
    kin_scored_put_score(1, bytes + 4);
    kin_bytes scores = {bytes, 8};
    assert_true(kin_scored_scores_valid(scores, 2));
    assert_true(kin_scored_get_score(scores, 0) == KIN_VALUES_DISTANCE_MAX);
    assert_true(kin_scored_get_score(scores, 1) == 1);
    assert_false(kin_scored_scores_valid(scores, 1) || kin_scored_scores_valid(scores, 3));
    kin_scored_put_score(KIN_VALUES_DISTANCE_MAX + 1, bytes);
    assert_false(kin_scored_scores_valid(scores, 2));
}

/* A network may overflow on one picture: what is no number is as far below as there is. */
static void what_is_no_number_is_stored(void **state)
{
    (void)state;
    const float values[4] = {NAN, 1, -INFINITY, -1}, thresholds[4] = {0};
    int8_t stored[4];
    int16_t asked[4];
    kin_values_store(values, thresholds, 4, stored);
    assert_int_equal(stored[0], -128);
    kin_values_ask(values, thresholds, 4, asked);
    assert_int_equal(asked[0], 0);
    kin_values_ask(values, thresholds, 2, asked);
    assert_true(asked[0] == 0 && asked[1] == KIN_VALUES_ASKED_MAX);
    kin_values_ask(thresholds, thresholds, 4, asked);
    assert_true(asked[0] == 0 && asked[3] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_values_say_the_code),
        cmocka_unit_test(hand_made_values),
        cmocka_unit_test(distances_are_those_of_plain_arithmetic),
        cmocka_unit_test(the_scale_does_not_matter),
        cmocka_unit_test(they_travel_as_they_are),
        cmocka_unit_test(what_is_no_number_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
