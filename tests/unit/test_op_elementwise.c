/* Operators that work element by element: values at edges, types, refusals. Ordinary
 * values are those of ONNX's own tests (tests/e2e). */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/op_trial.h"
#include "tests/support/test.h"

#define FLOAT KIN_TYPE_FLOAT

/* op of one input to one output of the same shape. */
static void check_unary(const char *op, kin_type type, uint32_t count, const double *in,
                        kin_type out_type, const double *out, double tolerance)
{
    op_trial trial;
    kin_shape shape = {.rank = 1, .dims = {count}};
    op_trial_init(&trial, op, 17);
    op_trial_input(&trial, type, shape, in);
    op_trial_expect(&trial, 0, out_type, shape, out, tolerance);
    op_trial_fini(&trial);
}

static void test_functions(void **state)
{
    (void)state;
    static const struct function {
        const char *op;
        double x, y; /* of Python's math, scipy's erf */
    } functions[] = {
        {"Abs", -2.5, 2.5},
        {"Acos", 0.25, 1.318116071652818},
        {"Acosh", 2.5, 1.5667992369724109},
        {"Asin", 0.25, 0.25268025514207865},
        {"Asinh", -2.5, -1.6472311463710958},
        {"Atan", -2.5, -1.1902899496825317},
        {"Atanh", 0.25, 0.2554128118829954},
        {"Ceil", -2.5, -2},
        {"Celu", -2.5, -0.9179150013761012},
        {"Cos", 2.5, -0.8011436155469337},
        {"Cosh", 2.5, 6.132289479663686},
        {"Elu", -2.5, -0.9179150013761012},
        {"Erf", 0.25, 0.2763263901682369},
        {"Exp", 2.5, 12.182493960703473},
        {"Floor", -2.5, -3},
        {"HardSigmoid", 0.25, 0.55},
        {"HardSwish", 0.25, 0.13541666666666666},
        {"LeakyRelu", -2.5, -0.025},
        {"Log", 2.5, 0.9162907318741551},
        {"Mish", 0.25, 0.16957241},
        {"Neg", 2.5, -2.5},
        {"Reciprocal", -2.5, -0.4},
        {"Relu", -2.5, 0},
        {"Round", 2.5, 2},
        {"Round", -1.5, -2},
        {"Selu", -2.5, -1.6137857639},
        {"Shrink", 2.5, 2.5},
        {"Shrink", 0.25, 0},
        {"Sigmoid", -2.5, 0.07585818002124355},
        {"Sign", -2.5, -1},
        {"Sin", 2.5, 0.5984721441039564},
        {"Sinh", 2.5, 6.0502044810397875},
        {"Softplus", -2.5, 0.07888973429254962},
        {"Softplus", 1000, 1000},
        {"Softsign", -2.5, -0.7142857142857143},
        {"Sqrt", 2.5, 1.5811388300841898},
        {"Tan", 2.5, -0.7470222972386603},
        {"Tanh", 2.5, 0.9866142981514303},
        {"ThresholdedRelu", 0.25, 0},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const struct function *f = &functions[i];
        check_unary(f->op, FLOAT, 1, &f->x, FLOAT, &f->y, 1e-6);
        check_unary(f->op, KIN_TYPE_DOUBLE, 1, &f->x, KIN_TYPE_DOUBLE, &f->y, 1e-6);
        check_unary(f->op, KIN_TYPE_FLOAT16, 1, &f->x, KIN_TYPE_FLOAT16, &f->y, 4e-3);
        check_unary(f->op, FLOAT, 0, &f->x, FLOAT, &f->y, 0);
    }
}

