/* Softmaxes and normalisations against their formulas over all elements that belong together. */
#include <math.h>
#include <string.h>

#include "tests/support/op_random.h"
#include "tests/support/test.h"

/* What a formula needs of the elements that belong together. */
typedef struct summary {
    double most, exponentials, mean, variance, sizes, squares;
} summary;

/* Over the elements of x whose index is that of `at` in all dimensions but `chosen`. */
static summary summarise(const kin_tensor *x, const int64_t *at, uint32_t chosen)
{
    summary s = {.most = -INFINITY};
    int64_t index[KIN_TENSOR_RANK_MAX] = {0}, count = 0;
    do {
        bool together = true;
        for (uint32_t i = 0; i < x->shape.rank; i++)
            together = together && ((chosen >> i & 1) != 0 || index[i] == at[i]);
        if (!together) continue;
        double value = kin_tensor_get(x, op_index_at(&x->shape, index));
        s.most = fmax(s.most, value);
        s.exponentials += exp(value);
        s.mean += value;
        s.sizes += fabs(value);
        s.squares += value * value;
        count++;
    } while (op_index_next(index, x->shape.dims, x->shape.rank));
    s.mean /= (double)count;
    s.variance = s.squares / (double)count - s.mean * s.mean;
    return s;
}

/* Fails unless element o of the output is this. */
static void expect(const op_trial *trial, int64_t o, double expected)
{
    double made = kin_tensor_get(&trial->outputs[0], o);
    if (!(fabs(made - expected) <= 2e-6 * fmax(1, fabs(expected))))
        fail_msg("%s is %.9g, not %.9g", trial->op->name, made, expected);
}

static kin_shape random_shape(kin_random *random, uint32_t rank_min)
{
    kin_shape shape = {.rank = (uint32_t)op_random_between(random, rank_min, 4)};
    for (uint32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = op_random_between(random, 1, 4);
    return shape;
}

/* Dimensions [from, 4) as bits. */
static uint32_t dims_from(uint32_t from)
{
    return 15u >> from << from;
}

static void test_softmaxes(void **state)
{
    (void)state;
    static const char *const ops[] = {"Softmax", "LogSoftmax", "Hardmax"};
    kin_random random = {.state = 1};
    for (int round = 0; round < 600; round++) {
        kin_shape shape = random_shape(&random, 2);
        bool matrix = round % 2 == 0, by_default = round % 5 == 0;
        uint32_t axis = (uint32_t)op_random_between(&random, 0, shape.rank - 1);
        if (by_default) axis = matrix ? 1 : shape.rank - 1;
        op_trial trial;
        op_trial_init(&trial, ops[round % 3], matrix ? 12 : 13);
        if (!by_default)
            op_trial_int(&trial, "axis", round % 4 < 2 ? axis : axis - (int64_t)shape.rank);
        kin_type type = round % 7 == 0 ? KIN_TYPE_DOUBLE : KIN_TYPE_FLOAT;
        const kin_tensor *x = op_random_input(&trial, type, shape, &random);
        op_random_run(&trial, 0);
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, o = 0;
        do {
            summary s = summarise(x, index, matrix ? dims_from(axis) : 1u << axis);
            double value = kin_tensor_get(x, o);
            expect(&trial, o++,
                   round % 3 == 0   ? exp(value) / s.exponentials
                   : round % 3 == 1 ? value - log(s.exponentials)
                                    : value == s.most);
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

/* The first of equal ones; numbers whose exponentials no float holds; dimensions of 0. */
static void test_softmax_corners(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Hardmax", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 3), VALUES(1, 2, 2, -3, -3, -4));
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(2, 3), VALUES(0, 1, 0, 1, 0, 0), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Softmax", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 2), VALUES(1e30, 1e30, -INFINITY, -1e30));
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(2, 2), VALUES(0.5, 0.5, 0, 1), 0);
    op_trial_fini(&trial);
    for (int opset = 11; opset <= 13; opset += 2)
        for (int which = 0; which < 2; which++) {
            op_trial_init(&trial, which == 0 ? "LogSoftmax" : "Hardmax", opset);
            op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 0, 3), NULL);
            op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(2, 0, 3), NULL, 0);
            op_trial_fini(&trial);
        }
}

