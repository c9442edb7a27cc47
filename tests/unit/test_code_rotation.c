/* The turn of a code layer: what whitening makes of the covariance, against matrices computed by
 * plain loops; signs that lose less than before; a layer that is turned against its definition. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/lone_rank.h"
#include "worker/encode/blas.h"
#include "worker/train/code_rotation.h"

enum { BITS = 12, COUNT = 700, INPUTS = 9 };

/* Numbers whose directions have variances from 1 to 1/4096, mixed, off the middle. */
static float *make_codes(void)
{
    kin_random random = {.state = 11};
    float *codes = kin_malloc(COUNT * BITS * sizeof *codes);
    double mix[BITS * BITS];
    for (size_t i = 0; i < BITS * BITS; i++)
        mix[i] = kin_random_gaussian(&random);
    for (size_t i = 0; i < COUNT; i++) {
        double own[BITS];
        for (size_t j = 0; j < BITS; j++)
            own[j] = kin_random_gaussian(&random) * pow(2, -(double)j / 2);
        for (size_t b = 0; b < BITS; b++) {
            double sum = 3;
            for (size_t j = 0; j < BITS; j++)
                sum += own[j] * mix[j * BITS + b];
            codes[i * BITS + b] = (float)sum;
        }
    }
    return codes;
}

static void learn(const float *codes, double whitening, kin_code_rotation_start first,
                  kin_code_rotation *rotation)
{
    kin_train_context context = kin_lone_rank_context();
    kin_train_source source = kin_lone_rank_source(codes, COUNT, BITS);
    kin_error error = {0};
    if (kin_code_rotation_learn(&context, &source, whitening, first, 5, rotation, 0, 1, &error) !=
        KIN_OK)
        fail_msg("%s", error.text);
}

/* turned [COUNT][BITS] = planes (code - mean), the mean by a plain sum. */
static void turn(const float *codes, const kin_code_rotation *rotation, double *turned)
{
    double mean[BITS] = {0};
    for (size_t i = 0; i < COUNT * BITS; i++)
        mean[i % BITS] += codes[i] / (double)COUNT;
    for (size_t b = 0; b < BITS; b++)
        assert_true(fabs(mean[b] - rotation->mean[b]) < 1e-9);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t b = 0; b < BITS; b++) {
            double sum = 0;
            for (size_t j = 0; j < BITS; j++)
                sum += rotation->planes[b * BITS + j] * (codes[i * BITS + j] - mean[j]);
            turned[i * BITS + b] = sum;
        }
}

static void multiply(const double *a, const double *b, double *c)
{
    for (size_t i = 0; i < BITS; i++)
        for (size_t j = 0; j < BITS; j++) {
            double sum = 0;
            for (size_t k = 0; k < BITS; k++)
                sum += a[i * BITS + k] * b[k * BITS + j];
            c[i * BITS + j] = sum;
        }
}

/* P P^T for planes P, and the covariance of what is turned. */
static void look(const kin_code_rotation *rotation, const double *turned, double *squares,
                 double *covariance)
{
    double transposed[BITS * BITS];
    for (size_t i = 0; i < BITS * BITS; i++)
        transposed[i % BITS * BITS + i / BITS] = rotation->planes[i];
    multiply(rotation->planes, transposed, squares);
    memset(covariance, 0, BITS * BITS * sizeof *covariance);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t a = 0; a < BITS; a++)
            for (size_t b = 0; b < BITS; b++)
                covariance[a * BITS + b] += turned[i * BITS + a] * turned[i * BITS + b] / COUNT;
}

static void assert_identity(const double *matrix, const char *what)
{
    for (size_t i = 0; i < BITS * BITS; i++)
        if (fabs(matrix[i] - (i % BITS == i / BITS)) > 1e-6)
            fail_msg("%s: element %zu is %g", what, i, matrix[i]);
}

/* Less than none: P P^T = R^T V^1/2 R, and the covariance R^T V^3/2 R is its cube. */
static void assert_cube(const double *squares, const double *covariance)
{
    double twice[BITS * BITS], cube[BITS * BITS];
    multiply(squares, squares, twice);
    multiply(twice, squares, cube);
    for (size_t i = 0; i < BITS * BITS; i++)
        if (fabs(cube[i] - covariance[i]) > 1e-6 * covariance[0])
            fail_msg("element %zu of the covariance is %g, not %g", i, covariance[i], cube[i]);
}

/* Planes are R^T V^-w U: without whitening a rotation; with all of it, what is turned is white;
 * with half of it, the covariance R^T V^1/2 R undoes P P^T = R^T V^-1/2 R. */
static void whitens(void **state)
{
    (void)state;
    const double powers[] = {0, 0.5, 0.25, -0.25};
    float *codes = make_codes();
    double *turned = kin_malloc(COUNT * BITS * sizeof *turned);
    for (size_t p = 0; p < sizeof powers / sizeof *powers; p++) {
        kin_code_rotation rotation = {0};
        double squares[BITS * BITS], covariance[BITS * BITS], product[BITS * BITS];
        learn(codes, powers[p], KIN_ROTATION_RANDOM, &rotation);
        turn(codes, &rotation, turned);
        look(&rotation, turned, squares, covariance);
        multiply(squares, covariance, product);
        if (p < 3)
            assert_identity(p == 0 ? squares : p == 1 ? covariance : product, "whitening");
        else
            assert_cube(squares, covariance);
        kin_code_rotation_fini(&rotation);
    }
    free(turned);
    free(codes);
}

