/* Operators that broadcast: shapes of every rank, opset 6's rules, any number of inputs, and what
 * hostile nodes get. */
#include <math.h>

#include "common/base/random.h"
#include "tests/support/op_trial.h"
#include "tests/support/test.h"

#define FLOAT KIN_TYPE_FLOAT

/* --- Broadcasting ---------------------------------------------------------------------------- */

/* A shape of ones, zeros and dimensions of `full`, of any rank up to full's. */
static kin_shape random_part(kin_random *random, const kin_shape *full)
{
    kin_shape part = {.rank = (uint32_t)kin_random_below(random, full->rank + 1)};
    for (uint32_t d = 0; d < part.rank; d++) {
        bool stretched = kin_random_below(random, 3) == 0;
        part.dims[d] = stretched ? 1 : full->dims[d + full->rank - part.rank];
    }
    return part;
}

/* The element of a tensor that element i of the result is made of. */
static double broadcast_element(const kin_tensor *from, const kin_shape *result, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (uint32_t d = result->rank; d-- > 0; i /= result->dims[d]) {
        if (result->rank - d > from->shape.rank) continue;
        int64_t dim = from->shape.dims[d + from->shape.rank - result->rank];
        at += dim == 1 ? 0 : i % result->dims[d] * stride;
        stride *= dim;
    }
    return kin_tensor_get(from, at);
}

static double combined(const char *op, const double *x)
{
    if (op[0] == 'W') return x[0] != 0 ? x[1] : x[2];
    return op[0] == 'A' ? x[0] + x[1] : x[0] + x[1] + x[2];
}

static void test_broadcasting(void **state)
{
    (void)state;
    static const char *const ops[] = {"Add", "Sum", "Where"};
    kin_random random = {.state = 3};
    for (uint32_t round = 0; round < 600; round++) {
        const char *op = ops[round % 3];
        uint32_t count = op[0] == 'A' ? 2 : 3;
        kin_shape full = {.rank = (uint32_t)kin_random_below(&random, 9)}, result = SCALAR;
        op_trial trial;
        for (uint32_t d = 0; d < full.rank; d++)
            full.dims[d] = (int64_t)kin_random_below(&random, 16) == 0
                               ? 0
                               : 1 + (int64_t)kin_random_below(&random, 3);
        op_trial_init(&trial, op, 9 + round % 8);
        for (uint32_t i = 0; i < count; i++) {
            kin_type type = op[0] == 'W' && i == 0 ? KIN_TYPE_BOOL : FLOAT;
            kin_shape shape = random_part(&random, &full);
            kin_tensor *input = op_trial_input(&trial, type, shape, NULL);
            for (int64_t e = 0; e < kin_tensor_count(input); e++)
                kin_tensor_set(input, e, (double)kin_random_below(&random, 2 + 100 * i));
            assert_true(kin_op_broadcast(&result, &shape, &result));
        }
        assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &result));
        for (int64_t e = 0; e < kin_shape_count(&result); e++) {
            double x[3] = {0};
            for (uint32_t i = 0; i < count; i++)
                x[i] = broadcast_element(&trial.inputs[i], &result, e);
            assert_true(kin_tensor_get(&trial.outputs[0], e) == combined(op, x));
        }
        op_trial_fini(&trial);
    }
}