static void test_lrn(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < 100; round++) {
        kin_shape shape = random_shape(&random, 2);
        shape.dims[1] = op_random_between(&random, 1, 9);
        int size = round % 7 + 1;
        op_trial trial;
        op_trial_init(&trial, "LRN", 13);
        op_trial_int(&trial, "size", size);
        op_trial_float(&trial, "alpha", 0.5f);
        op_trial_float(&trial, "beta", 0.25f);
        op_trial_float(&trial, "bias", 2);
        const kin_tensor *x = op_random_input(&trial, KIN_TYPE_FLOAT, shape, &random);
        op_random_run(&trial, 0);
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, o = 0;
        do {
            int64_t near[KIN_TENSOR_RANK_MAX], from = index[1] - (int64_t)floor((size - 1) / 2.0);
            double sum = 0;
            memcpy(near, index, sizeof near);
            for (int64_t c = from; c < from + size; c++) {
                near[1] = c;
                if (c >= 0 && c < shape.dims[1])
                    sum += pow(kin_tensor_get(x, op_index_at(&shape, near)), 2);
            }
            expect(&trial, o, kin_tensor_get(x, o) / pow(2 + 0.5 / size * sum, 0.25));
            o++;
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

static void test_lp(void **state)
{
    (void)state;
    kin_random random = {.state = 3};
    op_trial trial;
    for (int round = 0; round < 200; round++) {
        kin_shape shape = random_shape(&random, 1);
        uint32_t axis = (uint32_t)op_random_between(&random, 0, shape.rank - 1);
        op_trial_init(&trial, "LpNormalization", 13);
        op_trial_int(&trial, "axis", axis);
        if (round % 2 == 0) op_trial_int(&trial, "p", 1);
        const kin_tensor *x = op_random_input(&trial, KIN_TYPE_FLOAT, shape, &random);
        op_random_run(&trial, 0);
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, o = 0;
        do {
            summary s = summarise(x, index, 1u << axis);
            expect(&trial, o, kin_tensor_get(x, o) / (round % 2 == 0 ? s.sizes : sqrt(s.squares)));
            o++;
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
    op_trial_init(&trial, "LpNormalization", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 2), VALUES(0, 0, 3, 4));
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(2, 2), VALUES(0, 0, 0.6, 0.8), 1e-7);
    op_trial_fini(&trial);
}

/* Adds `count` inputs of a shape; the last is made positive, as variances are. */
static void add_parameters(op_trial *trial, uint32_t count, kin_shape shape, kin_random *random)
{
    for (uint32_t i = 0; i < count; i++)
        op_random_input(trial, KIN_TYPE_FLOAT, shape, random);
    kin_tensor *last = &trial->inputs[trial->input_count - 1];
    for (int64_t i = 0; count == 4 && i < kin_tensor_count(last); i++)
        kin_tensor_set(last, i, 0.1 + fabs(kin_tensor_get(last, i)));
}

static double parameter(const op_trial *trial, uint32_t input, int64_t i)
{
    return kin_tensor_get(&trial->inputs[input], i);
}

static void test_batch(void **state)
{
    (void)state;
    static const int64_t opsets[] = {6, 7, 8, 9, 13, 14, 15};
    kin_random random = {.state = 4};
    for (int round = 0; round < 350; round++) {
        int64_t opset = opsets[round % 7];
        bool spatial = opset >= 9 || round % 2 == 0, training = opset >= 14 && round % 3 == 0;
        kin_shape shape = random_shape(&random, 1), parameters = {.rank = 1, .dims = {1}};
        if (shape.rank > 1) parameters.dims[0] = shape.dims[1];
        if (!spatial && shape.rank > 1) {
            parameters.rank = shape.rank - 1;
            memcpy(parameters.dims, shape.dims + 1, parameters.rank * sizeof *shape.dims);
        }
        op_trial trial;
        op_trial_init(&trial, "BatchNormalization", opset);
        op_trial_float(&trial, "epsilon", 0.01f);
        if (opset == 6) op_trial_int(&trial, "is_test", 1);
        if (opset < 9) op_trial_int(&trial, "spatial", spatial);
        if (opset >= 14) op_trial_int(&trial, "training_mode", training);
        if (training) trial.output_count = 3;
        const kin_tensor *x = op_random_input(&trial, KIN_TYPE_FLOAT, shape, &random);
        add_parameters(&trial, 4, parameters, &random);
        op_random_run(&trial, 0);
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, o = 0;
        do {
            int64_t p = shape.rank == 1 ? 0
                        : spatial       ? index[1]
                                        : op_index_at(&parameters, index + 1);
            double mean = parameter(&trial, 3, p), variance = parameter(&trial, 4, p);
            if (training) {
                summary s = summarise(x, index, 15 & ~2u);
                double means = kin_tensor_get(&trial.outputs[1], p);
                double variances = kin_tensor_get(&trial.outputs[2], p);
                assert_true(fabs(means - (0.9 * mean + 0.1 * s.mean)) < 1e-6);
                assert_true(fabs(variances - (0.9 * variance + 0.1 * s.variance)) < 1e-6);
                mean = s.mean;
                variance = s.variance;
            }
            expect(&trial, o,
                   (kin_tensor_get(x, o) - mean) / sqrt(variance + 0.01f) *
                           parameter(&trial, 1, p) +
                       parameter(&trial, 2, p));
            o++;
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

static void test_instance_and_mean_variance(void **state)
{
    (void)state;
    kin_random random = {.state = 5};
    for (int round = 0; round < 200; round++) {
        kin_shape shape = random_shape(&random, 4);
        bool instance = round % 2 == 0;
        uint32_t chosen = instance || round % 3 == 0 ? 12 : 13;
        static const int64_t axes[] = {-1, 2};
        op_trial trial;
        op_trial_init(&trial, instance ? "InstanceNormalization" : "MeanVarianceNormalization", 13);
        if (!instance && chosen == 12) op_random_ints(&trial, "axes", 2, axes);
        shape.dims[2] = 4; /* one element alone has no variance to divide by */
        const kin_tensor *x = op_random_input(&trial, KIN_TYPE_FLOAT, shape, &random);
        if (instance) add_parameters(&trial, 2, SHAPE((int)shape.dims[1]), &random);
        op_random_run(&trial, 0);
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, o = 0;
        do {
            summary s = summarise(x, index, chosen);
            double value = kin_tensor_get(x, o) - s.mean;
            expect(&trial, o++,
                   instance ? value / sqrt(s.variance + 1e-5) * parameter(&trial, 1, index[1]) +
                                  parameter(&trial, 2, index[1])
                            : value / sqrt(s.variance));
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

static void test_layer(void **state)
{
    (void)state;
    kin_random random = {.state = 6};
    for (int round = 0; round < 200; round++) {
        kin_shape shape = random_shape(&random, 1), parameters = {.rank = 0}, outer;
        uint32_t axis = (uint32_t)op_random_between(&random, 0, shape.rank - 1);
        bool bias = round % 2 == 0;
        op_trial trial;
        op_trial_init(&trial, "LayerNormalization", 17);
        trial.output_count = 1 + (uint32_t)round % 3;
        if (axis + 1 < shape.rank || round % 5 == 0)
            op_trial_int(&trial, "axis", round % 4 < 2 ? axis : axis - (int64_t)shape.rank);
        op_trial_float(&trial, "epsilon", 0.05f);
        parameters.rank = shape.rank - axis;
        memcpy(parameters.dims, shape.dims + axis, parameters.rank * sizeof *shape.dims);
        const kin_tensor *x = op_random_input(&trial, KIN_TYPE_FLOAT, shape, &random);
        add_parameters(&trial, bias ? 2 : 1, parameters, &random);
        op_random_run(&trial, 0);
        outer = shape;
        for (uint32_t i = axis; i < shape.rank; i++)
            outer.dims[i] = 1;
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, o = 0;
        do {
            summary s = summarise(x, index, dims_from(axis));
            int64_t p = op_index_at(&parameters, index + axis), set = 0;
            double inverse = 1 / sqrt(s.variance + 0.05f);
            for (uint32_t i = 0; i < axis; i++)
                set = set * shape.dims[i] + index[i];
            expect(&trial, o,
                   (kin_tensor_get(x, o) - s.mean) * inverse * parameter(&trial, 1, p) +
                       (bias ? parameter(&trial, 2, p) : 0));
            o++;
            for (uint32_t i = 1; i < trial.output_count; i++) {
                assert_true(kin_shape_equal(&trial.outputs[i].shape, &outer));
                double made = kin_tensor_get(&trial.outputs[i], set);
                assert_true(fabs(made - (i == 1 ? s.mean : inverse)) < 1e-5);
            }
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

/* One attribute, and the shapes of up to 5 inputs; a dimension of -1 ends a shape. */
typedef struct refusal {
    const char *op;
    int64_t opset;
    const char *attribute;
    int64_t value;
    uint32_t outputs;
    int shapes[5][4];
} refusal;

#define BATCH(x0, x1, p)                            \
    {                                               \
        {x0, x1, 3, -1}, {p, -1}, {p, -1}, {p, -1}, \
        {                                           \
            p, -1                                   \
        }                                           \
    }
#define ALONE                         \
    {                                 \
        {2, 3, -1}, {-2}, {-2}, {-2}, \
        {                             \
            -2                        \
        }                             \
    }

static const refusal refusals[] = {
    {"Softmax", 13, "axis", 2, 1, ALONE},
    {"Softmax", 13, "axis", INT64_MIN, 1, ALONE},
    {"Softmax", 13, "axes", 1, 1, ALONE},
    {"Softmax", 11, "axis", -3, 1, ALONE},
    {"Hardmax", 13, "axis", INT64_MAX, 1, ALONE},
    {"LpNormalization", 13, "axis", 2, 1, ALONE},
    {"LpNormalization", 13, "p", 0, 1, ALONE},
    {"LpNormalization", 13, "p", 3, 1, ALONE},
    {"LRN", 13, "size", 0, 1, ALONE},
    {"LRN", 13, "size", (int64_t)1 << 62, 1, ALONE},
    {"LRN", 13, NULL, 0, 1, ALONE},
    {"MeanVarianceNormalization", 13, NULL, 0, 1, ALONE},
    {"BatchNormalization", 15, NULL, 0, 1, BATCH(2, 4, 3)},
    {"BatchNormalization", 15, NULL, 0, 2, BATCH(2, 3, 3)},
    {"BatchNormalization", 15, "training_mode", 1, 3, BATCH(2, 4, 3)},
    {"BatchNormalization", 15, "spatial", 1, 1, BATCH(2, 3, 3)},
    {"BatchNormalization", 9, NULL, 0, 3, BATCH(2, 3, 3)},
    {"BatchNormalization", 7, "spatial", 0, 1, BATCH(2, 3, 3)},
    {"InstanceNormalization", 13, NULL, 0, 1, {{2, 3, 4, -1}, {4, -1}, {3, -1}, {-2}, {-2}}},
    {"InstanceNormalization", 13, NULL, 0, 1, {{3, -1}, {3, -1}, {3, -1}, {-2}, {-2}}},
    {"LayerNormalization", 17, NULL, 0, 1, {{2, 3, -1}, {2, -1}, {-2}, {-2}, {-2}}},
    {"LayerNormalization", 17, NULL, 0, 1, {{2, 3, -1}, {3, -1}, {2, -1}, {-2}, {-2}}},
    {"LayerNormalization", 17, "axis", -3, 1, {{2, 3, -1}, {3, -1}, {-2}, {-2}, {-2}}},
    {"LayerNormalization", 17, "stash_type", 16, 1, {{2, 3, -1}, {3, -1}, {-2}, {-2}, {-2}}},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        op_trial trial;
        op_trial_init(&trial, r->op, r->opset);
        trial.output_count = r->outputs;
        if (r->attribute != NULL) op_trial_int(&trial, r->attribute, r->value);
        for (uint32_t s = 0; s < 5 && r->shapes[s][0] >= 0; s++) {
            uint32_t rank = 0;
            while (r->shapes[s][rank] >= 0)
                rank++;
            op_trial_input(&trial, KIN_TYPE_FLOAT, op_trial_shape(r->shapes[s], rank), NULL);
        }
        op_random_refused(&trial, 0);
        op_trial_fini(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmaxes), cmocka_unit_test(test_softmax_corners),
        cmocka_unit_test(test_lrn),       cmocka_unit_test(test_lp),
        cmocka_unit_test(test_batch),     cmocka_unit_test(test_instance_and_mean_variance),
        cmocka_unit_test(test_layer),     cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
