/* Reductions and operators along an axis, against what follows from going through all indices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "tests/support/op_random.h"
#include "tests/support/test.h"

static const char *const reductions[] = {
    "ReduceL1",   "ReduceL2",  "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd",   "ReduceSum",       "ReduceSumSquare"};
#define REDUCTIONS (sizeof reductions / sizeof *reductions)

static kin_shape random_shape(kin_random *random, uint32_t rank_min, int64_t low)
{
    kin_shape shape = {.rank = (uint32_t)op_random_between(random, rank_min, 4)};
    for (uint32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = op_random_between(random, low, 4);
    return shape;
}

static bool is(const char *op, const char *what)
{
    return strcmp(op + strlen("Reduce"), what) == 0;
}

/* The reduction of values [count], 1 or more of them, as a formula. */
static double reduced(const char *op, const double *values, int64_t count)
{
    double sum = 0, sizes = 0, squares = 0, exponentials = 0, product = 1;
    double most = values[0], least = values[0];
    for (int64_t i = 0; i < count; i++) {
        sum += values[i];
        sizes += fabs(values[i]);
        squares += values[i] * values[i];
        exponentials += exp(values[i]);
        product *= values[i];
        most = fmax(most, values[i]);
        least = fmin(least, values[i]);
    }
    return is(op, "L1")          ? sizes
           : is(op, "L2")        ? sqrt(squares)
           : is(op, "LogSum")    ? log(sum)
           : is(op, "LogSumExp") ? log(exponentials)
           : is(op, "Max")       ? most
           : is(op, "Mean")      ? sum / (double)count
           : is(op, "Min")       ? least
           : is(op, "Prod")      ? product
           : is(op, "Sum")       ? sum
                                 : squares;
}

/* Checks the output against all values of the input that have the same index but for `chosen`. */
static void check_reduction(const op_trial *trial, uint32_t chosen, bool keep)
{
    const kin_tensor *x = &trial->inputs[0], *y = &trial->outputs[0];
    kin_shape shape = {.rank = 0};
    for (uint32_t i = 0; i < x->shape.rank; i++)
        if (keep || (chosen >> i & 1) == 0)
            shape.dims[shape.rank++] = (chosen >> i & 1) != 0 ? 1 : x->shape.dims[i];
    assert_true(kin_shape_equal(&y->shape, &shape));
    assert_int_equal(y->type, x->type);
    int64_t count = kin_tensor_count(x), results = kin_tensor_count(y);
    double *values = kin_malloc((size_t)count * sizeof *values);
    for (int64_t o = 0; o < results; o++) {
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, found = 0;
        do {
            int64_t to = 0;
            for (uint32_t i = 0; i < x->shape.rank; i++)
                if ((chosen >> i & 1) == 0) to = to * x->shape.dims[i] + index[i];
            if (to == o) values[found++] = kin_tensor_get(x, op_index_at(&x->shape, index));
        } while (op_index_next(index, x->shape.dims, x->shape.rank));
        double expected = reduced(trial->op->name, values, found), made = kin_tensor_get(y, o);
        bool whole = x->type == KIN_TYPE_INT32 || x->type == KIN_TYPE_INT64;
        /* The logarithm of nothing is no integer; products wrap. */
        if (whole && !(fabs(expected) < (x->type == KIN_TYPE_INT32 ? 0x1p31 : 0x1p53))) continue;
        double tolerance = whole ? 1 - 1e-9 : 1e-6 * fmax(1, fabs(expected));
        if (whole && !is(trial->op->name, "LogSumExp")) expected = trunc(expected), tolerance = 0;
        if (!(fabs(made - expected) <= tolerance) && !(isnan(made) && isnan(expected)) &&
            made != expected)
            fail_msg("%s is %.17g, not %.17g", trial->op->name, made, expected);
    }
    free(values);
}

