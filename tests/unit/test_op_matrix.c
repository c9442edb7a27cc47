/* Gemm, MatMul, Einsum, Det: against sums written another way, and what they refuse. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/op_trial.h"
#include "tests/support/test.h"

#define FLOAT KIN_TYPE_FLOAT

/* Small integers, whose products and sums are exact. */
static kin_tensor *add_random(op_trial *trial, kin_type type, kin_shape shape, kin_random *random)
{
    kin_tensor *input = op_trial_input(trial, type, shape, NULL);
    for (int64_t i = 0; i < kin_tensor_count(input); i++)
        kin_tensor_set(input, i, (double)kin_random_below(random, 9));
    return input;
}

/* --- MatMul ---------------------------------------------------------------------------------- */

static void test_matmul_of_matrices(void **state)
{
    (void)state;
    const kin_type types[] = {FLOAT,          KIN_TYPE_DOUBLE, KIN_TYPE_INT32,
                              KIN_TYPE_INT64, KIN_TYPE_UINT32, KIN_TYPE_UINT64};
    op_trial trial;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        op_trial_init(&trial, "MatMul", 13);
        op_trial_input(&trial, types[i], SHAPE(2, 3), VALUES(1, 2, 3, 4, 5, 6));
        op_trial_input(&trial, types[i], SHAPE(3, 2), VALUES(7, 8, 9, 10, 11, 12));
        op_trial_expect(&trial, 0, types[i], SHAPE(2, 2), VALUES(58, 64, 139, 154), 0);
        op_trial_fini(&trial);
    }
    op_trial_init(&trial, "MatMul", 13);
    op_trial_input(&trial, KIN_TYPE_INT32, SHAPE(1, 2), VALUES(-0x1p31, 1));
    op_trial_input(&trial, KIN_TYPE_INT32, SHAPE(2, 1), VALUES(-1, -1));
    op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(1, 1), VALUES(0x1p31 - 1), 0);
    op_trial_fini(&trial);
}

static void test_matmul_shapes(void **state)
{
    (void)state;
    static const struct shapes {
        kin_shape a, b, result;
    } cases[] = {
        {{1, {3}}, {1, {3}}, {0, {0}}},
        {{1, {3}}, {2, {3, 2}}, {1, {2}}},
        {{2, {2, 3}}, {1, {3}}, {1, {2}}},
        {{1, {3}}, {3, {4, 3, 2}}, {2, {4, 2}}},
        {{3, {4, 2, 3}}, {1, {3}}, {2, {4, 2}}},
        {{3, {4, 2, 3}}, {2, {3, 5}}, {3, {4, 2, 5}}},
        {{4, {4, 1, 2, 3}}, {3, {6, 3, 5}}, {4, {4, 6, 2, 5}}},
        {{8, {2, 1, 2, 1, 2, 1, 2, 3}}, {7, {2, 1, 2, 1, 2, 3, 1}}, {8, {2, 2, 2, 2, 2, 2, 2, 1}}},
        {{2, {2, 0}}, {2, {0, 3}}, {2, {2, 3}}},
        {{2, {0, 2}}, {2, {2, 3}}, {2, {0, 3}}},
        {{3, {0, 2, 3}}, {3, {1, 3, 2}}, {3, {0, 2, 2}}},
    };
    kin_random random = {.state = 7};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_trial trial;
        op_trial_init(&trial, "MatMul", 9);
        const kin_tensor *a = add_random(&trial, FLOAT, cases[i].a, &random);
        const kin_tensor *b = add_random(&trial, FLOAT, cases[i].b, &random);
        assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
        const kin_tensor *out = &trial.outputs[0];
        assert_true(kin_shape_equal(&out->shape, &cases[i].result));
        /* As if every dimension but the last of a and the last but one of b were of its own. */
        int64_t depth = cases[i].a.dims[cases[i].a.rank - 1];
        int64_t columns = cases[i].b.rank == 1 ? 1 : cases[i].b.dims[cases[i].b.rank - 1];
        int64_t rows = cases[i].a.rank == 1 ? 1 : cases[i].a.dims[cases[i].a.rank - 2];
        kin_shape a_batch = cases[i].a, b_batch = cases[i].b, batch;
        a_batch.rank = a_batch.rank < 2 ? 0 : a_batch.rank - 2;
        b_batch.rank = b_batch.rank < 2 ? 0 : b_batch.rank - 2;
        assert_true(kin_op_broadcast(&a_batch, &b_batch, &batch));
        int64_t a_strides[KIN_TENSOR_RANK_MAX], b_strides[KIN_TENSOR_RANK_MAX];
        kin_op_broadcast_strides(&a_batch, &batch, a_strides);
        kin_op_broadcast_strides(&b_batch, &batch, b_strides);
        for (int64_t e = 0; e < kin_tensor_count(out); e++) {
            int64_t column = e % columns, row = e / columns % rows, rest = e / columns / rows;
            int64_t a_at = 0, b_at = 0;
            for (uint32_t d = batch.rank; d-- > 0; rest /= batch.dims[d]) {
                a_at += rest % batch.dims[d] * a_strides[d];
                b_at += rest % batch.dims[d] * b_strides[d];
            }
            double sum = 0;
            for (int64_t k = 0; k < depth; k++)
                sum += kin_tensor_get(a, (a_at * rows + row) * depth + k) *
                       kin_tensor_get(b, (b_at * depth + k) * columns + column);
            assert_true(kin_tensor_get(out, e) == sum);
        }
        op_trial_fini(&trial);
    }
}

