/* Resize and Upsample against ONNX's words in exact fractions, axis within axis, for random shapes;
 * against ONNX's examples; and what must be refused. */
#include <math.h>
#include <string.h>

#include "common/base/memory.h"
#include "tests/support/op_moved.h"
#include "tests/support/op_random.h"
#include "tests/support/test.h"

#define FAR_AWAY ((int64_t)1 << 62)

static const char *const modes[] = {"nearest", "linear", "cubic"};
static const char *const coordinates[] = {"half_pixel",           "pytorch_half_pixel",
                                          "align_corners",        "asymmetric",
                                          "tf_half_pixel_for_nn", "tf_crop_and_resize"};
static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};

typedef struct resize {
    kin_shape from, to;
    const char *mode, *coordinates, *rounding;
    bool exclude_outside;
    int64_t start[KIN_TENSOR_RANK_MAX], end[KIN_TENSOR_RANK_MAX]; /* of the crop, in eighths */
    const float *data;
} resize;

typedef struct fraction {
    int64_t top, bottom; /* bottom above 0 */
} fraction;

static int64_t floor_of(fraction f)
{
    int64_t quotient = f.top / f.bottom;
    return f.top % f.bottom < 0 ? quotient - 1 : quotient;
}

/* Where element x of an axis lies in the input. */
static fraction place(const resize *r, uint32_t axis, int64_t x)
{
    int64_t in = r->from.dims[axis], out = r->to.dims[axis];
    fraction half = {(2 * x + 1) * in - out, 2 * out};
    if (strcmp(r->coordinates, "tf_crop_and_resize") == 0) {
        int64_t start = r->start[axis], end = r->end[axis];
        if (out == 1) return (fraction){(start + end) * (in - 1), 16};
        return (fraction){start * (in - 1) * (out - 1) + x * (end - start) * (in - 1),
                          8 * (out - 1)};
    }
    if (in == out) return (fraction){x, 1};
    if (strcmp(r->coordinates, "pytorch_half_pixel") == 0 && out == 1) return (fraction){0, 1};
    if (strcmp(r->coordinates, "align_corners") == 0)
        return out == 1 ? (fraction){0, 1} : (fraction){x * (in - 1), out - 1};
    if (strcmp(r->coordinates, "asymmetric") == 0) return (fraction){x * in, out};
    if (strcmp(r->coordinates, "tf_half_pixel_for_nn") == 0)
        return (fraction){(2 * x + 1) * in, 2 * out};
    return half;
}

static int64_t rounded(const resize *r, fraction at)
{
    int64_t below = floor_of(at), twice = 2 * (at.top - below * at.bottom); /* half: bottom */
    if (twice == 0) return below;
    if (strcmp(r->rounding, "floor") == 0) return below;
    if (strcmp(r->rounding, "ceil") == 0) return below + 1;
    if (twice == at.bottom)
        return strcmp(r->rounding, "round_prefer_floor") == 0 ? below : below + 1;
    return twice < at.bottom ? below : below + 1;
}

/* Keys's kernel with a = -0.5, as he gives it. */
static double keys(double distance)
{
    double d = fabs(distance);
    if (d <= 1) return 1.5 * d * d * d - 2.5 * d * d + 1;
    return d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2 : 0;
}

static double weight_of(const resize *r, double distance)
{
    if (strcmp(r->mode, "cubic") == 0) return keys(distance);
    return fabs(distance) < 1 ? 1 - fabs(distance) : 0;
}

static bool outside(const resize *r, const int64_t *at)
{
    for (uint32_t i = 0; i < r->to.rank; i++) {
        fraction f = place(r, i, at[i]);
        if (f.top < 0 || f.top > (r->from.dims[i] - 1) * f.bottom) return true;
    }
    return false;
}

/* The value at an index of the result, from this axis on; base: the element that the axes before
 * lead to. */
