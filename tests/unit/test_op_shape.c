/* Operators of shape, and those that make tensors of little: small expectations, and what must be
 * refused. */
#include <math.h>
#include <string.h>

#include "common/base/memory.h"
#include "tests/support/op_moved.h"
#include "tests/support/op_random.h"
#include "tests/support/test.h"

#define FAR_AWAY ((int64_t)1 << 62)
#define NONE 99 /* no bound of Shape */

static void check_shape(int64_t start, int64_t end, uint32_t count, const double *values)
{
    op_trial trial;
    op_trial_init(&trial, "Shape", 15);
    if (start != NONE) op_trial_int(&trial, "start", start);
    if (end != NONE) op_trial_int(&trial, "end", end);
    op_trial_input(&trial, KIN_TYPE_UINT8, SHAPE(3, 0, 5), NULL);
    op_trial_expect(&trial, 0, KIN_TYPE_INT64, SHAPE((int)count), values, 0);
    trial.node->opset = 14; /* knows no bounds */
    op_random_run(&trial, 0);
    op_trial_expect(&trial, 0, KIN_TYPE_INT64, SHAPE(3), VALUES(3, 0, 5), 0);
    op_trial_fini(&trial);
}

static void test_shape_and_size(void **state)
{
    (void)state;
    check_shape(NONE, NONE, 3, VALUES(3, 0, 5));
    check_shape(1, NONE, 2, VALUES(0, 5));
    check_shape(-1, NONE, 1, VALUES(5));
    check_shape(NONE, -1, 2, VALUES(3, 0));
    check_shape(2, 1, 0, NULL);
    check_shape(INT64_MIN, INT64_MAX, 3, VALUES(3, 0, 5));
    check_shape(INT64_MAX, INT64_MIN, 0, NULL);
    op_trial trial;
    op_trial_init(&trial, "Size", 13);
    op_trial_input(&trial, KIN_TYPE_BOOL, SHAPE(3, 4), NULL);
    op_trial_expect(&trial, 0, KIN_TYPE_INT64, SCALAR, VALUES(12), 0);
    op_trial_fini(&trial);
}

typedef struct reshape {
    int64_t opset;
    bool allow_zero;
    uint32_t rank, count;
    int dims[4];
    int64_t asked[9];
    const char *words; /* NULL: it is fine, and becomes `result` */
    uint32_t result_rank;
    int result[4];
} reshape;

static const reshape reshapes[] = {
    {13, false, 2, 3, {4, 6}, {2, -1, 3}, NULL, 3, {2, 4, 3}},
    {13, false, 2, 2, {4, 6}, {0, -1}, NULL, 2, {4, 6}},
    {13, false, 1, 0, {1}, {0}, NULL, 0, {0}},
    {13, false, 0, 2, {0}, {-1, 1}, NULL, 2, {1, 1}},
    {13, false, 3, 2, {0, 3, 4}, {0, 12}, NULL, 2, {0, 12}},
    {13, false, 3, 2, {0, 3, 4}, {-1, 12}, NULL, 2, {0, 12}},
    {14, true, 3, 3, {0, 3, 4}, {3, 4, 0}, NULL, 3, {3, 4, 0}},
    {13, true, 2, 2, {0, 3}, {0, 3}, NULL, 2, {0, 3}},
    {13, false, 2, 1, {4, 6}, {23}, "[4][6] does not become [23]", 0, {0}},
    {13, false, 2, 2, {4, 6}, {-1, 5}, "does not become", 0, {0}},
    {13, false, 2, 2, {4, 6}, {-1, -1}, "dimension 1 of its shape is -1", 0, {0}},
    {13, false, 2, 2, {4, 6}, {-2, 12}, "dimension 0 of its shape is -2", 0, {0}},
    {13, false, 2, 3, {4, 6}, {4, 6, 0}, "keeps dimension 2 of a tensor of rank 2", 0, {0}},
    {13, false, 2, 2, {0, 6}, {0, -1}, "stands for any number", 0, {0}},
    {14, true, 2, 2, {0, 6}, {0, -1}, "both 0 and -1", 0, {0}},
    {13, false, 2, 2, {4, 6}, {FAR_AWAY, 4}, "does not become", 0, {0}},
    {13, false, 2, 3, {4, 6}, {FAR_AWAY, FAR_AWAY, -1}, "does not become", 0, {0}},
    {13, false, 2, 2, {4, 6}, {INT64_MIN, 4}, "of its shape is -9223372036854775808", 0, {0}},
    {13, false, 1, 9, {1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "9 dimensions", 0, {0}},
};

static void test_reshape(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reshapes / sizeof *reshapes; i++) {
        const reshape *r = &reshapes[i];
        op_trial trial;
        double values[24];
        for (int j = 0; j < 24; j++)
            values[j] = j;
        op_trial_init(&trial, "Reshape", r->opset);
        if (r->allow_zero) op_trial_int(&trial, "allowzero", 1);
        op_trial_input(&trial, KIN_TYPE_INT16, op_trial_shape(r->dims, r->rank), values);
        op_moved_list(&trial, r->count, r->asked);
        kin_status status = op_trial_run(&trial, 2);
        if (r->words != NULL) {
            assert_int_not_equal(status, KIN_OK);
            if (strstr(trial.error.text, r->words) == NULL)
                fail_msg("'%s' does not say '%s'", trial.error.text, r->words);
        } else {
            if (status != KIN_OK) fail_msg("%s", trial.error.text);
            op_trial_expect(&trial, 0, KIN_TYPE_INT16, op_trial_shape(r->result, r->result_rank),
                            values, 0);
        }
        op_trial_fini(&trial);
    }
}