static void test_matmul_refuses(void **state)
{
    (void)state;
    static const struct shapes {
        kin_shape a, b;
    } cases[] = {
        {{0, {0}}, {2, {1, 1}}},    {{2, {1, 1}}, {0, {0}}},          {{1, {3}}, {1, {2}}},
        {{2, {2, 3}}, {2, {2, 3}}}, {{3, {2, 1, 1}}, {3, {3, 1, 1}}}, {{2, {2, 3}}, {1, {2}}},
    };
    op_trial trial;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_trial_init(&trial, "MatMul", 13);
        op_trial_input(&trial, FLOAT, cases[i].a, NULL);
        op_trial_input(&trial, FLOAT, cases[i].b, NULL);
        op_trial_refused(&trial, "do not fit together");
        op_trial_fini(&trial);
    }
    op_trial_init(&trial, "MatMul", 13);
    op_trial_input(&trial, FLOAT, SHAPE(1, 1), NULL)->shape = SHAPE(1 << 20, 1);
    op_trial_input(&trial, FLOAT, SHAPE(1, 1), NULL)->shape = SHAPE(1, 1 << 20);
    op_trial_refused(&trial, "is too large");
    trial.inputs[0].type = trial.inputs[1].type = KIN_TYPE_INT8;
    op_trial_refused(&trial, "of type int8");
    op_trial_fini(&trial);
}

/* Floats are summed one after the other, in the order of k, whichever way b lies. */
static void test_order_of_sums(void **state)
{
    (void)state;
    const double large = 0x1p30, a[] = {1, 1, 1};
    for (int turned = 0; turned < 2; turned++) {
        op_trial trial;
        op_trial_init(&trial, "Gemm", 13);
        op_trial_int(&trial, "transB", turned);
        op_trial_input(&trial, FLOAT, SHAPE(1, 3), a);
        if (turned)
            op_trial_input(&trial, FLOAT, SHAPE(2, 3), VALUES(large, 1, -large, 1, large, -large));
        else
            op_trial_input(&trial, FLOAT, SHAPE(3, 2), VALUES(large, 1, 1, large, -large, -large));
        op_trial_expect(&trial, 0, FLOAT, SHAPE(1, 2), VALUES(0, 0), 0);
        op_trial_fini(&trial);
    }
}

/* --- Gemm ------------------------------------------------------------------------------------ */

static void test_gemm(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4, 5, 6}, a_turned[] = {1, 4, 2, 5, 3, 6};
    const double b[] = {7, 8, 9, 10, 11, 12}, b_turned[] = {7, 9, 11, 8, 10, 12};
    const kin_shape biases[] = {SHAPE(2, 2), SHAPE(2), SHAPE(1, 2), SHAPE(2, 1), SHAPE(1), SCALAR};
    const double c[] = {10, 20, 30, 40};
    const double sums[][4] = {{10, 20, 30, 40}, {10, 20, 10, 20}, {10, 20, 10, 20},
                              {10, 10, 20, 20}, {10, 10, 10, 10}, {10, 10, 10, 10}};
    for (uint32_t i = 0; i < 6 * 8; i++) {
        op_trial trial;
        bool turn_a = i & 1, turn_b = i >> 1 & 1;
        kin_type type = i >> 2 & 1 ? KIN_TYPE_DOUBLE : FLOAT;
        const double *sum = sums[i / 8];
        op_trial_init(&trial, "Gemm", 7);
        if (turn_a) op_trial_int(&trial, "transA", 1);
        if (turn_b) op_trial_int(&trial, "transB", 1);
        op_trial_float(&trial, "alpha", 0.5f);
        op_trial_float(&trial, "beta", 2);
        op_trial_input(&trial, type, turn_a ? SHAPE(3, 2) : SHAPE(2, 3), turn_a ? a_turned : a);
        op_trial_input(&trial, type, turn_b ? SHAPE(2, 3) : SHAPE(3, 2), turn_b ? b_turned : b);
        op_trial_input(&trial, type, biases[i / 8], c);
        op_trial_expect(
            &trial, 0, type, SHAPE(2, 2),
            VALUES(29 + 2 * sum[0], 32 + 2 * sum[1], 69.5 + 2 * sum[2], 77 + 2 * sum[3]), 0);
        op_trial_fini(&trial);
    }
}