static void test_reductions(void **state)
{
    (void)state;
    static const kin_type types[] = {KIN_TYPE_FLOAT, KIN_TYPE_DOUBLE, KIN_TYPE_INT32,
                                     KIN_TYPE_INT64};
    kin_random random = {.state = 1};
    for (int round = 0; round < 2000; round++) {
        kin_shape shape = random_shape(&random, 0, 1);
        uint32_t chosen = (uint32_t)op_random_between(&random, 0, (1 << shape.rank) - 1);
        bool keep = round % 3 > 0, sum = round % REDUCTIONS == 8;
        int64_t axes[4];
        uint32_t count = 0;
        op_trial trial;
        op_trial_init(&trial, reductions[(size_t)round % REDUCTIONS], round % 4 < 2 ? 12 : 13);
        for (uint32_t i = shape.rank; i-- > 0;) /* in whatever order, from either end */
            if ((chosen >> i & 1) != 0)
                axes[count++] = round % 2 != 0 ? (int64_t)i - shape.rank : (int64_t)i;
        op_random_input(&trial, types[round / 7 % 4], shape, &random);
        op_trial_int(&trial, "keepdims", keep);
        if (sum && trial.node->opset >= 13) {
            kin_tensor *input = op_trial_input(&trial, KIN_TYPE_INT64, SHAPE((int)count), NULL);
            memcpy(input->data, axes, count * sizeof *axes);
        } else if (count > 0) {
            op_random_ints(&trial, "axes", count, axes);
        }
        op_random_run(&trial, 1u << 1);
        check_reduction(&trial, count > 0 ? chosen : (1u << shape.rank) - 1, keep);
        op_trial_fini(&trial);
    }
}

/* noop_with_empty_axes: nothing is reduced; without it everything is. */
static void test_empty_axes(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        op_trial trial;
        op_trial_init(&trial, "ReduceSum", 13);
        op_trial_int(&trial, "noop_with_empty_axes", what % 2);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 2), VALUES(1, 2, 3, 4));
        if (what < 2) op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(0), NULL);
        if (what % 2 != 0)
            op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(2, 2), VALUES(1, 2, 3, 4), 0);
        else
            op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(1, 1), VALUES(10), 0);
        op_trial_fini(&trial);
    }
}

/* Reductions of no elements, and results without elements. */
static void test_dims_of_zero(void **state)
{
    (void)state;
    static const double reals[REDUCTIONS] = {0,   0,        -INFINITY, -INFINITY, -INFINITY,
                                             NAN, INFINITY, 1,         0,         0};
    static const double integers[REDUCTIONS] = {0, 0,         INT32_MIN, INT32_MIN, INT32_MIN,
                                                0, INT32_MAX, 1,         0,         0};
    static const int64_t first[] = {0}, second[] = {1};
    for (size_t i = 0; i < REDUCTIONS; i++)
        for (int whole = 0; whole < 2; whole++) {
            kin_type type = whole ? KIN_TYPE_INT32 : KIN_TYPE_FLOAT;
            const double *all = whole ? integers : reals;
            op_trial trial;
            op_trial_init(&trial, reductions[i], 11);
            op_random_ints(&trial, "axes", 1, first);
            op_trial_input(&trial, type, SHAPE(0, 2), NULL);
            op_trial_expect(&trial, 0, type, SHAPE(1, 2), VALUES(all[i], all[i]), 0);
            op_trial_fini(&trial);
            op_trial_init(&trial, reductions[i], 11);
            op_random_ints(&trial, "axes", 1, second);
            op_trial_input(&trial, type, SHAPE(0, 2), NULL);
            op_trial_expect(&trial, 0, type, SHAPE(0, 1), NULL, 0);
            op_trial_fini(&trial);
        }
}

/* Integers are not rounded to doubles, and exponentials do not leave the range of floats. */
static void test_exact(void **state)
{
    (void)state;
    static const char *const ops[] = {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd",
                                      "ReduceMean"};
    static const int64_t expected[] = {INT64_MAX, INT64_MAX - 1, -3,
                                       INT64_MIN + 2 /* (2^63 - 1)(2^63 - 2) */, -1};
    for (size_t i = 0; i < 5; i++) {
        op_trial trial;
        op_trial_init(&trial, ops[i], 11);
        int64_t *x = op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(2), NULL)->data;
        x[0] = INT64_MAX;
        x[1] = INT64_MAX - 1;
        op_random_run(&trial, 0);
        assert_true(*(const int64_t *)trial.outputs[0].data == expected[i]);
        op_trial_fini(&trial);
    }
    op_trial trial;
    op_trial_init(&trial, "ReduceLogSumExp", 11);
    op_trial_input(&trial, KIN_TYPE_DOUBLE, SHAPE(3), VALUES(2000, -2000, 2000));
    op_trial_expect(&trial, 0, KIN_TYPE_DOUBLE, SHAPE(1), VALUES(2000 + log(2)), 1e-9);
    op_trial_fini(&trial);
}

/* --- Along an axis --------------------------------------------------------------------------- */

/* The value at an index, of which that of the axis is replaced. */
static double along(const kin_tensor *x, const int64_t *index, uint32_t axis, int64_t i)
{
    int64_t moved[KIN_TENSOR_RANK_MAX];
    memcpy(moved, index, sizeof moved);
    moved[axis] = i;
    return kin_tensor_get(x, op_index_at(&x->shape, moved));
}