static void test_edges_of_functions(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY};
    check_unary("Relu", FLOAT, 3, odd, FLOAT, VALUES(NAN, INFINITY, 0), 0);
    check_unary("Sign", FLOAT, 3, odd, FLOAT, VALUES(NAN, 1, -1), 0);
    check_unary("Sigmoid", FLOAT, 3, odd, FLOAT, VALUES(NAN, 1, 0), 0);
    check_unary("Softplus", FLOAT, 3, odd, FLOAT, VALUES(NAN, INFINITY, 0), 0);
    check_unary("IsNaN", KIN_TYPE_FLOAT16, 3, odd, KIN_TYPE_BOOL, VALUES(1, 0, 0), 0);
    check_unary("IsInf", KIN_TYPE_DOUBLE, 3, odd, KIN_TYPE_BOOL, VALUES(0, 1, 1), 0);
    check_unary("Not", KIN_TYPE_BOOL, 2, VALUES(0, 1), KIN_TYPE_BOOL, VALUES(1, 0), 0);
    /* Integers wrap around. */
    check_unary("Abs", KIN_TYPE_INT8, 2, VALUES(-128, -3), KIN_TYPE_INT8, VALUES(-128, 3), 0);
    check_unary("Neg", KIN_TYPE_INT64, 2, VALUES(-0x1p63, 3), KIN_TYPE_INT64, VALUES(-0x1p63, -3),
                0);
    check_unary("Sign", KIN_TYPE_INT16, 3, VALUES(-7, 0, 7), KIN_TYPE_INT16, VALUES(-1, 0, 1), 0);
    check_unary("Sign", KIN_TYPE_UINT64, 2, VALUES(0x1p63, 0), KIN_TYPE_UINT64, VALUES(1, 0), 0);
    check_unary("Relu", KIN_TYPE_INT32, 2, VALUES(-7, 7), KIN_TYPE_INT32, VALUES(0, 7), 0);

    op_trial trial;
    op_trial_init(&trial, "IsInf", 10);
    op_trial_int(&trial, "detect_negative", 0);
    op_trial_input(&trial, FLOAT, SHAPE(3), odd);
    op_trial_expect(&trial, 0, KIN_TYPE_BOOL, SHAPE(3), VALUES(0, 1, 0), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Shrink", 9);
    op_trial_float(&trial, "bias", 0.25f);
    op_trial_float(&trial, "lambd", 1.5f);
    op_trial_input(&trial, FLOAT, SHAPE(1, 4), VALUES(-2, -1, 1, 2));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(1, 4), VALUES(-1.75, 0, 0, 1.75), 0);
    op_trial_fini(&trial);
}

static void test_functions_refuse(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Neg", 13);
    op_trial_refused(&trial, "its input 0 is missing");
    op_trial_input(&trial, KIN_TYPE_UINT8, SHAPE(1), NULL);
    op_trial_refused(&trial, "its input 0 is of type uint8");
    trial.output_count = 0;
    op_trial_refused(&trial, "");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Elu", 6);
    op_trial_input(&trial, FLOAT, SHAPE(1), NULL);
    op_trial_int(&trial, "alpha", 1);
    op_trial_refused(&trial, "'alpha' is of another kind");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Tanh", 6);
    op_trial_input(&trial, FLOAT, SHAPE(1), NULL);
    op_trial_float(&trial, "alpha", 1);
    op_trial_refused(&trial, "'alpha' is not supported");
    op_trial_fini(&trial);
}

/* --- Clip ------------------------------------------------------------------------------------ */

static void check_clip(kin_type type, double low, double high, const double *in, const double *out)
{
    op_trial trial;
    op_trial_init(&trial, "Clip", 12);
    op_trial_input(&trial, type, SHAPE(4), in);
    op_trial_input(&trial, type, SCALAR, &low);
    op_trial_input(&trial, type, SHAPE(1), &high);
    op_trial_expect(&trial, 0, type, SHAPE(4), out, 0);
    op_trial_fini(&trial);
}

static void test_clip(void **state)
{
    (void)state;
    op_trial trial;
    check_clip(FLOAT, -1, 1, VALUES(-2, NAN, 0.5, 2), VALUES(-1, NAN, 0.5, 1));
    check_clip(FLOAT, 1, -1, VALUES(-2, 0, 0.5, 2), VALUES(-1, -1, -1, -1));
    check_clip(FLOAT, NAN, 1, VALUES(-2, 0, 0.5, 2), VALUES(-2, 0, 0.5, 1));
    check_clip(KIN_TYPE_FLOAT16, -1, 1, VALUES(-2, 0, 0.5, 2), VALUES(-1, 0, 0.5, 1));
    check_clip(KIN_TYPE_INT8, -3, 5, VALUES(-128, -3, 0, 127), VALUES(-3, -3, 0, 5));
    check_clip(KIN_TYPE_INT64, -3, 5, VALUES(-0x1p63, -3, 0, 0x1p62), VALUES(-3, -3, 0, 5));
    check_clip(KIN_TYPE_UINT64, 3, 0x1p62, VALUES(0, 3, 0x1p63, 5), VALUES(3, 3, 0x1p62, 5));
    /* Attributes before opset 11, inputs after; either bound may be left out. */
    op_trial_init(&trial, "Clip", 6);
    op_trial_float(&trial, "min", 0);
    op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(-2, INFINITY));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(2), VALUES(0, FLT_MAX), 0);
    op_trial_input(&trial, FLOAT, SCALAR, NULL);
    op_trial_refused(&trial, "since opset 11");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Clip", 11);
    op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(-2, 2));
    op_trial_no_input(&trial);
    op_trial_input(&trial, FLOAT, SCALAR, VALUES(1));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(2), VALUES(-2, 1), 0);
    op_trial_float(&trial, "min", 0);
    op_trial_refused(&trial, "'min' is not supported");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Clip", 11);
    op_trial_input(&trial, FLOAT, SHAPE(2), NULL);
    op_trial_input(&trial, FLOAT, SHAPE(2), NULL);
    op_trial_refused(&trial, "must be a scalar");
    trial.inputs[1] = (kin_tensor){.type = KIN_TYPE_INT32, .data = trial.inputs[1].data};
    op_trial_refused(&trial, "must be of one type");
    op_trial_fini(&trial);
}

