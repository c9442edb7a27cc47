/* Convolutions against sums over enumerated indices, to the last bit, and what must be refused. */
#include <string.h>

#include "common/base/memory.h"
#include "tests/support/op_random.h"
#include "tests/support/test.h"
#include "worker/encode/window.h"

#define AXES 3

typedef struct geometry {
    uint32_t rank;
    int64_t input[AXES], kernel[AXES], stride[AXES], dilation[AXES], begin[AXES], end[AXES];
    int64_t batch, groups, inputs, outputs; /* channels of a group */
    const char *auto_pad;
    bool bias;
} geometry;

static geometry random_geometry(kin_random *random)
{
    static const char *const words[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    geometry g = {.rank = (uint32_t)op_random_between(random, 1, 3),
                  .batch = op_random_between(random, 1, 2),
                  .groups = op_random_between(random, 1, 3),
                  .inputs = op_random_between(random, 1, 3),
                  .outputs = op_random_between(random, 1, 2),
                  .auto_pad = words[op_random_between(random, 0, 3)],
                  .bias = op_random_between(random, 0, 1) != 0};
    for (uint32_t i = 0; i < g.rank; i++) {
        g.kernel[i] = op_random_between(random, 1, 3);
        g.stride[i] = op_random_between(random, 1, 3);
        g.dilation[i] = op_random_between(random, 1, 2);
        g.begin[i] = op_random_between(random, 0, 3);
        g.end[i] = op_random_between(random, 0, 3);
        g.input[i] = (g.kernel[i] - 1) * g.dilation[i] + op_random_between(random, 1, 6);
    }
    return g;
}

static bool same(const geometry *g)
{
    return strncmp(g->auto_pad, "SAME", 4) == 0;
}

/* Gives the trial's node the attributes, and pads if they are not to be found out. */
static void add_attributes(op_trial *trial, const geometry *g)
{
    int64_t pads[2 * AXES];
    memcpy(pads, g->begin, g->rank * sizeof *pads);
    memcpy(pads + g->rank, g->end, g->rank * sizeof *pads);
    op_random_ints(trial, "kernel_shape", g->rank, g->kernel);
    op_random_ints(trial, "strides", g->rank, g->stride);
    op_random_ints(trial, "dilations", g->rank, g->dilation);
    op_trial_string(trial, "auto_pad", g->auto_pad);
    if (strcmp(g->auto_pad, "NOTSET") == 0) op_random_ints(trial, "pads", 2 * g->rank, pads);
    op_trial_int(trial, "group", g->groups);
}

/* A shape of two dimensions and then those of a kind. */
static kin_shape shape_of(int64_t first, int64_t second, const int64_t *rest, uint32_t rank)
{
    kin_shape shape = {.rank = rank + 2, .dims = {first, second}};
    memcpy(shape.dims + 2, rest, rank * sizeof *rest);
    return shape;
}

/* Padding that auto_pad leads to: the least with which there are ceil(input / stride) windows. */
static void pad_automatically(geometry *g, bool transposed)
{
    for (uint32_t i = 0; i < g->rank && strcmp(g->auto_pad, "NOTSET") != 0; i++) {
        int64_t extent = (g->kernel[i] - 1) * g->dilation[i] + 1, total = 0;
        int64_t wanted = (g->input[i] + g->stride[i] - 1) / g->stride[i];
        if (transposed)
            while ((g->input[i] - 1) * g->stride[i] + extent - total > g->input[i] * g->stride[i])
                total++;
        else
            while ((wanted - 1) * g->stride[i] + extent > g->input[i] + total)
                total++;
        if (!same(g)) total = 0;
        g->begin[i] = strcmp(g->auto_pad, "SAME_UPPER") == 0 ? total / 2 : total - total / 2;
        g->end[i] = total - g->begin[i];
    }
}

/* The windows that fit. */
static int64_t windows(const geometry *g, uint32_t axis)
{
    int64_t extent = (g->kernel[axis] - 1) * g->dilation[axis] + 1, count = 0;
    while (count * g->stride[axis] + extent <= g->input[axis] + g->begin[axis] + g->end[axis])
        count++;
    return count;
}

/* One result by its definition. at: [picture][channel][spatial...]. */
static float convolved(const op_trial *trial, const geometry *g, const int64_t *at)
{
    const float *x = trial->inputs[0].data, *w = trial->inputs[1].data;
    int64_t tap[AXES + 1] = {0}, taps[AXES + 1] = {g->inputs};
    float sum = 0;
    memcpy(taps + 1, g->kernel, g->rank * sizeof *taps);
    do {
        int64_t from[AXES + 2] = {at[0], at[1] / g->outputs * g->inputs + tap[0]};
        int64_t weight[AXES + 2] = {at[1], tap[0]};
        bool inside = true;
        for (uint32_t i = 0; i < g->rank; i++) {
            from[i + 2] = at[i + 2] * g->stride[i] - g->begin[i] + tap[i + 1] * g->dilation[i];
            weight[i + 2] = tap[i + 1];
            inside = inside && from[i + 2] >= 0 && from[i + 2] < g->input[i];
        }
        if (inside)
            sum += x[op_index_at(&trial->inputs[0].shape, from)] *
                   w[op_index_at(&trial->inputs[1].shape, weight)];
    } while (op_index_next(tap, taps, g->rank + 1));
    return g->bias ? sum + ((const float *)trial->inputs[2].data)[at[1]] : sum;
}

static void test_conv(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int round = 0; round < 400; round++) {
        geometry g = random_geometry(&random);
        op_trial trial;
        op_trial_init(&trial, "Conv", 11);
        add_attributes(&trial, &g);
        op_random_input(&trial, KIN_TYPE_FLOAT,
                        shape_of(g.batch, g.groups * g.inputs, g.input, g.rank), &random);
        op_random_input(&trial, KIN_TYPE_FLOAT,
                        shape_of(g.groups * g.outputs, g.inputs, g.kernel, g.rank), &random);
        if (g.bias)
            op_random_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(1, (int)(g.groups * g.outputs)),
                            &random);
        op_random_run(&trial, 0);
        pad_automatically(&g, false);
        int64_t sides[AXES] = {0}, at[AXES + 2] = {0};
        for (uint32_t i = 0; i < g.rank; i++)
            sides[i] = windows(&g, i);
        kin_shape shape = shape_of(g.batch, g.groups * g.outputs, sides, g.rank);
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &shape));
        const float *y = trial.outputs[0].data;
        do
            assert_true(*y++ == convolved(&trial, &g, at));
        while (op_index_next(at, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

/* One result of the transposed kind: all input elements and taps that lead to it. */
static float deconvolved(const op_trial *trial, const geometry *g, const int64_t *at)
{
    const float *x = trial->inputs[0].data, *w = trial->inputs[1].data;
    int64_t tap[AXES + 1] = {0}, taps[AXES + 1] = {g->inputs};
    float sum = 0;
    memcpy(taps + 1, g->kernel, g->rank * sizeof *taps);
    do {
        int64_t pixel[AXES] = {0};
        do {
            int64_t from[AXES + 2] = {at[0], at[1] / g->outputs * g->inputs + tap[0]};
            int64_t weight[AXES + 2] = {from[1], at[1] % g->outputs};
            bool leads = true;
            for (uint32_t i = 0; i < g->rank; i++) {
                from[i + 2] = pixel[i];
                weight[i + 2] = tap[i + 1];
                leads =
                    leads && pixel[i] * g->stride[i] + tap[i + 1] * g->dilation[i] - g->begin[i] ==
                                 at[i + 2];
            }
            if (leads)
                sum += x[op_index_at(&trial->inputs[0].shape, from)] *
                       w[op_index_at(&trial->inputs[1].shape, weight)];
        } while (op_index_next(pixel, g->input, g->rank));
    } while (op_index_next(tap, taps, g->rank + 1));
    return g->bias ? sum + ((const float *)trial->inputs[2].data)[at[1]] : sum;
}

static void check_transposed(geometry *g, kin_random *random)
{
    int64_t more[AXES] = {0}, sides[AXES] = {0}, at[AXES + 2] = {0};
    op_trial trial;
    op_trial_init(&trial, "ConvTranspose", 11);
    add_attributes(&trial, g);
    pad_automatically(g, true);
    for (uint32_t i = 0; i < g->rank; i++) {
        int64_t whole = (g->input[i] - 1) * g->stride[i] + (g->kernel[i] - 1) * g->dilation[i] + 1;
        more[i] = same(g) ? 0 : op_random_between(random, 0, g->stride[i] - 1);
        sides[i] = same(g) ? g->input[i] * g->stride[i] : whole + more[i] - g->begin[i] - g->end[i];
    }
    op_random_ints(&trial, "output_padding", g->rank, more);
    op_random_input(&trial, KIN_TYPE_FLOAT,
                    shape_of(g->batch, g->groups * g->inputs, g->input, g->rank), random);
    op_random_input(&trial, KIN_TYPE_FLOAT,
                    shape_of(g->groups * g->inputs, g->outputs, g->kernel, g->rank), random);
    if (g->bias)
        op_random_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(1, (int)(g->groups * g->outputs)),
                        random);
    kin_shape shape = shape_of(g->batch, g->groups * g->outputs, sides, g->rank);
    bool empty = false;
    for (uint32_t i = 0; i < g->rank; i++)
        empty = empty || sides[i] < 1;
    if (empty) {
        op_random_refused(&trial, 0);
    } else {
        op_random_run(&trial, 0);
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &shape));
        const float *y = trial.outputs[0].data;
        do
            assert_true(*y++ == deconvolved(&trial, g, at));
        while (op_index_next(at, shape.dims, shape.rank));
    }
    op_trial_fini(&trial);
}