static double value_at(const resize *r, const int64_t *at, uint32_t axis, int64_t base)
{
    if (axis == r->from.rank) return (double)r->data[base];
    int64_t dim = r->from.dims[axis];
    fraction f = place(r, axis, at[axis]);
    if (strcmp(r->mode, "nearest") == 0) {
        int64_t i = rounded(r, f);
        return value_at(r, at, axis + 1, base * dim + (i < 0 ? 0 : i >= dim ? dim - 1 : i));
    }
    double sum = 0, weights = 0, exact = (double)f.top / (double)f.bottom;
    for (int64_t i = floor_of(f) - 1; i <= floor_of(f) + 2; i++) {
        double weight = weight_of(r, exact - (double)i);
        if (weight == 0 || (r->exclude_outside && (i < 0 || i >= dim))) continue;
        weights += weight;
        sum += weight * value_at(r, at, axis + 1,
                                 base * dim + (i < 0      ? 0
                                               : i >= dim ? dim - 1
                                                          : i));
    }
    return r->exclude_outside ? sum / weights : sum;
}

static void check_resize(resize *r, bool by_scales, kin_random *random)
{
    op_trial trial;
    int64_t at[KIN_TENSOR_RANK_MAX] = {0};
    uint32_t rank = r->from.rank;
    bool crop = strcmp(r->coordinates, "tf_crop_and_resize") == 0;
    op_trial_init(&trial, "Resize", 13);
    op_trial_string(&trial, "mode", r->mode);
    op_trial_string(&trial, "coordinate_transformation_mode", r->coordinates);
    op_trial_string(&trial, "nearest_mode", r->rounding);
    op_trial_float(&trial, "cubic_coeff_a", -0.5f);
    op_trial_float(&trial, "extrapolation_value", 7.5f);
    op_trial_int(&trial, "exclude_outside", r->exclude_outside);
    r->data = op_random_input(&trial, KIN_TYPE_FLOAT, r->from, random)->data;
    double roi[2 * KIN_TENSOR_RANK_MAX], scales[KIN_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < rank; i++) {
        roi[i] = (double)r->start[i] / 8;
        roi[i + rank] = (double)r->end[i] / 8;
        scales[i] = (double)r->to.dims[i] / (double)r->from.dims[i];
    }
    op_trial_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(1, crop ? 2 * (int)rank : 0), roi);
    if (by_scales) {
        op_trial_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(1, (int)rank), scales);
    } else {
        op_trial_no_input(&trial);
        op_moved_list(&trial, rank, r->to.dims);
    }
    op_random_run(&trial, 0xe);
    assert_true(kin_shape_equal(&trial.outputs[0].shape, &r->to));
    const float *made = trial.outputs[0].data;
    do {
        double value = crop && outside(r, at) ? 7.5 : value_at(r, at, 0, 0);
        if (fabs((double)*made - value) > 1e-6)
            fail_msg("%s, %s, %s: element %lld is %g, not %g", r->mode, r->coordinates, r->rounding,
                     (long long)op_index_at(&r->to, at), (double)*made, value);
        made++;
    } while (op_index_next(at, r->to.dims, rank));
    op_trial_fini(&trial);
}

static void test_resize(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int round = 0; round < 3000; round++) {
        uint32_t rank = (uint32_t)op_random_between(&random, 1, 4);
        resize r = {.from = op_moved_shape(&random, rank, 1, 5),
                    .mode = modes[round % 3],
                    .coordinates = coordinates[round / 3 % 6],
                    .rounding = roundings[round / 18 % 4],
                    .exclude_outside = kin_random_below(&random, 2) == 0};
        r.to = op_moved_shape(&random, rank, 1, 7);
        bool by_scales = kin_random_below(&random, 2) == 0;
        for (uint32_t i = 0; i < rank; i++) {
            r.start[i] = op_random_between(&random, -2, 4);
            r.end[i] = r.start[i] + op_random_between(&random, 1, 8);
            if (kin_random_below(&random, 3) == 0) { /* the whole axis */
                r.start[i] = 0;
                r.end[i] = 8;
                r.to.dims[i] = r.from.dims[i];
            }
            if (strcmp(r.coordinates, "tf_crop_and_resize") == 0) by_scales = false;
        }
        check_resize(&r, by_scales, &random);
    }
    /* rows longer than what is summed at once, with and without taps of their own */
    resize wide = {.from = kin_shape_of(2, 3, 400),
                   .to = kin_shape_of(2, 7, 611),
                   .mode = "linear",
                   .coordinates = "half_pixel",
                   .rounding = "floor"};
    check_resize(&wide, false, &random);
    wide.to.dims[1] = 400;
    check_resize(&wide, false, &random);
}

