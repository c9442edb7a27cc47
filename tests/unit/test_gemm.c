/* Products on packed panels, by every instruction set of the machine, against sums in doubles. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/kernel_levels.h"
#include "tests/support/test.h"

#define GUARD 12345.0f
#define KINDS 10

static float *random_floats(kin_random *random, size_t count)
{
    float *values = kin_malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(kin_random_unit(random) * 2 - 1);
    return values;
}

static double activated(const kin_activation *activation, double x)
{
    switch (activation->kind) {
    case KIN_ACTIVATION_RELU:
        return x > 0 ? x : 0;
    case KIN_ACTIVATION_CLIP:
        return fmin(activation->high, fmax(activation->low, x));
    case KIN_ACTIVATION_LEAKY:
        return x < 0 ? activation->low * x : x;
    case KIN_ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-x));
    case KIN_ACTIVATION_SILU:
        return x / (1 + exp(-x));
    case KIN_ACTIVATION_HARD_SIGMOID:
        return fmin(1, fmax(0, activation->low * x + activation->high));
    case KIN_ACTIVATION_HARD_SWISH:
        return x * fmin(1, fmax(0, x / 6 + 0.5));
    case KIN_ACTIVATION_GELU:
        return x * 0.5 * erfc(-x / sqrt(2));
    case KIN_ACTIVATION_TANH:
        return tanh(x);
    default:
        return x;
    }
}

static kin_activation random_activation(kin_random *random)
{
    return (kin_activation){(kin_activation_kind)kin_random_below(random, KINDS), 0.15f, 0.6f};
}

/* A product with strides, and what it should give. */
typedef struct product_case {
    size_t rows, depth, columns, a_stride, c_stride, sum_stride, k_stride, j_stride;
    float *a, *b, *bias, *sum;
    bool has_bias, has_sum;
    kin_activation activation;
    double *expected, *magnitude; /* [rows][columns]; the sum of absolute products */
} product_case;

static product_case make_case(kin_random *random, size_t rows, size_t depth, size_t columns)
{
    product_case test = {.rows = rows, .depth = depth, .columns = columns};
    bool transposed = kin_random_below(random, 2) == 0;
    test.a_stride = depth + kin_random_below(random, 3);
    /* Rows a page apart take smaller tiles. */
    if (kin_random_below(random, 10) == 0) test.a_stride = (depth + 1023) / 1024 * 1024;
    test.c_stride = columns + kin_random_below(random, 3);
    test.sum_stride = columns + kin_random_below(random, 3);
    test.k_stride = transposed ? 1 : columns + kin_random_below(random, 3);
    test.j_stride = transposed ? depth + kin_random_below(random, 3) : 1;
    test.a = random_floats(random, rows * test.a_stride);
    test.b = random_floats(random, depth * test.k_stride + columns * test.j_stride);
    test.bias = random_floats(random, columns);
    test.sum = random_floats(random, rows * test.sum_stride);
    test.has_bias = kin_random_below(random, 2) == 0;
    test.has_sum = kin_random_below(random, 2) == 0;
    test.activation = random_activation(random);
    test.expected = kin_calloc(rows * columns, sizeof *test.expected);
    test.magnitude = kin_calloc(rows * columns, sizeof *test.magnitude);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double x = 0, size = 1;
            for (size_t k = 0; k < depth; k++) {
                double term = (double)test.a[i * test.a_stride + k] *
                              test.b[k * test.k_stride + j * test.j_stride];
                x += term;
                size += fabs(term);
            }
            if (test.has_bias) x += test.bias[j];
            if (test.has_sum) x += test.sum[i * test.sum_stride + j];
            test.expected[i * columns + j] = activated(&test.activation, x);
            test.magnitude[i * columns + j] = size;
        }
    return test;
}

static void free_case(product_case *test)
{
    free(test->a);
    free(test->b);
    free(test->bias);
    free(test->sum);
    free(test->expected);
    free(test->magnitude);
}

/* c [rows][c_stride] of rows [first, first + rows), guarded behind each row. */
static float *run_case(const product_case *test, const kin_kernels *kernels, size_t first,
                       size_t rows)
{
    size_t c_floats = rows * test->c_stride;
    float *c = kin_malloc((c_floats + 1) * sizeof *c);
    for (size_t i = 0; i <= c_floats; i++)
        c[i] = GUARD;
    kin_packed *packed =
        kin_packed_new_for(kernels, test->depth, test->columns, test->b, test->k_stride,
                           test->j_stride, test->has_bias ? test->bias : NULL);
    kin_gemm(packed, test->a + first * test->a_stride, test->a_stride, rows, c, test->c_stride,
             test->has_sum ? test->sum + first * test->sum_stride : NULL, test->sum_stride,
             &test->activation);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = test->columns; j < test->c_stride; j++)
            assert_true(c[i * test->c_stride + j] == GUARD);
    assert_true(c[c_floats] == GUARD);
    kin_packed_destroy(&packed);
    return c;
}