static void test_conv_transpose(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < 120; round++) {
        geometry g = random_geometry(&random);
        for (uint32_t i = 0; i < g.rank; i++)
            g.input[i] = op_random_between(&random, 1, 4);
        check_transposed(&g, &random);
    }
}

/* output_shape alone says what is cut off: an odd element before the picture, behind it with
 * SAME_UPPER; what a larger shape adds behind it is empty. */
static void test_output_shape(void **state)
{
    (void)state;
    static const int64_t twos[] = {2};
    static const struct {
        const char *auto_pad;
        int64_t shape[3];
        uint32_t count, cut;
    } cases[] = {
        {"NOTSET", {6}, 1, 1},
        {"SAME_LOWER", {6}, 1, 1},
        {"SAME_UPPER", {6}, 1, 0},
        {"NOTSET", {1, 1, 8}, 3, 0},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        op_trial trial;
        float whole[8] = {0};
        op_trial_init(&trial, "ConvTranspose", 11);
        op_random_ints(&trial, "strides", 1, twos);
        op_trial_string(&trial, "auto_pad", cases[c].auto_pad);
        op_random_ints(&trial, "output_shape", cases[c].count, cases[c].shape);
        op_trial_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(3, 1, 1, 3), VALUES(1, 2, 3));
        op_trial_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(3, 1, 1, 3), VALUES(1, 20, 300));
        const float *x = trial.inputs[0].data, *w = trial.inputs[1].data;
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                whole[2 * i + k] += x[i] * w[k];
        op_random_run(&trial, 0);
        int64_t side = cases[c].shape[cases[c].count - 1];
        assert_int_equal(kin_tensor_count(&trial.outputs[0]), side);
        assert_memory_equal(trial.outputs[0].data, whole + cases[c].cut,
                            (size_t)side * sizeof *whole);
        op_trial_fini(&trial);
    }
}

