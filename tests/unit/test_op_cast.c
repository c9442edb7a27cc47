/* Casts between all types, and quantisation. */
#include <math.h>
#include <string.h>

#include "tests/support/op_trial.h"
#include "tests/support/test.h"
#include "worker/encode/op_elementwise.h"

#define FLOAT KIN_TYPE_FLOAT

static const kin_type types[] = {
    KIN_TYPE_FLOAT,  KIN_TYPE_UINT8,  KIN_TYPE_INT8,     KIN_TYPE_UINT16,  KIN_TYPE_INT16,
    KIN_TYPE_INT32,  KIN_TYPE_INT64,  KIN_TYPE_BOOL,     KIN_TYPE_FLOAT16, KIN_TYPE_DOUBLE,
    KIN_TYPE_UINT32, KIN_TYPE_UINT64, KIN_TYPE_BFLOAT16,
};
#define TYPES (sizeof types / sizeof *types)

static void test_all_pairs(void **state)
{
    (void)state;
    for (size_t from = 0; from < TYPES; from++)
        for (size_t to = 0; to < TYPES; to++) {
            bool boolean = types[from] == KIN_TYPE_BOOL || types[to] == KIN_TYPE_BOOL;
            const double *expected = boolean ? VALUES(0, 1, 1) : VALUES(0, 1, 100);
            op_trial trial;
            op_trial_init(&trial, "Cast", 13);
            op_trial_int(&trial, "to", types[to]);
            op_trial_input(&trial, types[from], SHAPE(3, 1), VALUES(0, 1, 100));
            op_trial_expect(&trial, 0, types[to], SHAPE(3, 1), expected, 0);
            op_trial_fini(&trial);
            op_trial_init(&trial, "CastLike", 15);
            op_trial_input(&trial, types[from], SHAPE(3), VALUES(0, 1, 100));
            op_trial_input(&trial, types[to], SHAPE(0), NULL);
            op_trial_expect(&trial, 0, types[to], SHAPE(3), expected, 0);
            op_trial_fini(&trial);
        }
}

/* One element of bits `in` of a type to bits of another. */
static uint64_t cast_bits(kin_type from, uint64_t in, kin_type to)
{
    op_trial trial;
    uint64_t out = 0;
    op_trial_init(&trial, "Cast", 9);
    op_trial_int(&trial, "to", to);
    kin_tensor_set_bits(op_trial_input(&trial, from, SCALAR, NULL), 0, in);
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    memcpy(&out, trial.outputs[0].data, kin_type_bytes(to));
    op_trial_fini(&trial);
    return out;
}

static uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void test_rounding_happens_once(void **state)
{
    (void)state;
    const kin_type real = KIN_TYPE_DOUBLE, half = KIN_TYPE_FLOAT16;
    /* Halfway between two halves, and a little more than a float can say. */
    assert_int_equal(cast_bits(real, bits_of_double(1 + 0x1p-11), half), 0x3c00);
    assert_int_equal(cast_bits(real, bits_of_double(1 + 0x1p-11 + 0x1p-40), half), 0x3c01);
    assert_int_equal(cast_bits(real, bits_of_double(1 + 0x3p-11 - 0x1p-40), half), 0x3c01);
    assert_int_equal(cast_bits(real, bits_of_double(-1e300), half), 0xfc00);
    assert_int_equal(cast_bits(real, bits_of_double(1 + 0x1p-8 + 0x1p-40), KIN_TYPE_BFLOAT16),
                     0x3f81);
    assert_int_equal(cast_bits(KIN_TYPE_INT64, 0x1000001000000001, FLOAT),
                     bits_of_float(0x1.000002p60f));
    assert_int_equal(cast_bits(KIN_TYPE_INT64, 0x1000001000000000, FLOAT), bits_of_float(0x1p60f));
    assert_int_equal(cast_bits(KIN_TYPE_UINT64, UINT64_MAX, FLOAT), bits_of_float(0x1p64f));
    assert_int_equal(cast_bits(FLOAT, bits_of_float(0.478516f), KIN_TYPE_BFLOAT16), 0x3ef5);
}

static void test_out_of_range(void **state)
{
    (void)state;
    assert_int_equal(cast_bits(FLOAT, bits_of_float(1e20f), KIN_TYPE_INT8), 0x7f);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(-1e20f), KIN_TYPE_INT64), (uint64_t)INT64_MIN);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(0x1.8p63f), KIN_TYPE_UINT64),
                     0xc000000000000000);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(INFINITY), KIN_TYPE_UINT64), UINT64_MAX);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(-3), KIN_TYPE_UINT64), 0);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(NAN), KIN_TYPE_INT32), 0);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(NAN), KIN_TYPE_BOOL), 1);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(0.25f), KIN_TYPE_BOOL), 1);
    assert_int_equal(cast_bits(FLOAT, bits_of_float(-2.75f), KIN_TYPE_INT16), 0xfffe);
    assert_int_equal(cast_bits(KIN_TYPE_INT64, 0x1ff, KIN_TYPE_UINT8), 0xff);
    assert_int_equal(cast_bits(KIN_TYPE_INT8, 0xff, KIN_TYPE_INT64), UINT64_MAX);
    assert_int_equal(cast_bits(KIN_TYPE_INT64, (uint64_t)1 << 40, KIN_TYPE_BOOL), 1);
    assert_int_equal(cast_bits(KIN_TYPE_UINT64, UINT64_MAX, KIN_TYPE_INT64), UINT64_MAX);
}