static void test_reshape_needs_a_known_shape(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Reshape", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(4), NULL);
    op_trial_refused(&trial, "'shape' is missing");
    op_moved_list(&trial, 1, (int64_t[]){4});
    op_trial_refused(&trial, "it must be known before");
    trial.inputs[1].type = KIN_TYPE_FLOAT;
    op_random_refused(&trial, 2);
    op_trial_fini(&trial);
}

/* op, opset, axes (as attribute before 13), shape: what becomes of it, or the words of a refusal.
 */
static void check_axes(const char *op, int64_t opset, uint32_t count, const int64_t *axes,
                       kin_shape from, const char *words, kin_shape expected)
{
    op_trial trial;
    double values[64] = {3, 1, 4, 1, 5, 9, 2, 6};
    op_trial_init(&trial, op, opset);
    op_trial_input(&trial, KIN_TYPE_UINT16, from, values);
    if (axes != NULL && opset < 13) op_random_ints(&trial, "axes", count, axes);
    if (axes != NULL && opset >= 13) op_moved_list(&trial, count, axes);
    kin_status status = op_trial_run(&trial, 2);
    if (words == NULL) {
        if (status != KIN_OK) fail_msg("%s: %s", op, trial.error.text);
        op_trial_expect(&trial, 0, KIN_TYPE_UINT16, expected, values, 0);
    } else if (status == KIN_OK || strstr(trial.error.text, words) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", op, trial.error.text, words);
    }
    op_trial_fini(&trial);
}

#define AXES(...)                                                 \
    sizeof(int64_t[]){__VA_ARGS__} / sizeof(int64_t), (int64_t[]) \
    {                                                             \
        __VA_ARGS__                                               \
    }
#define REFUSED SCALAR