static void check_case(const product_case *test, const float *c, const char *level)
{
    for (size_t i = 0; i < test->rows; i++)
        for (size_t j = 0; j < test->columns; j++) {
            double got = c[i * test->c_stride + j], wanted = test->expected[i * test->columns + j];
            if (fabs(got - wanted) <= 1e-6 * test->magnitude[i * test->columns + j]) continue;
            fail_msg("%s: rows %zu depth %zu columns %zu activation %d: [%zu][%zu] is %.9g, not "
                     "%.9g",
                     level, test->rows, test->depth, test->columns, test->activation.kind, i, j,
                     got, wanted);
        }
}

static bool same_rows(const product_case *test, const float *a, const float *b, size_t rows)
{
    return memcmp(a, b, rows * test->c_stride * sizeof *a) == 0;
}

/* Against doubles; AVX2 and AVX-512 the same bits; every row the same bits when it is alone. */
static void products_agree(void **state)
{
    (void)state;
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels);
    kin_random random = {.state = 1};
    for (int round = 0; round < 600; round++) {
        size_t depth = kin_random_below(&random, round % 20 == 0 ? 3000 : 90);
        product_case test = make_case(&random, 1 + kin_random_below(&random, 40), depth,
                                      1 + kin_random_below(&random, 100));
        float *results[KIN_CPU_LEVELS];
        for (size_t l = 0; l < level_count; l++) {
            results[l] = run_case(&test, levels[l], 0, test.rows);
            check_case(&test, results[l], levels[l]->name);
            size_t row = kin_random_below(&random, test.rows);
            float *alone = run_case(&test, levels[l], row, 1);
            assert_true(same_rows(&test, alone, results[l] + row * test.c_stride, 1));
            free(alone);
        }
        if (level_count == 3) assert_true(same_rows(&test, results[1], results[2], test.rows));
        for (size_t l = 0; l < level_count; l++)
            free(results[l]);
        free_case(&test);
    }
}

/* c may be sum, and the rows may be more than a chunk. */
static void products_in_place(void **state)
{
    (void)state;
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels);
    kin_random random = {.state = 2};
    for (int round = 0; round < 6; round++) {
        product_case test = make_case(&random, 500, 300, 1 + kin_random_below(&random, 220));
        test.sum_stride = test.c_stride;
        free(test.sum);
        test.sum = random_floats(&random, test.rows * test.sum_stride);
        test.has_sum = true;
        for (size_t l = 0; l < level_count; l++) {
            float *wanted = run_case(&test, levels[l], 0, test.rows);
            size_t floats = test.rows * test.c_stride;
            float *c = kin_malloc(floats * sizeof *c);
            memcpy(c, test.sum, floats * sizeof *c);
            kin_packed *packed =
                kin_packed_new_for(levels[l], test.depth, test.columns, test.b, test.k_stride,
                                   test.j_stride, test.has_bias ? test.bias : NULL);
            assert_true(kin_packed_bytes(packed) >= test.depth * test.columns * sizeof *c);
            kin_gemm(packed, test.a, test.a_stride, test.rows, c, test.c_stride, c, test.c_stride,
                     &test.activation);
            for (size_t i = 0; i < test.rows; i++)
                assert_memory_equal(c + i * test.c_stride, wanted + i * test.c_stride,
                                    test.columns * sizeof *c);
            kin_packed_destroy(&packed);
            free(c);
            free(wanted);
        }
        free_case(&test);
    }
}

/* b packed in scratch gives what b packed before gives. */
static void unpacked_is_packed(void **state)
{
    (void)state;
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels);
    kin_random random = {.state = 3};
    for (int round = 0; round < 200; round++) {
        product_case test =
            make_case(&random, 1 + kin_random_below(&random, 40), kin_random_below(&random, 90),
                      1 + kin_random_below(&random, 100));
        test.has_bias = test.has_sum = false;
        test.activation.kind = KIN_ACTIVATION_NONE;
        for (size_t l = 0; l < level_count; l++) {
            float *wanted = run_case(&test, levels[l], 0, test.rows);
            float *c = kin_malloc(test.rows * test.c_stride * sizeof *c);
            size_t bytes = kin_gemm_scratch_bytes_for(levels[l], test.depth, test.columns);
            void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
            kin_gemm_unpacked_for(levels[l], test.a, test.a_stride, test.rows, test.depth, test.b,
                                  test.k_stride, test.j_stride, test.columns, c, test.c_stride,
                                  scratch);
            for (size_t i = 0; i < test.rows; i++)
                assert_memory_equal(c + i * test.c_stride, wanted + i * test.c_stride,
                                    test.columns * sizeof *c);
            free(scratch);
            free(c);
            free(wanted);
        }
        free_case(&test);
    }
}