/* --- Sizes of the result --------------------------------------------------------------------- */

/* One axis by one scale. */
static void check_scale(const char *op, int64_t opset, int from, float scale, int to)
{
    op_trial trial;
    op_trial_init(&trial, op, opset);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(from), NULL);
    if (opset >= 11) op_trial_no_input(&trial);
    if (opset < 9) {
        kin_attribute *scales = kin_node_add_attribute(trial.node, "scales", KIN_ATTRIBUTE_FLOATS);
        scales->count = 1;
        scales->floats = kin_malloc(sizeof *scales->floats);
        scales->floats[0] = scale;
    } else {
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1), VALUES((double)scale));
    }
    if (to < 0) {
        op_random_refused(&trial, 6);
    } else {
        op_random_run(&trial, 6);
        assert_true(trial.outputs[0].shape.dims[0] == to);
    }
    op_trial_fini(&trial);
}

static void test_scales(void **state)
{
    (void)state;
    static const struct form {
        const char *op;
        int64_t opset;
    } forms[] = {{"Upsample", 7}, {"Upsample", 9}, {"Resize", 10}, {"Resize", 13}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *op = forms[i].op;
        int64_t opset = forms[i].opset;
        check_scale(op, opset, 10, 0.7f, 7);
        check_scale(op, opset, 3, 2, 6);
        check_scale(op, opset, 5, 0.5f, 2);
        check_scale(op, opset, 5, 0.1f, 0);
        check_scale(op, opset, 0, 2, 0);
        check_scale(op, opset, 5, 1e-40f, 0);
        check_scale(op, opset, 5, 0, -1);
        check_scale(op, opset, 5, -1, -1);
        check_scale(op, opset, 5, NAN, -1);
        check_scale(op, opset, 5, INFINITY, -1);
        check_scale(op, opset, 0, INFINITY, -1);
        check_scale(op, opset, 5, 1e30f, -1);
        check_scale(op, opset, 5, 0x1p24f, -1); /* a table without end */
        check_scale(op, opset, 1 << 21, 1, 1 << 21);
    }
}

/* A scale that only stands for a quotient of sizes leads to it: 3 * 10 / 6 is 5, and not a little
 * less, as with the float 0.6. */
static void test_scale_is_a_quotient(void **state)
{
    (void)state;
    op_trial trial;
    double values[10];
    for (int i = 0; i < 10; i++)
        values[i] = i;
    op_trial_init(&trial, "Resize", 10);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(10), values);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1), VALUES(0.6));
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(6), VALUES(0, 1, 3, 5, 6, 8), 0);
    op_trial_fini(&trial);
}

/* --- Other types and infinities -------------------------------------------------------------- */

static void test_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < OP_MOVED_TYPES; i++) {
        op_trial trial;
        op_trial_init(&trial, "Upsample", 9);
        op_trial_input(&trial, op_moved_types[i], SHAPE(1, 2), VALUES(4, 8));
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2), VALUES(2, 2));
        op_random_run(&trial, 2);
        op_trial_expect(&trial, 0, op_moved_types[i], SHAPE(2, 4), VALUES(4, 4, 8, 8, 4, 4, 8, 8),
                        0);
        op_trial_string(&trial, "mode", "linear");
        op_random_run(&trial, 2);
        op_trial_expect(&trial, 0, op_moved_types[i], SHAPE(2, 4), VALUES(4, 6, 8, 8, 4, 6, 8, 8),
                        0);
        op_trial_fini(&trial);
    }
    op_trial trial;
    op_trial_init(&trial, "Resize", 10);
    op_trial_string(&trial, "mode", "linear");
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2), VALUES(1, INFINITY));
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1), VALUES(2));
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(4), VALUES(1, INFINITY, INFINITY, INFINITY),
                    0);
    op_trial_fini(&trial);
}

/* --- What is refused ------------------------------------------------------------------------- */

static void check_sizes(const char *word, const char *value, int from, int64_t size,
                        const char *words)
{
    op_trial trial;
    op_trial_init(&trial, "Resize", 13);
    if (word != NULL) op_trial_string(&trial, word, value);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(from), NULL);
    op_trial_no_input(&trial);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(0), NULL);
    op_moved_list(&trial, 1, &size);
    kin_status status = op_trial_run(&trial, 0xe);
    if (words == NULL && status != KIN_OK) fail_msg("%s", trial.error.text);
    if (words != NULL && (status == KIN_OK || strstr(trial.error.text, words) == NULL))
        fail_msg("'%s' does not say '%s'", trial.error.text, words);
    op_trial_fini(&trial);
}