static void test_gemm_of_each_opset(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Gemm", 6);
    op_trial_input(&trial, FLOAT, SHAPE(1, 1), VALUES(2));
    op_trial_input(&trial, FLOAT, SHAPE(1, 2), VALUES(3, 4));
    op_trial_refused(&trial, "its input 2 is missing");
    op_trial_input(&trial, FLOAT, SHAPE(2), VALUES(10, 20));
    op_trial_refused(&trial, "its C of shape [2] does not fit");
    op_trial_int(&trial, "broadcast", 1);
    op_trial_expect(&trial, 0, FLOAT, SHAPE(1, 2), VALUES(16, 28), 0);
    trial.node->opset = 7;
    op_trial_refused(&trial, "'broadcast' is not supported");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Gemm", 11);
    op_trial_input(&trial, FLOAT, SHAPE(1, 1), VALUES(2));
    op_trial_input(&trial, FLOAT, SHAPE(1, 2), VALUES(3, 4));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(1, 2), VALUES(6, 8), 0);
    trial.inputs[0].shape = SHAPE(1, 0); /* sums of nothing */
    trial.inputs[1].shape = SHAPE(0, 2);
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    op_trial_expect(&trial, 0, FLOAT, SHAPE(1, 2), VALUES(0, 0), 0);
    trial.inputs[1].shape = SHAPE(1, 2);
    op_trial_refused(&trial, "do not fit together");
    trial.inputs[1].shape = SHAPE(2);
    op_trial_refused(&trial, "do not fit together");
    op_trial_fini(&trial);
}

/* --- Einsum ---------------------------------------------------------------------------------- */

static void check_einsum(const char *equation, kin_shape a, const kin_shape *b, kin_shape result,
                         const double *expected)
{
    const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const kin_type types[] = {FLOAT, KIN_TYPE_DOUBLE, KIN_TYPE_INT16};
    for (size_t t = 0; t < 3; t++) {
        op_trial trial;
        op_trial_init(&trial, "Einsum", 12);
        op_trial_string(&trial, "equation", equation);
        op_trial_input(&trial, types[t], a, values);
        if (b != NULL) op_trial_input(&trial, types[t], *b, values);
        op_trial_expect(&trial, 0, types[t], result, expected, 0);
        op_trial_fini(&trial);
    }
}

static void test_einsum(void **state)
{
    (void)state;
    const kin_shape square = SHAPE(2, 2), vector = SHAPE(2), cube = SHAPE(2, 2, 2), none = SHAPE(0),
                    scalar = SCALAR;
    check_einsum("ij,jk->ik", square, &square, square, VALUES(7, 10, 15, 22));
    check_einsum(" i j , j k ", square, &square, square, VALUES(7, 10, 15, 22));
    check_einsum("ij,kj->ik", square, &square, square, VALUES(5, 11, 11, 25));
    check_einsum("ij->ji", square, NULL, square, VALUES(1, 3, 2, 4));
    check_einsum("ba", square, NULL, square, VALUES(1, 3, 2, 4)); /* in alphabetical order */
    check_einsum("aB", square, NULL, square, VALUES(1, 3, 2, 4));
    check_einsum("ij->", square, NULL, SCALAR, VALUES(10));
    check_einsum("ij->i", square, NULL, vector, VALUES(3, 7));
    check_einsum("ii", square, NULL, SCALAR, VALUES(5));
    check_einsum("ii->i", square, NULL, vector, VALUES(1, 4));
    check_einsum("i,i", vector, &vector, SCALAR, VALUES(5));
    check_einsum("i,j->ij", vector, &vector, square, VALUES(1, 2, 2, 4));
    check_einsum("...ii->...i", cube, NULL, square, VALUES(1, 4, 5, 8));
    check_einsum("...ij,...jk->...ik", cube, &square, cube, VALUES(7, 10, 15, 22, 23, 34, 31, 46));
    check_einsum("...ij,jk", cube, &square, cube, VALUES(7, 10, 15, 22, 23, 34, 31, 46));
    check_einsum("i...->...", cube, NULL, square, VALUES(6, 8, 10, 12));
    check_einsum("..., ...", SHAPE(2, 1), &vector, square, VALUES(1, 2, 2, 4));
    check_einsum("...,", vector, &scalar, vector, VALUES(1, 2));
    check_einsum("", scalar, NULL, scalar, VALUES(1));
    check_einsum("i->", none, NULL, SCALAR, VALUES(0));
    check_einsum("i,j->j", none, &vector, vector, VALUES(0, 0));
    check_einsum("ij->j", SHAPE(2, 0), NULL, none, NULL);
}