/* Batches, channels and filters of 0. */
static void test_empty(void **state)
{
    (void)state;
    kin_random random = {.state = 3};
    static const int shapes[][4] = {{0, 2, 2, 3}, {2, 2, 2, 0}, {2, 0, 0, 3}, {0, 0, 0, 0}};
    for (size_t i = 0; i < 4; i++) {
        const int *s = shapes[i];
        op_trial trial;
        op_trial_init(&trial, "Conv", 11);
        op_random_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(4, s[0], s[1], 5, 5), &random);
        op_random_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(4, s[3], s[2], 3, 3), &random);
        const float *bias =
            op_random_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(1, s[3]), &random)->data;
        op_random_run(&trial, 0);
        kin_shape expected = kin_shape_of(4, s[0], s[3], 3, 3);
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &expected));
        const float *y = trial.outputs[0].data;
        for (int64_t j = 0; s[1] == 0 && j < kin_tensor_count(&trial.outputs[0]); j++)
            assert_true(y[j] == bias[j / 9 % s[3]]); /* nothing but the bias */
        op_trial_fini(&trial);
    }
}

/* A Conv of [1][4][6][6] with filters [4][2][3][3] in 2 groups; one attribute in place of ours. */
static void start(op_trial *trial, const char *op)
{
    op_trial_init(trial, op, 11);
    op_trial_input(trial, KIN_TYPE_FLOAT, kin_shape_of(4, 1, 4, 6, 6), NULL);
    op_trial_input(trial, KIN_TYPE_FLOAT, kin_shape_of(4, 4, 2, 3, 3), NULL);
}

#define HUGE_NUMBER ((int64_t)1 << 62)

static void test_hostile_attributes(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, -1, INT64_MIN, INT64_MAX, HUGE_NUMBER, 1 << 21};
    static const char *const names[] = {"strides",      "dilations",      "pads",
                                        "kernel_shape", "output_padding", "output_shape"};
    static const char *const ops[] = {"Conv", "ConvTranspose"};
    for (size_t o = 0; o < 2; o++)
        for (size_t n = 0; n < (o == 0 ? 4 : 6); n++)
            for (size_t v = 0; v < 6; v++)
                for (uint32_t count = 0; count < 6; count++) {
                    int64_t values[6] = {1, 1, 1, 1, 1, 1};
                    uint32_t right = n == 2 ? 4 : 2;
                    bool fine = count == right && (n == 2 || n == 4) && numbers[v] == 0;
                    /* output_shape: with batch and channels, and large ones, is fine. */
                    if (n == 5 && (count == 4 || numbers[v] == 1 << 21)) continue;
                    if (count > 0) values[count - 1] = numbers[v];
                    op_trial trial;
                    start(&trial, ops[o]);
                    op_trial_int(&trial, "group", 2);
                    op_random_ints(&trial, names[n], count, values);
                    if (fine)
                        assert_int_equal(op_trial_run(&trial, 0), KIN_OK);
                    else
                        op_random_refused(&trial, 0);
                    op_trial_fini(&trial);
                }
}