/* Relative errors over the range where the result is a normal number. */
static void activations_are_exact(void **state)
{
    (void)state;
    enum { COUNT = 20001 };
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels);
    float *results[KIN_CPU_LEVELS];
    for (int kind = 0; kind < KINDS; kind++) {
        kin_activation activation = {(kin_activation_kind)kind, 0.25f, 0.5f};
        double range = kind == KIN_ACTIVATION_GELU ? 6 : 80;
        for (size_t l = 0; l < level_count; l++) {
            double worst = 0;
            results[l] = kin_malloc(COUNT * sizeof(float));
            for (int i = 0; i < COUNT; i++)
                results[l][i] = (float)((i - COUNT / 2) * (range / (COUNT / 2)));
            levels[l]->activate(&activation, results[l], COUNT);
            for (int i = 0; i < COUNT; i++) {
                double x = (float)((i - COUNT / 2) * (range / (COUNT / 2)));
                double wanted = activated(&activation, x), got = results[l][i];
                /* The sum in a hard swish ends in a difference of numbers near 1/2. */
                double unit = kind == KIN_ACTIVATION_HARD_SWISH ? fabs(x) : fabs(wanted);
                double error = fabs(got - wanted) / (unit != 0 ? unit : 1);
                if (error > worst) worst = error;
            }
            print_message("%s, activation %d: %.2g\n", levels[l]->name, kind, worst);
            assert_true(worst <= 1e-6);
        }
        if (level_count == 3) assert_memory_equal(results[1], results[2], COUNT * sizeof(float));
        for (size_t l = 0; l < level_count; l++)
            free(results[l]);
    }
}

/* What is no number stays none, infinities end where they should, rows keep what lies between. */
static void activations_at_the_ends(void **state)
{
    (void)state;
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels);
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t l = 0; l < level_count; l++) {
            kin_activation activation = {(kin_activation_kind)kind, 0.25f, 0.5f};
            float values[4] = {NAN, INFINITY, 1, GUARD};
            kin_kernels_activate(levels[l], &activation, values, 1, 3, 4);
            assert_true(isnan(values[0]));
            assert_true(values[1] == (float)activated(&activation, INFINITY));
            assert_true(fabs(values[2] - activated(&activation, 1)) < 1e-6);
            assert_true(values[3] == GUARD);
        }
}

/* What a row should give: a softmax, or with scale a normalisation. */
static double row_expected(const float *x, size_t count, size_t i, const float *scale,
                           const float *shift)
{
    double sum = 0, squares = 0, exponentials = 0, largest = x[0];
    for (size_t j = 0; j < count; j++)
        largest = fmax(largest, x[j]);
    for (size_t j = 0; j < count; j++) {
        sum += x[j];
        exponentials += exp(x[j] - largest);
    }
    if (scale == NULL) return exp(x[i] - largest) / exponentials;
    double mean = sum / (double)count;
    for (size_t j = 0; j < count; j++)
        squares += (x[j] - mean) * (x[j] - mean);
    return (x[i] - mean) / sqrt(squares / (double)count + 0.001f) * scale[i] +
           (shift == NULL ? 0 : shift[i]);
}

/* Rows of every length up to three vectors and a rest, and a long one. */
static void rows_are_normalised(void **state)
{
    (void)state;
    enum { LONG = 1003 };
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels);
    kin_random random = {.state = 9};
    for (size_t count = 1; count <= LONG; count += count < 53 ? 1 : 475) {
        float *x = random_floats(&random, count), *scale = random_floats(&random, count);
        float *shift = count % 2 == 0 ? random_floats(&random, count) : NULL;
        float results[2][KIN_CPU_LEVELS][LONG + 1];
        for (size_t i = 0; i < count; i++)
            x[i] = x[i] * 20 + 5;
        for (size_t l = 0; l < level_count; l++) {
            float *soft = results[0][l], *normal = results[1][l];
            soft[count] = normal[count] = GUARD;
            levels[l]->softmax(x, soft, count);
            levels[l]->norm(&(kin_norm_row){x, scale, shift, count, 0.001f, normal});
            assert_true(soft[count] == GUARD && normal[count] == GUARD);
            for (size_t i = 0; i < count; i++) {
                double wanted = row_expected(x, count, i, NULL, NULL);
                /* The distance to the largest is rounded, by up to 40 x 2^-24. */
                assert_true(fabs(soft[i] - wanted) <= 5e-6 * wanted + 1e-30);
                assert_true(fabs(normal[i] - row_expected(x, count, i, scale, shift)) <= 2e-6);
            }
        }
        for (size_t k = 0; k < 2 && level_count == 3; k++)
            assert_memory_equal(results[k][1], results[k][2], count * sizeof(float));
        free(x);
        free(scale);
        free(shift);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_agree),          cmocka_unit_test(products_in_place),
        cmocka_unit_test(unpacked_is_packed),      cmocka_unit_test(activations_are_exact),
        cmocka_unit_test(activations_at_the_ends), cmocka_unit_test(rows_are_normalised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