/* --- Arithmetic ------------------------------------------------------------------------------ */

/* op of two vectors of the same length. */
static void check_binary(const char *op, kin_type type, uint32_t count, const double *a,
                         const double *b, kin_type out_type, const double *out)
{
    op_trial trial;
    kin_shape shape = {.rank = 1, .dims = {count}};
    op_trial_init(&trial, op, 17);
    op_trial_input(&trial, type, shape, a);
    op_trial_input(&trial, type, shape, b);
    op_trial_expect(&trial, 0, out_type, shape, out, 0);
    op_trial_fini(&trial);
}

static void test_arithmetic(void **state)
{
    (void)state;
    const double a[] = {7, -7, 5, 0}, b[] = {2, 2, -2, 4}, c[] = {7, -7, 4, 0};
    const kin_type types[] = {FLOAT, KIN_TYPE_DOUBLE, KIN_TYPE_FLOAT16, KIN_TYPE_BFLOAT16};
    const kin_type integers[] = {KIN_TYPE_INT8, KIN_TYPE_INT16, KIN_TYPE_INT32, KIN_TYPE_INT64};
    for (size_t i = 0; i < 4; i++) {
        for (size_t t = 0; t < 2; t++) {
            kin_type type = t == 0 ? types[i] : integers[i];
            check_binary("Add", type, 4, a, b, type, VALUES(9, -5, 3, 4));
            check_binary("Sub", type, 4, a, b, type, VALUES(5, -9, 7, -4));
            check_binary("Mul", type, 4, a, b, type, VALUES(14, -14, -10, 0));
            check_binary("Max", type, 4, a, b, type, VALUES(7, 2, 5, 4));
            check_binary("Min", type, 4, a, b, type, VALUES(2, -7, -2, 0));
            check_binary("PRelu", type, 4, a, b, type, VALUES(7, -14, 5, 0));
            check_binary("Equal", type, 4, a, b, KIN_TYPE_BOOL, VALUES(0, 0, 0, 0));
            check_binary("Equal", type, 4, a, a, KIN_TYPE_BOOL, VALUES(1, 1, 1, 1));
            check_binary("Greater", type, 4, a, b, KIN_TYPE_BOOL, VALUES(1, 0, 1, 0));
            check_binary("GreaterOrEqual", type, 4, a, a, KIN_TYPE_BOOL, VALUES(1, 1, 1, 1));
            check_binary("Less", type, 4, a, b, KIN_TYPE_BOOL, VALUES(0, 1, 0, 1));
            check_binary("LessOrEqual", type, 4, a, a, KIN_TYPE_BOOL, VALUES(1, 1, 1, 1));
        }
        check_binary("Div", types[i], 4, a, b, types[i], VALUES(3.5, -3.5, -2.5, 0));
        check_binary("Div", integers[i], 4, a, b, integers[i], VALUES(3, -3, -2, 0));
        check_binary("Pow", types[i], 4, c, b, types[i], VALUES(49, 49, 0.0625, 0));
        check_binary("Pow", integers[i], 4, a, b, integers[i], VALUES(49, 49, 0, 0));
        check_binary("Mod", integers[i], 4, a, b, integers[i], VALUES(1, 1, -1, 0));
    }
}