static kin_type type_of(int round)
{
    static const kin_type types[] = {KIN_TYPE_FLOAT, KIN_TYPE_INT64, KIN_TYPE_INT32};
    return types[round % 3];
}

static void test_arg(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < 600; round++) {
        kin_shape shape = random_shape(&random, 1, 1);
        uint32_t axis = (uint32_t)op_random_between(&random, 0, shape.rank - 1);
        int last = round / 2 % 2, keep = round / 4 % 2;
        double sign = round % 2 == 0 ? 1 : -1;
        op_trial trial;
        op_trial_init(&trial, sign > 0 ? "ArgMax" : "ArgMin", 13);
        op_trial_int(&trial, "axis", round % 8 < 4 ? axis : (int64_t)axis - shape.rank);
        op_trial_int(&trial, "keepdims", keep);
        op_trial_int(&trial, "select_last_index", last);
        const kin_tensor *x = op_random_input(&trial, type_of(round), shape, &random);
        op_random_run(&trial, 0);
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, outer[KIN_TENSOR_RANK_MAX];
        assert_int_equal(trial.outputs[0].shape.rank, shape.rank - (keep ? 0 : 1));
        do {
            int64_t best = 0, to = 0;
            for (int64_t i = 0; i < shape.dims[axis]; i++) {
                double value = sign * along(x, index, axis, i);
                double most = sign * along(x, index, axis, best);
                if (value > most || (last != 0 && value == most)) best = i;
            }
            memcpy(outer, index, sizeof outer);
            for (uint32_t i = 0; i < shape.rank; i++)
                if (i != axis) to = to * shape.dims[i] + outer[i];
            assert_int_equal(((const int64_t *)trial.outputs[0].data)[to], best);
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

static void test_cum_sum(void **state)
{
    (void)state;
    kin_random random = {.state = 3};
    for (int round = 0; round < 400; round++) {
        kin_shape shape = random_shape(&random, 1, 1);
        uint32_t axis = (uint32_t)op_random_between(&random, 0, shape.rank - 1);
        int exclusive = round / 2 % 2, reverse = round / 4 % 2;
        op_trial trial;
        op_trial_init(&trial, "CumSum", 14);
        op_trial_int(&trial, "exclusive", exclusive);
        op_trial_int(&trial, "reverse", reverse);
        const kin_tensor *x = op_random_input(&trial, type_of(round), shape, &random);
        op_trial_input(&trial, round % 2 != 0 ? KIN_TYPE_INT32 : KIN_TYPE_INT64,
                       round % 5 == 0 ? SHAPE(1) : SCALAR,
                       VALUES(round % 8 < 4 ? axis : (double)axis - shape.rank));
        op_random_run(&trial, 1u << 1);
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &shape));
        int64_t index[KIN_TENSOR_RANK_MAX] = {0}, o = 0;
        do {
            double sum = 0;
            for (int64_t i = 0; i < shape.dims[axis]; i++) {
                bool before = reverse ? i > index[axis] : i < index[axis];
                if (before || (i == index[axis] && !exclusive)) sum += along(x, index, axis, i);
            }
            assert_true(fabs(kin_tensor_get(&trial.outputs[0], o++) - sum) <= 1e-6);
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

/* Whether element i of a line comes before element j. */
static bool before(double sign, double value_i, int64_t i, double value_j, int64_t j)
{
    return sign * value_i > sign * value_j || (value_i == value_j && i < j);
}

static void test_top_k(void **state)
{
    (void)state;
    kin_random random = {.state = 4};
    for (int round = 0; round < 600; round++) {
        kin_shape shape = random_shape(&random, 1, 1);
        uint32_t axis = (uint32_t)op_random_between(&random, 0, shape.rank - 1);
        shape.dims[axis] = op_random_between(&random, 1, 20);
        int64_t k = op_random_between(&random, 0, shape.dims[axis]), opset = 9 + round % 3;
        double sign = opset == 11 && round % 2 != 0 ? -1 : 1;
        op_trial trial;
        op_trial_init(&trial, "TopK", opset);
        trial.output_count = 2;
        if (axis + 1 < shape.rank || round % 5 == 0) op_trial_int(&trial, "axis", axis);
        if (opset == 11) op_trial_int(&trial, "largest", sign > 0);
        const kin_tensor *x = op_random_input(&trial, type_of(round / 2), shape, &random);
        if (opset == 9)
            op_trial_int(&trial, "k", k);
        else
            op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(1), VALUES((double)k));
        op_random_run(&trial, 1u << 1);
        kin_shape made = shape;
        made.dims[axis] = k;
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &made));
        assert_true(kin_shape_equal(&trial.outputs[1].shape, &made));
        int64_t index[KIN_TENSOR_RANK_MAX] = {0};
        do {
            double value = along(x, index, axis, index[axis]);
            int64_t place[KIN_TENSOR_RANK_MAX];
            memcpy(place, index, sizeof place);
            place[axis] = 0;
            for (int64_t i = 0; i < shape.dims[axis]; i++)
                place[axis] += before(sign, along(x, index, axis, i), i, value, index[axis]);
            if (place[axis] >= k) continue;
            int64_t o = op_index_at(&made, place);
            assert_true(kin_tensor_get(&trial.outputs[0], o) == value);
            assert_int_equal(((const int64_t *)trial.outputs[1].data)[o], index[axis]);
        } while (op_index_next(index, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

/* --- What is refused ------------------------------------------------------------------------- */

static void test_hostile_axes(void **state)
{
    (void)state;
    static const int64_t axes[][2] = {
        {3, 0}, {-4, 0}, {0, 0}, {1, -2}, {INT64_MIN, 0}, {INT64_MAX, 0}, {0, (int64_t)1 << 62}};
    static const char *const others[] = {"ArgMax", "ArgMin", "CumSum", "TopK"};
    op_trial trial;
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++)
        for (size_t r = 0; r < REDUCTIONS; r++) {
            op_trial_init(&trial, reductions[r], 11);
            op_random_ints(&trial, "axes", 2, axes[i]);
            op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 2, 2), NULL);
            op_trial_refused(&trial, "axis");
            op_trial_fini(&trial);
        }
    for (size_t i = 0; i < 6; i++)
        for (size_t o = 0; o < 4; o++) {
            int64_t axis = axes[i][0] == 0 || axes[i][0] == 1 ? 100 : axes[i][0];
            op_trial_init(&trial, others[o], 11);
            op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 2, 2), NULL);
            if (o != 2) op_trial_int(&trial, "axis", axis);
            if (o >= 2)
                *(int64_t *)op_trial_input(&trial, KIN_TYPE_INT64, SCALAR, NULL)->data =
                    o == 2 ? axis : 1;
            op_random_refused(&trial, 1u << 1);
            op_trial_fini(&trial);
        }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        double k;
        kin_type type;
        uint32_t constants;
        const char *attribute;
        int dims[2];
    } cases[] = {
        {"TopK", 3, KIN_TYPE_FLOAT, 2, NULL, {2, 2}},
        {"TopK", -1, KIN_TYPE_FLOAT, 2, NULL, {2, 2}},
        {"TopK", 9e18, KIN_TYPE_FLOAT, 2, NULL, {2, 2}},
        {"TopK", 1, KIN_TYPE_FLOAT, 0, NULL, {2, 2}},
        {"TopK", 1, KIN_TYPE_BOOL, 2, NULL, {2, 2}},
        {"TopK", 1, KIN_TYPE_FLOAT, 2, "k", {2, 2}},
        {"CumSum", 0, KIN_TYPE_FLOAT, 0, NULL, {2, 2}},
        {"CumSum", 0, KIN_TYPE_BOOL, 2, NULL, {2, 2}},
        {"ArgMax", 0, KIN_TYPE_BOOL, 0, NULL, {2, 2}},
        {"ArgMax", 0, KIN_TYPE_FLOAT, 0, NULL, {0, 2}},
        {"ReduceSum", 0, KIN_TYPE_FLOAT, 0, NULL, {2, 2}},
        {"ReduceMax", 0, KIN_TYPE_UINT64, 0, NULL, {2, 2}},
        {"ReduceMax", 0, KIN_TYPE_FLOAT, 0, "noop_with_empty_axes", {2, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_trial trial;
        op_trial_init(&trial, cases[i].op, 13);
        op_trial_input(&trial, cases[i].type, SHAPE(cases[i].dims[0], cases[i].dims[1]), NULL);
        if (strncmp(cases[i].op, "ArgMax", 6) != 0 && strncmp(cases[i].op, "ReduceMax", 9) != 0)
            op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(1), VALUES(cases[i].k));
        if (cases[i].attribute != NULL) op_trial_int(&trial, cases[i].attribute, 1);
        op_random_refused(&trial, cases[i].constants);
        op_trial_fini(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reductions),   cmocka_unit_test(test_empty_axes),
        cmocka_unit_test(test_dims_of_zero), cmocka_unit_test(test_exact),
        cmocka_unit_test(test_arg),          cmocka_unit_test(test_cum_sum),
        cmocka_unit_test(test_top_k),        cmocka_unit_test(test_hostile_axes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