static void test_broadcasting_of_opset_6(void **state)
{
    (void)state;
    static const struct legacy {
        int64_t broadcast, axis; /* axis -9: not given */
        kin_shape b;
        const char *refused; /* NULL: 0, 10, 20 are added to each row */
    } cases[] = {
        {1, 0, {.rank = 1, .dims = {3}}, NULL},
        {1, 0, {.rank = 2, .dims = {3, 1}}, NULL},
        {1, -9, {.rank = 2, .dims = {3, 1}}, NULL},
        {1, -9, {.rank = 1, .dims = {3}}, "do not broadcast"},
        {1, 1, {.rank = 1, .dims = {3}}, "do not broadcast"},
        {1, 2, {.rank = 1, .dims = {3}}, "do not broadcast"},
        {1, INT64_MAX, {.rank = 1, .dims = {3}}, "do not broadcast"},
        {1, INT64_MIN, {.rank = 1, .dims = {3}}, "do not broadcast"},
        {1, -9, {.rank = 3, .dims = {1, 3, 1}}, "do not broadcast"},
        {0, 0, {.rank = 1, .dims = {3}}, "do not broadcast"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_trial trial;
        op_trial_init(&trial, "Add", 6);
        op_trial_int(&trial, "broadcast", cases[i].broadcast);
        if (cases[i].axis != -9) op_trial_int(&trial, "axis", cases[i].axis);
        op_trial_input(&trial, FLOAT, SHAPE(3, 2), VALUES(1, 2, 3, 4, 5, 6));
        op_trial_input(&trial, FLOAT, cases[i].b, VALUES(0, 10, 20));
        if (cases[i].refused != NULL)
            op_trial_refused(&trial, cases[i].refused);
        else
            op_trial_expect(&trial, 0, FLOAT, SHAPE(3, 2), VALUES(1, 2, 13, 14, 25, 26), 0);
        op_trial_fini(&trial);
    }
}

/* A slope of one dimension was that of the channels, before it had to broadcast. */
static void test_slopes_of_prelu(void **state)
{
    (void)state;
    const double x[] = {-1, 1, -2, 2, -3, 3}, expected[] = {-10, 1, -40, 2, -90, 3};
    op_trial trial;
    op_trial_init(&trial, "PRelu", 6);
    op_trial_input(&trial, FLOAT, SHAPE(1, 3, 2, 1), x);
    op_trial_input(&trial, FLOAT, SHAPE(3), VALUES(10, 20, 30));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(1, 3, 2, 1), expected, 0);
    trial.node->opset = 9;
    op_trial_refused(&trial, "do not broadcast");
    trial.inputs[1].shape = SHAPE(3, 1, 1);
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    op_trial_expect(&trial, 0, FLOAT, SHAPE(1, 3, 2, 1), expected, 0);
    trial.inputs[1].shape = SHAPE(1, 1, 3, 1, 1); /* x would have to broadcast */
    op_trial_refused(&trial, "do not broadcast");
    op_trial_fini(&trial);
}

static void test_any_number_of_inputs(void **state)
{
    (void)state;
    op_trial trial;
    static const struct variadic {
        const char *op;
        double expected[4];
    } cases[] = {
        {"Sum", {15, 10, 13, 8}},
        {"Mean", {5, 10.0 / 3, 13.0 / 3, 8.0 / 3}},
        {"Max", {10, 5, 10, 5}},
        {"Min", {1, 1, -1, -1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_trial_init(&trial, cases[i].op, 8);
        op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(10, 5));
        op_trial_input(&trial, FLOAT, SHAPE(2, 1), VALUES(1, -1));
        op_trial_input(&trial, FLOAT, SCALAR, VALUES(4));
        op_trial_expect(&trial, 0, FLOAT, SHAPE(2, 2), cases[i].expected, 1e-6);
        trial.node->opset = 7; /* without broadcasting */
        op_trial_refused(&trial, "do not broadcast");
        trial.input_count = 1;
        assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
        op_trial_expect(&trial, 0, FLOAT, SHAPE(2), VALUES(10, 5), 0);
        trial.inputs[1].type = KIN_TYPE_DOUBLE;
        trial.input_count = 2;
        op_trial_refused(&trial, "must be of one type");
        op_trial_fini(&trial);
    }
    op_trial_init(&trial, "Mean", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT16, SHAPE(2), VALUES(1, 2));
    op_trial_input(&trial, KIN_TYPE_FLOAT16, SHAPE(2), VALUES(2, 4));
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT16, SHAPE(2), VALUES(1.5, 3), 0);
    op_trial_fini(&trial);
}

static void test_where(void **state)
{
    (void)state;
    const kin_type types[] = {KIN_TYPE_UINT8, KIN_TYPE_FLOAT16, FLOAT, KIN_TYPE_INT64,
                              KIN_TYPE_DOUBLE};
    op_trial trial;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        op_trial_init(&trial, "Where", 9);
        op_trial_input(&trial, KIN_TYPE_BOOL, SHAPE(2), VALUES(1, 0));
        op_trial_input(&trial, types[i], SCALAR, VALUES(7));
        op_trial_input(&trial, types[i], SHAPE(2, 1), VALUES(3, 4));
        op_trial_expect(&trial, 0, types[i], SHAPE(2, 2), VALUES(7, 3, 7, 4), 0);
        op_trial_fini(&trial);
    }
    op_trial_init(&trial, "Where", 9);
    op_trial_input(&trial, FLOAT, SHAPE(2), NULL);
    op_trial_input(&trial, FLOAT, SHAPE(2), NULL);
    op_trial_input(&trial, FLOAT, SHAPE(3), NULL);
    op_trial_refused(&trial, "its input 0 is of type float");
    trial.inputs[0].type = KIN_TYPE_BOOL;
    op_trial_refused(&trial, "do not broadcast");
    op_trial_fini(&trial);
}