static void test_squeeze_and_unsqueeze(void **state)
{
    (void)state;
    check_axes("Squeeze", 11, 0, NULL, SHAPE(1, 2, 1, 3), NULL, SHAPE(2, 3));
    check_axes("Squeeze", 13, 0, NULL, SHAPE(1, 1), NULL, SCALAR);
    check_axes("Squeeze", 11, AXES(-2), SHAPE(1, 2, 1, 3), NULL, SHAPE(1, 2, 3));
    check_axes("Squeeze", 13, AXES(0, 2), SHAPE(1, 2, 1, 3), NULL, SHAPE(2, 3));
    check_axes("Squeeze", 13, AXES(0), SHAPE(1, 0), NULL, SHAPE(0));
    check_axes("Squeeze", 13, AXES(1), SHAPE(1, 2), "dimension 1 is 2", REFUSED);
    check_axes("Squeeze", 13, AXES(0, -2), SHAPE(1, 2), "given twice", REFUSED);
    check_axes("Squeeze", 13, AXES(FAR_AWAY), SHAPE(1, 2), "axis 4611686018427387904", REFUSED);
    check_axes("Squeeze", 11, AXES(INT64_MIN), SHAPE(1, 2), "of a tensor of rank 2", REFUSED);
    check_axes("Unsqueeze", 11, AXES(0, 3), SHAPE(2, 3), NULL, SHAPE(1, 2, 3, 1));
    check_axes("Unsqueeze", 13, AXES(-1, 1), SHAPE(2, 3), NULL, SHAPE(2, 1, 3, 1));
    check_axes("Unsqueeze", 13, AXES(0), SCALAR, NULL, SHAPE(1));
    check_axes("Unsqueeze", 13, AXES(3), SHAPE(2, 3), "axis 3 of a tensor of rank 3", REFUSED);
    check_axes("Unsqueeze", 13, AXES(1, 1), SHAPE(2, 3), "given twice", REFUSED);
    check_axes("Unsqueeze", 13, 0, NULL, SHAPE(2, 3), "are missing", REFUSED);
    check_axes("Unsqueeze", 13, AXES(0, 1, 2, 3, 4, 5, 6), SHAPE(2, 3), "has rank 9", REFUSED);
}

static void test_flatten(void **state)
{
    (void)state;
    static const struct flatten {
        int64_t axis;
        int rows, columns;
    } cases[] = {{0, 1, 24}, {1, 2, 12}, {3, 24, 1}, {-1, 6, 4}, {-3, 1, 24}};
    static const int64_t refused[] = {4, -4, FAR_AWAY, INT64_MIN};
    double values[24] = {3, 1, 4};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op_trial trial;
        op_trial_init(&trial, "Flatten", 13);
        op_trial_int(&trial, "axis", cases[i].axis);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 3, 4), values);
        op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(cases[i].rows, cases[i].columns), values,
                        0);
        op_trial_fini(&trial);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        op_trial trial;
        op_trial_init(&trial, "Flatten", 13);
        op_trial_int(&trial, "axis", refused[i]);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 3, 4), values);
        op_trial_refused(&trial, "of a tensor of rank 3");
        op_trial_fini(&trial);
    }
}

static void test_dropout(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Dropout", 12);
    trial.output_count = 2;
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(3), VALUES(1, 2, 3));
    op_trial_input(&trial, KIN_TYPE_FLOAT, SCALAR, VALUES(0.75));
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(3), VALUES(1, 2, 3), 0);
    op_trial_expect(&trial, 1, KIN_TYPE_BOOL, SHAPE(3), VALUES(1, 1, 1), 0);
    trial.node->opset = 7;
    op_random_run(&trial, 0);
    op_trial_expect(&trial, 1, KIN_TYPE_FLOAT, SHAPE(3), VALUES(1, 1, 1), 0);
    trial.node->opset = 12;
    op_trial_input(&trial, KIN_TYPE_BOOL, SCALAR, VALUES(1));
    op_trial_refused(&trial, "it must be known before");
    assert_int_equal(op_trial_run(&trial, 6), KIN_BAD_INPUT);
    assert_non_null(strstr(trial.error.text, "training mode"));
    *(uint8_t *)trial.inputs[2].data = 0;
    op_random_run(&trial, 6);
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(3), VALUES(1, 2, 3), 0);
    op_trial_fini(&trial);
}

static kin_tensor *tensor_attribute(op_trial *trial, kin_type type, kin_shape shape)
{
    kin_tensor *tensor =
        &kin_node_add_attribute(trial->node, "value", KIN_ATTRIBUTE_TENSOR)->tensor;
    *tensor = (kin_tensor){.type = type, .shape = shape};
    tensor->data = kin_calloc(kin_tensor_bytes(tensor), 1);
    return tensor;
}