static double sign_loss(const double *turned)
{
    double loss = 0;
    for (size_t i = 0; i < COUNT * BITS; i++) {
        double off = turned[i] - (turned[i] > 0 ? 1 : -1);
        loss += off * off / (COUNT * BITS);
    }
    return loss;
}

/* The last rotation loses no more than what was told, and less than others do. */
static void loses_little(void **state)
{
    (void)state;
    float *codes = make_codes();
    double *turned = kin_malloc(COUNT * BITS * sizeof *turned);
    kin_code_rotation rotation = {0};
    kin_random random = {.state = 2};
    learn(codes, 0.5, KIN_ROTATION_RANDOM, &rotation);
    turn(codes, &rotation, turned);
    double lost = sign_loss(turned);
    assert_true(lost <= rotation.loss + 1e-9 && lost > 0.8 * rotation.loss);
    double balance = 0;
    for (size_t b = 0; b < BITS; b++) {
        double ones = 0;
        for (size_t i = 0; i < COUNT; i++)
            ones += turned[i * BITS + b] > 0;
        balance += fabs(ones / COUNT - 0.5) / BITS;
    }
    assert_true(fabs(balance - rotation.balance) < 2e-3); /* some are all but 0 */
    for (int trial = 0; trial < 20; trial++) {            /* rotated by 20 degrees in a plane */
        size_t a = kin_random_below(&random, BITS), b = (a + 1 + (size_t)trial % (BITS - 1)) % BITS;
        double c = cos(0.35), s = sin(0.35), *row = turned;
        double *other = kin_malloc(COUNT * BITS * sizeof *other);
        memcpy(other, turned, COUNT * BITS * sizeof *other);
        for (size_t i = 0; i < COUNT; i++, row += BITS) {
            other[i * BITS + a] = c * row[a] - s * row[b];
            other[i * BITS + b] = s * row[a] + c * row[b];
        }
        assert_true(sign_loss(other) > lost);
        free(other);
    }
    kin_code_rotation_fini(&rotation);
    free(turned);
    free(codes);
}

static void turns_a_layer(void **state)
{
    (void)state;
    float *codes = make_codes(), parameters[BITS * (INPUTS + 1)], before[BITS * (INPUTS + 1)];
    kin_code_rotation rotation = {0};
    kin_random random = {.state = 6};
    double input[INPUTS];
    learn(codes, 0.25, KIN_ROTATION_RANDOM, &rotation);
    for (size_t i = 0; i < BITS * (INPUTS + 1); i++)
        parameters[i] = before[i] = (float)kin_random_gaussian(&random);
    for (size_t j = 0; j < INPUTS; j++)
        input[j] = kin_random_gaussian(&random);
    kin_code_rotation_apply(&rotation, BITS, INPUTS, parameters);
    for (size_t i = 0; i < BITS; i++) {
        double got = parameters[BITS * INPUTS + i], wanted = 0;
        for (size_t j = 0; j < INPUTS; j++)
            got += parameters[i * INPUTS + j] * input[j];
        for (size_t b = 0; b < BITS; b++) {
            double code = before[BITS * INPUTS + b] - rotation.mean[b];
            for (size_t j = 0; j < INPUTS; j++)
                code += before[b * INPUTS + j] * input[j];
            wanted += rotation.planes[i * BITS + b] * code;
        }
        if (fabs(got - wanted) > 1e-4 * (1 + fabs(wanted))) fail_msg("%g, not %g", got, wanted);
    }
    kin_code_rotation_fini(&rotation);
    free(codes);
}

/* A layer whose numbers are near -1 and 1, but off the middle and of different variance: from its
 * own axes the rotation stays by them; and it stays wherever the loss has no slope, while a random
 * start ends elsewhere. */
static void starts_at_axes(void **state)
{
    (void)state;
    float *codes = kin_malloc(COUNT * BITS * sizeof *codes);
    kin_random random = {.state = 8};
    double least = 1;
    for (size_t i = 0; i < COUNT * BITS; i++) {
        double corner = kin_random_below(&random, 2) == 0 ? -1 : 1;
        codes[i] = (float)(3 + corner * (1 + 0.03 * (double)(i % BITS)) +
                           0.1 * kin_random_gaussian(&random));
    }
    kin_code_rotation rotation = {0}, other = {0};
    learn(codes, 0, KIN_ROTATION_AXES, &rotation);
    learn(codes, 0, KIN_ROTATION_RANDOM, &other);
    for (size_t b = 0; b < BITS; b++)
        least = fmin(least, rotation.planes[b * BITS + b]);
    if (!(least > 0.99)) fail_msg("an axis moved: its cosine is %g", least);
    assert_true(fabs(other.planes[0]) < 0.99);
    kin_code_rotation_fini(&rotation);
    kin_code_rotation_fini(&other);
    free(codes);
}

int main(void)
{
    kin_blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whitens),
        cmocka_unit_test(loses_little),
        cmocka_unit_test(turns_a_layer),
        cmocka_unit_test(starts_at_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