static void test_hostile_groups(void **state)
{
    (void)state;
    static const int64_t groups[] = {0, -1, -2, 1, 3, 4, 8, HUGE_NUMBER, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        op_trial trial;
        start(&trial, "Conv");
        op_trial_int(&trial, "group", groups[i]);
        op_random_refused(&trial, 0);
        op_trial_fini(&trial);
        start(&trial, "ConvTranspose");
        op_trial_int(&trial, "group", groups[i]);
        bool fine = groups[i] == 1 || groups[i] == 4;
        assert_int_equal(op_trial_run(&trial, 0) == KIN_OK, fine);
        op_trial_fini(&trial);
    }
}

static void test_hostile_tensors(void **state)
{
    (void)state;
    static const int long_shapes[][2][6] = {
        {{1, 4, 6, 6}, {4, 2, 7, 3}}, /* a kernel larger than the picture */
        {{1, 4, 6, 6}, {4, 3, 3, 3}}, /* other channels */
        {{1, 4, 6, 6}, {3, 2, 3, 3}}, /* groups do not divide the filters */
        {{1, 4, 0, 6}, {4, 2, 3, 3}}, /* no rows */
        {{1, 4, 6, 6}, {4, 2, 0, 3}}, /* no taps */
        {{0, 4, 0, 0}, {4, 2, 3, 3}},
    };
    op_trial trial;
    for (size_t i = 0; i < sizeof long_shapes / sizeof *long_shapes; i++) {
        const int *x = long_shapes[i][0], *w = long_shapes[i][1];
        op_trial_init(&trial, "Conv", 11);
        op_trial_int(&trial, "group", 2);
        op_trial_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(4, x[0], x[1], x[2], x[3]), NULL);
        op_trial_input(&trial, KIN_TYPE_FLOAT, kin_shape_of(4, w[0], w[1], w[2], w[3]), NULL);
        op_random_refused(&trial, 0);
        op_trial_fini(&trial);
    }
    static const uint32_t ranks[][2] = {{2, 2}, {4, 3}, {3, 4}, {6, 6}, {0, 0}, {4, 0}};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        kin_shape ones = kin_shape_of(6, 1, 1, 1, 1, 1, 1);
        op_trial_init(&trial, "Conv", 11);
        ones.rank = ranks[i][0];
        op_trial_input(&trial, KIN_TYPE_FLOAT, ones, NULL);
        ones.rank = ranks[i][1];
        op_trial_input(&trial, KIN_TYPE_FLOAT, ones, NULL);
        op_random_refused(&trial, 0);
        op_trial_fini(&trial);
    }
}

static void test_types_bias_and_attributes(void **state)
{
    (void)state;
    op_trial trial;
    for (int what = 0; what < 6; what++) {
        op_trial_init(&trial, "Conv", 11);
        op_trial_input(&trial, what == 0 ? KIN_TYPE_INT64 : KIN_TYPE_FLOAT,
                       kin_shape_of(3, 1, 2, 9), NULL);
        op_trial_input(&trial, what == 1 ? KIN_TYPE_DOUBLE : KIN_TYPE_FLOAT,
                       kin_shape_of(3, 4, 2, 3), NULL);
        op_trial_input(&trial, KIN_TYPE_FLOAT,
                       what == 2   ? kin_shape_of(1, 3)
                       : what == 3 ? kin_shape_of(2, 1, 4)
                                   : kin_shape_of(1, 4),
                       NULL);
        if (what == 4) op_trial_string(&trial, "auto_pad", "SAME");
        if (what == 5) op_trial_int(&trial, "ceil_mode", 1);
        op_random_refused(&trial, 0);
        op_trial_fini(&trial);
    }
    start(&trial, "Conv"); /* padding makes 2^21 to the power of 3 of it */
    trial.inputs[0].shape = kin_shape_of(5, 1, 4, 6, 6, 6);
    trial.inputs[1].shape = kin_shape_of(5, 1, 4, 1, 1, 1);
    int64_t pads[6];
    for (int i = 0; i < 6; i++)
        pads[i] = 1 << 20;
    op_random_ints(&trial, "pads", 6, pads);
    assert_int_equal(op_trial_run(&trial, 0), KIN_LIMIT);
    op_trial_fini(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_output_shape),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_hostile_attributes),
        cmocka_unit_test(test_hostile_groups),
        cmocka_unit_test(test_hostile_tensors),
        cmocka_unit_test(test_types_bias_and_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