static void test_integers_never_trap(void **state)
{
    (void)state;
    const struct {
        kin_type type;
        double low;
    } types[] = {{KIN_TYPE_INT8, -0x1p7},
                 {KIN_TYPE_INT16, -0x1p15},
                 {KIN_TYPE_INT32, -0x1p31},
                 {KIN_TYPE_INT64, -0x1p63}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        kin_type type = types[i].type;
        double low = types[i].low;
        check_binary("Div", type, 2, VALUES(low, 5), VALUES(-1, 0), type, VALUES(low, 0));
        check_binary("Mod", type, 2, VALUES(low, 5), VALUES(-1, 0), type, VALUES(0, 0));
        check_binary("Mul", type, 2, VALUES(low, 1), VALUES(-1, 0), type, VALUES(low, 0));
        check_binary("Sub", type, 1, VALUES(0), VALUES(low), type, VALUES(low));
        check_binary("Pow", type, 4, VALUES(-1, 0, 1, 2), VALUES(-3, -1, -9, -1), type,
                     VALUES(-1, 0, 1, 0));
    }
    check_binary("Div", KIN_TYPE_UINT64, 2, VALUES(0x1p63, 1), VALUES(2, 0), KIN_TYPE_UINT64,
                 VALUES(0x1p62, 0));
    check_binary("Less", KIN_TYPE_UINT64, 1, VALUES(0x1p63), VALUES(1), KIN_TYPE_BOOL, VALUES(0));
    check_binary("Max", KIN_TYPE_UINT64, 1, VALUES(0x1p63), VALUES(1), KIN_TYPE_UINT64,
                 VALUES(0x1p63));
    check_binary("Add", KIN_TYPE_UINT8, 1, VALUES(250), VALUES(10), KIN_TYPE_UINT8, VALUES(4));
    check_binary("Max", FLOAT, 2, VALUES(NAN, 1), VALUES(1, NAN), FLOAT, VALUES(NAN, NAN));
    check_binary("Min", FLOAT, 2, VALUES(NAN, 1), VALUES(1, NAN), FLOAT, VALUES(NAN, NAN));
    check_binary("Less", FLOAT, 2, VALUES(NAN, 1), VALUES(1, NAN), KIN_TYPE_BOOL, VALUES(0, 0));
}

static void test_pow_and_mod(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Pow", 13);
    op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(1.5, -2));
    op_trial_input(&trial, KIN_TYPE_INT64, SCALAR, VALUES(3));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(2), VALUES(3.375, -8), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Pow", 13);
    op_trial_input(&trial, KIN_TYPE_INT32, SHAPE(3), VALUES(4, -1, 0));
    op_trial_input(&trial, FLOAT, SHAPE(3), VALUES(0.5, 0.5, -1));
    op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(3), VALUES(2, 0, INT_MAX), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Pow", 13);
    op_trial_input(&trial, KIN_TYPE_UINT8, SHAPE(2), VALUES(255, 3));
    op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(2), VALUES(-1, 0x1p62));
    op_trial_expect(&trial, 0, KIN_TYPE_UINT8, SHAPE(2), VALUES(0, 1), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Mod", 10);
    op_trial_int(&trial, "fmod", 1);
    op_trial_input(&trial, KIN_TYPE_INT16, SHAPE(3), VALUES(-7, 7, 7));
    op_trial_input(&trial, KIN_TYPE_INT16, SHAPE(3), VALUES(2, -2, 0));
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(3), VALUES(-1, 1, 0), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Mod", 10);
    op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(-7, 7));
    op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(2, 0));
    op_trial_refused(&trial, "'fmod' is 0");
    op_trial_int(&trial, "fmod", 1);
    op_trial_expect(&trial, 0, FLOAT, SHAPE(2), VALUES(-1, NAN), 0);
    op_trial_fini(&trial);
}

static void test_bits_and_logic(void **state)
{
    (void)state;
    op_trial trial;
    const kin_type boolean = KIN_TYPE_BOOL;
    check_binary("And", boolean, 4, VALUES(0, 0, 1, 1), VALUES(0, 1, 0, 1), boolean,
                 VALUES(0, 0, 0, 1));
    check_binary("Or", boolean, 4, VALUES(0, 0, 1, 1), VALUES(0, 1, 0, 1), boolean,
                 VALUES(0, 1, 1, 1));
    check_binary("Xor", boolean, 4, VALUES(0, 0, 1, 1), VALUES(0, 1, 0, 1), boolean,
                 VALUES(0, 1, 1, 0));
    check_binary("Equal", boolean, 2, VALUES(0, 1), VALUES(0, 0), boolean, VALUES(1, 0));
    op_trial_init(&trial, "BitShift", 11);
    op_trial_input(&trial, KIN_TYPE_UINT16, SHAPE(4), VALUES(1, 3, 5, 0x8001));
    op_trial_input(&trial, KIN_TYPE_UINT16, SHAPE(4), VALUES(1, 64, 16, 15));
    op_trial_refused(&trial, "'direction'");
    op_trial_string(&trial, "direction", "LEFT");
    op_trial_expect(&trial, 0, KIN_TYPE_UINT16, SHAPE(4), VALUES(2, 0, 0, 0x8000), 0);
    free(trial.node->attributes[0].s);
    trial.node->attributes[0].s = strdup("RIGHT");
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    op_trial_expect(&trial, 0, KIN_TYPE_UINT16, SHAPE(4), VALUES(0, 0, 0, 1), 0);
    op_trial_fini(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),        cmocka_unit_test(test_edges_of_functions),
        cmocka_unit_test(test_functions_refuse), cmocka_unit_test(test_clip),
        cmocka_unit_test(test_arithmetic),       cmocka_unit_test(test_integers_never_trap),
        cmocka_unit_test(test_pow_and_mod),      cmocka_unit_test(test_bits_and_logic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