static void test_cast_refuses(void **state)
{
    (void)state;
    static const int64_t hostile[] = {
        0, 8, 14, 15, 17, -1, INT64_MAX, INT64_MIN, (int64_t)1 << 32 | 1};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        op_trial trial;
        op_trial_init(&trial, "Cast", 13);
        op_trial_int(&trial, "to", hostile[i]);
        op_trial_input(&trial, FLOAT, SHAPE(2), NULL);
        op_trial_refused(&trial, "its 'to' is type");
        op_trial_fini(&trial);
    }
}

/* --- Quantisation ---------------------------------------------------------------------------- */

static void test_quantize(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "QuantizeLinear", 10); /* of type uint8, unless a zero point says more */
    op_trial_input(&trial, FLOAT, SHAPE(6), VALUES(0, 2.5, 1.5, -1, 1000, NAN));
    op_trial_input(&trial, FLOAT, SCALAR, VALUES(1));
    op_trial_expect(&trial, 0, KIN_TYPE_UINT8, SHAPE(6), VALUES(0, 2, 2, 0, 255, 0), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "QuantizeLinear", 13);
    op_trial_input(&trial, FLOAT, SHAPE(2, 3), VALUES(-1000, 3, 1, 1, -3, 1e30));
    op_trial_input(&trial, FLOAT, SHAPE(3), VALUES(2, 4, 0));
    op_trial_input(&trial, KIN_TYPE_INT8, SHAPE(3), VALUES(1, -1, 2));
    op_trial_expect(&trial, 0, KIN_TYPE_INT8, SHAPE(2, 3), VALUES(-128, 0, 127, 1, -2, 127), 0);
    op_trial_int(&trial, "axis", -1);
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    op_trial_expect(&trial, 0, KIN_TYPE_INT8, SHAPE(2, 3), VALUES(-128, 0, 127, 1, -2, 127), 0);
    trial.node->attributes[0].i = 0;
    op_trial_refused(&trial, "3 scales for an axis of 2");
    trial.node->attributes[0].i = INT64_MIN;
    op_trial_refused(&trial, "of a tensor of rank 2");
    trial.inputs[2].shape = SHAPE(2);
    trial.node->attributes[0].i = 1;
    op_trial_refused(&trial, "its zero point");
    trial.inputs[1].shape = SHAPE(1, 3);
    op_trial_refused(&trial, "its scale of shape");
    op_trial_fini(&trial);
    op_trial_init(&trial, "QuantizeLinear", 13); /* what it takes only since opset 21 */
    op_trial_input(&trial, FLOAT, SHAPE(1), NULL);
    op_trial_input(&trial, FLOAT, SCALAR, NULL);
    op_trial_input(&trial, KIN_TYPE_INT16, SCALAR, NULL);
    op_trial_refused(&trial, "its input 2 is of type int16");
    op_trial_fini(&trial);
}

static void test_dequantize(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "DequantizeLinear", 10);
    op_trial_input(&trial, KIN_TYPE_UINT8, SHAPE(3), VALUES(0, 128, 255));
    op_trial_input(&trial, FLOAT, SHAPE(1), VALUES(0.5));
    op_trial_input(&trial, KIN_TYPE_UINT8, SCALAR, VALUES(128));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(3), VALUES(-64, 0, 63.5), 0);
    trial.inputs[2].type = KIN_TYPE_INT8;
    op_trial_refused(&trial, "must be of one type");
    op_trial_fini(&trial);
    op_trial_init(&trial, "DequantizeLinear", 13);
    op_trial_int(&trial, "axis", 0);
    op_trial_input(&trial, KIN_TYPE_INT32, SHAPE(2, 2), VALUES(-0x1p31, 1, 2, 3));
    op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(1, 10));
    op_trial_input(&trial, KIN_TYPE_INT32, SHAPE(2), VALUES(0x1p30, 1));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(2, 2), VALUES(-0x1.8p31, -0x1p30, 10, 20), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "DequantizeLinear", 13); /* nothing, by no scales */
    op_trial_input(&trial, KIN_TYPE_INT8, SHAPE(3, 0), NULL);
    op_trial_input(&trial, FLOAT, SHAPE(0), NULL);
    op_trial_expect(&trial, 0, FLOAT, SHAPE(3, 0), NULL, 0);
    op_trial_fini(&trial);
}

static void test_dynamic_quantize(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "DynamicQuantizeLinear", 11);
    trial.output_count = 3;
    op_trial_input(&trial, FLOAT, SHAPE(3), VALUES(-51, 0, 204));
    op_trial_expect(&trial, 0, KIN_TYPE_UINT8, SHAPE(3), VALUES(0, 51, 255), 0);
    op_trial_expect(&trial, 1, FLOAT, SCALAR, VALUES(1), 0);
    op_trial_expect(&trial, 2, KIN_TYPE_UINT8, SCALAR, VALUES(51), 0);
    memset(trial.inputs[0].data, 0, kin_tensor_bytes(&trial.inputs[0]));
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    op_trial_expect(&trial, 0, KIN_TYPE_UINT8, SHAPE(3), VALUES(0, 0, 0), 0);
    trial.inputs[0].shape = SHAPE(0);
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    op_trial_expect(&trial, 2, KIN_TYPE_UINT8, SCALAR, VALUES(0), 0);
    op_trial_fini(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pairs),        cmocka_unit_test(test_rounding_happens_once),
        cmocka_unit_test(test_out_of_range),     cmocka_unit_test(test_cast_refuses),
        cmocka_unit_test(test_quantize),         cmocka_unit_test(test_dequantize),
        cmocka_unit_test(test_dynamic_quantize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