static void test_einsum_refuses(void **state)
{
    (void)state;
    static const struct refusal {
        const char *equation, *words;
    } cases[] = {
        {"ij", "fewer terms"},
        {"ij,jk,kl->i", "more terms"},
        {"ij,jk->ikz", "that no input has"},
        {"ij,jk->ii", "twice"},
        {"ij,jk-ik", "without '>'"},
        {"ij,jk-", "without '>'"},
        {"ij,jk->ik->", "goes on"},
        {"ij,jk->ik,", "goes on"},
        {"i1,jk", "has a '1'"},
        {"i\x80,jk", "has a '?'"},
        {"i.j,jk", "has a '.'"},
        {"...i...j,jk", "has a '.'"},
        {"i..,jk", "has a '.'"},
        {"ijk,jk", "has rank 2"},
        {"...ijk,jk", "has rank 2"},
        {"i,jk", "has rank 2"},
        {"ij,ik", "dimensions of 2 and 3"},
        {"abcdefghi,jk", "more than 8 letters"},
        {"ij,jk->abcdefghij", "more than 8 letters"},
    };
    op_trial trial;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_trial_init(&trial, "Einsum", 12);
        op_trial_string(&trial, "equation", cases[i].equation);
        op_trial_input(&trial, FLOAT, SHAPE(2, 3), NULL);
        op_trial_input(&trial, FLOAT, SHAPE(3, 2), NULL);
        op_trial_refused(&trial, cases[i].words);
        op_trial_fini(&trial);
    }
    op_trial_init(&trial, "Einsum",
                  12); /* a loop for each: more products than anyone can wait for */
    op_trial_string(&trial, "equation", "a,b,c->");
    for (int i = 0; i < 3; i++)
        op_trial_input(&trial, FLOAT, SHAPE(1), NULL)->shape = SHAPE(1 << 30);
    op_trial_refused(&trial, "more than 2^34 products");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Einsum", 12);
    op_trial_string(&trial, "equation", "abcdefgh,ijklmnop");
    op_trial_input(&trial, FLOAT, SHAPE(1, 1, 1, 1, 1, 1, 1, 1), NULL);
    op_trial_input(&trial, FLOAT, SHAPE(1, 1, 1, 1, 1, 1, 1, 1), NULL);
    op_trial_refused(&trial, "rank above 8");
    trial.node->attributes[0].s[8] = 0;
    op_trial_refused(&trial, "fewer terms");
    op_trial_fini(&trial);
}

/* --- Det ------------------------------------------------------------------------------------- */

static void test_det(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Det", 11);
    op_trial_input(&trial, FLOAT, SHAPE(3, 2, 2), VALUES(0, 2, 3, 4, 1, 2, 2, 4, 3, 0, 0, 5));
    op_trial_expect(&trial, 0, FLOAT, SHAPE(3), VALUES(-6, 0, 15), 0);
    trial.inputs[0].shape = SHAPE(2, 0, 0);
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    op_trial_expect(&trial, 0, FLOAT, SHAPE(2), VALUES(1, 1), 0);
    trial.inputs[0].shape = SHAPE(0, 2, 2);
    assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
    trial.inputs[0].shape = SHAPE(2, 3);
    op_trial_refused(&trial, "not of square matrices");
    trial.inputs[0].shape = SHAPE(3);
    op_trial_refused(&trial, "not of square matrices");
    trial.inputs[0].shape = SHAPE(2000, 2000);
    op_trial_refused(&trial, "2000 rows");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Det", 11);
    op_trial_input(&trial, KIN_TYPE_DOUBLE, SHAPE(3, 3), VALUES(2, -1, 0, 4, 3, 7, 1, 5, -2));
    op_trial_expect(&trial, 0, KIN_TYPE_DOUBLE, SCALAR, VALUES(-97), 1e-12);
    op_trial_fini(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul_of_matrices),
        cmocka_unit_test(test_matmul_shapes),
        cmocka_unit_test(test_matmul_refuses),
        cmocka_unit_test(test_order_of_sums),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_gemm_of_each_opset),
        cmocka_unit_test(test_einsum),
        cmocka_unit_test(test_einsum_refuses),
        cmocka_unit_test(test_det),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
