/* The way back from bits to a linear code layer: of independent numbers what is known beforehand,
 * nothing near it does better, and layers that take it give the same. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/train/way_back.h"

enum { BITS = 6, COUNT = 20000 };

static double mean[BITS], planes[BITS * BITS];
static const kin_code_rotation rotation = {.mean = mean, .planes = planes};

static float *make_codes(bool turned)
{
    kin_random random = {.state = 11};
    float *codes = kin_malloc((size_t)COUNT * BITS * sizeof *codes);
    for (int b = 0; b < BITS; b++)
        mean[b] = b - 2;
    for (int i = 0; i < BITS * BITS; i++)
        planes[i] = turned ? kin_random_gaussian(&random) : i % (BITS + 1) == 0;
    for (int i = 0; i < COUNT * BITS; i++)
        codes[i] = (float)(mean[i % BITS] + (1 + i % BITS) * kin_random_gaussian(&random));
    return codes;
}

static void bits_of(const float *code, double *bits)
{
    for (int i = 0; i < BITS; i++) {
        double sum = 0;
        for (int b = 0; b < BITS; b++)
            sum += planes[i * BITS + b] * (code[b] - mean[b]);
        bits[i] = sum > 0;
    }
}

/* Mean squared error of numbers by their bits. */
static double error_of(const float *codes, const kin_way_back *back)
{
    double sum = 0;
    for (int r = 0; r < COUNT; r++) {
        double bits[BITS];
        bits_of(codes + r * BITS, bits);
        for (int i = 0; i < BITS; i++) {
            double value = back->offsets[i];
            for (int j = 0; j < BITS; j++)
                value += back->slopes[i * BITS + j] * bits[j];
            sum += (codes[r * BITS + i] - value) * (codes[r * BITS + i] - value);
        }
    }
    return sum / COUNT;
}

/* The mean of a half of a Gaussian is sqrt(2 / pi) deviations away. */
static void independent_numbers(void **state)
{
    (void)state;
    float *codes = make_codes(false);
    kin_way_back back = {0};
    kin_way_back_learn(codes, COUNT, BITS, &rotation, &back);
    for (int i = 0; i < BITS; i++) {
        double half = (1 + i) * sqrt(2 / 3.14159265358979);
        assert_true(fabs(back.offsets[i] - (mean[i] - half)) < 0.2 * (1 + i));
        for (int j = 0; j < BITS; j++)
            assert_true(fabs(back.slopes[i * BITS + j] - (i == j ? 2 * half : 0)) < 0.1 * (1 + i));
    }
    kin_way_back_fini(&back);
    free(codes);
}

static void nothing_near_is_better(void **state)
{
    (void)state;
    float *codes = make_codes(true);
    kin_way_back back = {0};
    kin_way_back_learn(codes, COUNT, BITS, &rotation, &back);
    double best = error_of(codes, &back);
    for (int i = 0; i < BITS * BITS; i += 5)
        for (int sign = -1; sign <= 1; sign += 2) {
            back.slopes[i] += 0.1 * sign;
            assert_true(error_of(codes, &back) > best);
            back.slopes[i] -= 0.1 * sign;
        }
    kin_way_back_fini(&back);
    free(codes);
}

static void layers_take_it(void **state)
{
    (void)state;
    enum { OUTPUTS = 3 };
    float *codes = make_codes(true), weights[OUTPUTS * BITS], biases[OUTPUTS];
    float taken[OUTPUTS * BITS], taken_biases[OUTPUTS];
    kin_random random = {.state = 4};
    kin_way_back back = {0};
    kin_way_back_learn(codes, COUNT, BITS, &rotation, &back);
    for (int i = 0; i < OUTPUTS * BITS; i++)
        weights[i] = (float)kin_random_gaussian(&random);
    for (int i = 0; i < OUTPUTS; i++)
        biases[i] = (float)kin_random_gaussian(&random);
    memcpy(taken, weights, sizeof weights);
    memcpy(taken_biases, biases, sizeof biases);
    kin_way_back_apply(&back, BITS, OUTPUTS, taken, taken_biases);
    for (int r = 0; r < 50; r++) {
        double bits[BITS], numbers[BITS];
        bits_of(codes + r * BITS, bits);
        for (int i = 0; i < BITS; i++) {
            numbers[i] = back.offsets[i];
            for (int j = 0; j < BITS; j++)
                numbers[i] += back.slopes[i * BITS + j] * bits[j];
        }
        for (int o = 0; o < OUTPUTS; o++) {
            double wanted = biases[o], got = taken_biases[o];
            for (int i = 0; i < BITS; i++) {
                wanted += weights[o * BITS + i] * numbers[i];
                got += taken[o * BITS + i] * bits[i];
            }
            assert_true(fabs(wanted - got) < 1e-4);
        }
    }
    kin_way_back_fini(&back);
    free(codes);
}

/* Bits that never change, and those that always agree, leave every number finite. */
static void poor_bits(void **state)
{
    (void)state;
    float codes[4 * BITS];
    kin_way_back back = {0};
    free(make_codes(false));
    for (int i = 0; i < 4 * BITS; i++)
        codes[i] = 5;
    kin_way_back_learn(codes, 4, BITS, &rotation, &back);
    for (int i = 0; i < BITS * BITS; i++)
        assert_true(isfinite(back.slopes[i]) && isfinite(back.offsets[i % BITS]));
    kin_way_back_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent_numbers), cmocka_unit_test(nothing_near_is_better),
        cmocka_unit_test(layers_take_it), cmocka_unit_test(poor_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