static void test_refusals(void **state)
{
    (void)state;
    check_sizes(NULL, NULL, 4, 6, NULL);
    check_sizes(NULL, NULL, 4, 0, NULL);
    check_sizes(NULL, NULL, 0, 0, NULL);
    check_sizes(NULL, NULL, 4, -1, "a size of -1");
    check_sizes(NULL, NULL, 4, FAR_AWAY, "a size of 4611686018427387904");
    check_sizes(NULL, NULL, 4, INT64_MIN, "a size of -9223372036854775808");
    check_sizes(NULL, NULL, 4, 1 << 28, "the limit is 1048576");
    check_sizes(NULL, NULL, 0, 4, "no elements to make 4 of");
    check_sizes("mode", "area", 4, 6, "'mode' is 'area'");
    check_sizes("nearest_mode", "", 4, 6, "'nearest_mode' is ''");
    check_sizes("coordinate_transformation_mode", "tf_crop_and_resize", 4, 6, "'roi' is missing");
    check_sizes("coordinate_transformation_mode", "half", 4, 6, "is 'half'");
    op_trial trial;
    op_trial_init(&trial, "Resize", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(4), NULL);
    op_trial_refused(&trial, "neither of 'scales' and 'sizes'");
    op_trial_no_input(&trial);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1), VALUES(2));
    op_trial_refused(&trial, "it must be known before");
    op_moved_list(&trial, 1, (int64_t[]){8});
    assert_int_equal(op_trial_run(&trial, 0xe), KIN_BAD_INPUT);
    assert_non_null(strstr(trial.error.text, "both 'scales' and 'sizes'"));
    trial.inputs[0].shape = SHAPE(2, 2);
    assert_int_equal(op_trial_run(&trial, 0xe), KIN_BAD_INPUT);
    assert_non_null(strstr(trial.error.text, "has 1 numbers; 2 are wanted"));
    trial.inputs[0].shape = SCALAR;
    op_trial_refused(&trial, "rank 0");
    op_trial_fini(&trial);
    op_trial_init(&trial, "Resize", 10);
    op_trial_string(&trial, "mode", "cubic");
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(4), NULL);
    op_trial_refused(&trial, "which came with opset 11");
    op_trial_fini(&trial);
}

/* Crops that lie nowhere, and a kernel whose weights are no numbers. */
static void test_wild_numbers(void **state)
{
    (void)state;
    static const double wild[] = {NAN, INFINITY, -INFINITY, 1e38, -1e38};
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
        for (int by_scales = 0; by_scales < 2; by_scales++) {
            op_trial trial;
            op_trial_init(&trial, "Resize", 13);
            op_trial_string(&trial, "coordinate_transformation_mode", "tf_crop_and_resize");
            op_trial_string(&trial, "mode", "cubic");
            op_trial_float(&trial, "extrapolation_value", 3);
            op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(4), VALUES(1, 1, 1, 1));
            op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2), VALUES(wild[i], 1));
            if (by_scales != 0) {
                op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1), VALUES(2));
                op_random_refused(&trial, 0xe);
            } else {
                op_trial_no_input(&trial);
                op_moved_list(&trial, 1, (int64_t[]){2});
                op_random_run(&trial, 0xe);
                assert_true(*(float *)trial.outputs[0].data == 3);
            }
            op_trial_fini(&trial);
        }
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        op_trial trial;
        op_trial_init(&trial, "Resize", 13);
        op_trial_string(&trial, "mode", "cubic");
        op_trial_float(&trial, "cubic_coeff_a", (float)wild[i]);
        op_trial_int(&trial, "exclude_outside", 1);
        op_trial_input(&trial, KIN_TYPE_UINT8, SHAPE(2), VALUES(1, 200));
        op_trial_no_input(&trial);
        op_trial_no_input(&trial);
        op_moved_list(&trial, 1, (int64_t[]){5});
        op_random_run(&trial, 0xe); /* the sanitizers look on */
        op_trial_fini(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_scale_is_a_quotient),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_wild_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