static void test_constant(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Constant", 13);
    op_trial_refused(&trial, "no value of numbers");
    op_random_ints(&trial, "value_ints", 2, (int64_t[]){INT64_MAX, 5});
    op_random_run(&trial, 0);
    assert_int_equal(((int64_t *)trial.outputs[0].data)[0], INT64_MAX);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Constant", 13);
    op_trial_float(&trial, "value_float", 2.5f);
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SCALAR, VALUES(2.5), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Constant", 13);
    op_trial_int(&trial, "value_int", -7);
    op_trial_expect(&trial, 0, KIN_TYPE_INT64, SCALAR, VALUES(-7), 0);
    op_trial_fini(&trial);
    op_trial_init(&trial, "Constant", 9);
    kin_tensor *value = tensor_attribute(&trial, KIN_TYPE_UINT8, SHAPE(2, 1));
    ((uint8_t *)value->data)[1] = 200;
    op_trial_expect(&trial, 0, KIN_TYPE_UINT8, SHAPE(2, 1), VALUES(0, 200), 0);
    value->shape.dims[0] = FAR_AWAY;
    op_trial_refused(&trial, "too large");
    value->type = KIN_TYPE_NONE;
    op_trial_refused(&trial, "not supported");
    op_trial_fini(&trial);
}

static void test_constant_of_shape(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "ConstantOfShape", 9);
    op_moved_list(&trial, 2, (int64_t[]){2, 3});
    op_random_run(&trial, 1);
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(2, 3), VALUES(0, 0, 0, 0, 0, 0), 0);
    op_trial_refused(&trial, "it must be known before");
    *(int16_t *)tensor_attribute(&trial, KIN_TYPE_INT16, SHAPE(1))->data = -3;
    op_random_run(&trial, 1);
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(2, 3), VALUES(-3, -3, -3, -3, -3, -3), 0);
    ((int64_t *)trial.inputs[0].data)[1] = 0;
    op_random_run(&trial, 1);
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(2, 0), NULL, 0);
    static const int64_t refused[] = {-1, FAR_AWAY, INT64_MIN, INT64_MAX, 1 << 30};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ((int64_t *)trial.inputs[0].data)[1] = refused[i];
        op_random_refused(&trial, 1);
    }
    trial.inputs[0].shape.dims[0] = 0; /* a scalar */
    op_random_run(&trial, 1);
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SCALAR, VALUES(-3), 0);
    op_trial_fini(&trial);
}

static void check_range(kin_type type, double start, double limit, double delta, int count,
                        const double *values)
{
    op_trial trial;
    op_trial_init(&trial, "Range", 11);
    op_trial_input(&trial, type, SCALAR, &start);
    op_trial_input(&trial, type, SCALAR, &limit);
    op_trial_input(&trial, type, SHAPE(1), &delta);
    if (count < 0) {
        op_random_refused(&trial, 7);
    } else {
        op_random_run(&trial, 7);
        op_trial_expect(&trial, 0, type, SHAPE(count), values, 1e-6);
    }
    op_trial_fini(&trial);
}

static void test_range(void **state)
{
    (void)state;
    check_range(KIN_TYPE_INT64, 1, 7, 2, 3, VALUES(1, 3, 5));
    check_range(KIN_TYPE_INT64, 1, 8, 2, 4, VALUES(1, 3, 5, 7));
    check_range(KIN_TYPE_INT32, 10, 6, -3, 2, VALUES(10, 7));
    check_range(KIN_TYPE_INT16, 3, 3, 1, 0, NULL);
    check_range(KIN_TYPE_INT64, 3, 1, 1, 0, NULL);
    check_range(KIN_TYPE_FLOAT, 0, 1, 0.25, 4, VALUES(0, 0.25, 0.5, 0.75));
    check_range(KIN_TYPE_DOUBLE, 1, 0, -0.4, 3, VALUES(1, 0.6, 0.2));
    /* from one end of the integers to the other */
    check_range(KIN_TYPE_INT64, -0x1p63, 0x1p63, 0x1p62, 4, VALUES(-0x1p63, -0x1p62, 0, 0x1p62));
    check_range(KIN_TYPE_INT64, 0x1p63, -0x1p63, -0x1p63, 2, VALUES(0x1p63, -1));
    check_range(KIN_TYPE_INT64, -0x1p63, 0x1p63, 1, -1, NULL);
    check_range(KIN_TYPE_INT64, 0, 5, 0, -1, NULL);
    check_range(KIN_TYPE_FLOAT, 0, 5, 0, -1, NULL);
    check_range(KIN_TYPE_FLOAT, 0, 0, 0, -1, NULL);
    check_range(KIN_TYPE_FLOAT, 0, INFINITY, 1, -1, NULL);
    check_range(KIN_TYPE_FLOAT, 0, NAN, 1, -1, NULL);
    check_range(KIN_TYPE_DOUBLE, 0, 1e300, 1e-300, -1, NULL);
    check_range(KIN_TYPE_UINT8, 0, 4, 1, -1, NULL);
}