/* --- Hostile nodes --------------------------------------------------------------------------- */

static void add_random_attribute(op_trial *trial, kin_random *random)
{
    static const char *const names[] = {"axis", "broadcast", "transA", "transB", "to",  "fmod",
                                        "min",  "max",       "alpha",  "beta",   "else"};
    static const int64_t integers[] = {0, 1, -1, 2, 8, 16, 17, INT64_MAX, INT64_MIN};
    static const char *const equations[] = {"...ij,...jk", "ij,kj->i", "ii", "a...",
                                            "a,b->ab",     "",         "->"};
    const char *name = names[kin_random_below(random, sizeof names / sizeof *names)];
    if (trial->op->name[0] == 'E')
        op_trial_string(trial, "equation", equations[kin_random_below(random, 7)]);
    else if (kin_random_below(random, 4) == 0)
        op_trial_float(trial, name, (float)(kin_random_unit(random) * 4 - 2));
    else
        op_trial_int(trial, name, integers[kin_random_below(random, 9)]);
}

/* Every operator of this family on inputs of any number, type and shape: it runs or it is refused
 * with a sentence. What it must not do is for the sanitizers to see. */
static void test_random_nodes(void **state)
{
    (void)state;
    static const kin_op *const tables[] = {kin_unary_ops,   kin_activation_ops, kin_binary_ops,
                                           kin_compare_ops, kin_cast_ops,       kin_quantize_ops,
                                           kin_matrix_ops,  kin_einsum_ops};
    static const kin_type types[] = {FLOAT,           FLOAT,           FLOAT,
                                     KIN_TYPE_UINT8,  KIN_TYPE_INT64,  KIN_TYPE_BOOL,
                                     KIN_TYPE_DOUBLE, KIN_TYPE_FLOAT16};
    kin_random random = {.state = 5};
    uint32_t ran = 0, refused = 0;
    for (uint32_t round = 0; round < 300; round++)
        for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
            for (const kin_op *op = tables[t]; op->name != NULL; op++) {
                op_trial trial;
                kin_type type = types[kin_random_below(&random, 8)];
                uint32_t inputs = (uint32_t)kin_random_below(&random, 4);
                op_trial_init(&trial, op->name, 6 + (int64_t)kin_random_below(&random, 12));
                trial.output_count = (uint32_t)kin_random_below(&random, op->outputs_max + 1u);
                for (uint32_t i = 0; i < inputs && i < op->inputs_max; i++) {
                    kin_shape shape = {.rank = (uint32_t)kin_random_below(&random, 4)};
                    for (uint32_t d = 0; d < shape.rank; d++)
                        shape.dims[d] = (int64_t)kin_random_below(&random, 4);
                    if (kin_random_below(&random, 8) == 0)
                        type = types[kin_random_below(&random, 8)];
                    kin_tensor *input = op_trial_input(&trial, type, shape, NULL);
                    for (int64_t e = 0; e < kin_tensor_count(input); e++)
                        kin_tensor_set(input, e, kin_random_unit(&random) * 8 - 4);
                }
                while (kin_random_below(&random, 3) == 0)
                    add_random_attribute(&trial, &random);
                if (op_trial_run(&trial, UINT32_MAX) == KIN_OK)
                    ran++;
                else if (trial.error.text[0] != 0)
                    refused++;
                else
                    fail_msg("%s was refused without a sentence", op->name);
                op_trial_fini(&trial);
            }
    assert_true(ran > 2000 && refused > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broadcasting),    cmocka_unit_test(test_broadcasting_of_opset_6),
        cmocka_unit_test(test_slopes_of_prelu), cmocka_unit_test(test_any_number_of_inputs),
        cmocka_unit_test(test_where),           cmocka_unit_test(test_random_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