static int64_t stretched(const void *context, const int64_t *at)
{
    const kin_shape *const *shapes = context; /* of the input, of the result */
    int64_t from[KIN_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < shapes[0]->rank; i++) {
        int64_t here = at[i + shapes[1]->rank - shapes[0]->rank];
        from[i] = shapes[0]->dims[i] == 1 ? 0 : here;
    }
    return op_index_at(shapes[0], from);
}

static void test_expand(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int round = 0; round < 300; round++) {
        uint32_t rank = (uint32_t)op_random_between(&random, 0, 5);
        kin_shape result = op_moved_shape(&random, rank, round % 10 == 0 ? 0 : 1, 4);
        kin_shape from = {0}, asked = {0};
        uint32_t skip = (uint32_t)op_random_between(&random, 0, rank);
        uint32_t cut = skip == 0 ? (uint32_t)op_random_between(&random, 0, rank) : 0;
        for (uint32_t i = skip; i < rank; i++)
            from.dims[from.rank++] = result.dims[i];
        for (uint32_t i = cut; i < rank; i++)
            asked.dims[asked.rank++] = result.dims[i];
        for (uint32_t i = 0; i < rank; i++) { /* one of the two may be 1 where both are there */
            int64_t side = i >= skip && i >= cut ? op_random_between(&random, 0, 2) : 2;
            if (side == 0) from.dims[i - skip] = 1;
            if (side == 1) asked.dims[i - cut] = 1;
        }
        op_trial trial;
        op_trial_init(&trial, "Expand", 13);
        op_moved_input(&trial, op_moved_types[round % OP_MOVED_TYPES], &from, &random);
        op_moved_list(&trial, asked.rank, asked.dims);
        op_random_run(&trial, 2);
        op_moved_expect(&trial, 0, 0, &result, stretched,
                        (const kin_shape *[]){&trial.inputs[0].shape, &result}, NULL);
        op_trial_fini(&trial);
    }
}

static void test_expand_refusals(void **state)
{
    (void)state;
    static const int64_t refused[] = {2, 0, -1, FAR_AWAY, INT64_MIN};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        op_trial trial;
        op_trial_init(&trial, "Expand", 13);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(3), NULL);
        op_moved_list(&trial, 1, &refused[i]);
        op_random_refused(&trial, 2);
        op_trial_fini(&trial);
    }
}

static void test_eye_like(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "EyeLike", 9);
    op_trial_input(&trial, KIN_TYPE_INT32, SHAPE(2, 3), NULL);
    op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(2, 3), VALUES(1, 0, 0, 0, 1, 0), 0);
    op_trial_int(&trial, "k", -1);
    op_random_run(&trial, 0);
    op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(2, 3), VALUES(0, 0, 0, 1, 0, 0), 0);
    static const int64_t far[] = {INT64_MIN, INT64_MAX, 3, -2};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        trial.node->attributes[0].i = far[i];
        op_random_run(&trial, 0);
        op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(2, 3), VALUES(0, 0, 0, 0, 0, 0), 0);
    }
    trial.node->attributes[0].i = 1;
    op_trial_int(&trial, "dtype", KIN_TYPE_FLOAT16);
    op_random_run(&trial, 0);
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT16, SHAPE(2, 3), VALUES(0, 1, 0, 0, 0, 1), 0);
    trial.node->attributes[1].i = FAR_AWAY + 1;
    op_trial_refused(&trial, "'dtype' is 4611686018427387905");
    trial.inputs[0].shape = SHAPE(6);
    op_trial_refused(&trial, "it takes matrices");
    op_trial_fini(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape_and_size),
        cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_reshape_needs_a_known_shape),
        cmocka_unit_test(test_squeeze_and_unsqueeze),
        cmocka_unit_test(test_flatten),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_constant_of_shape),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_expand_refusals),
        cmocka_unit_test(test_eye_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
