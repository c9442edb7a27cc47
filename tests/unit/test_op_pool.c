/* Pools against enumerated windows, and what must be refused. */
#include <math.h>
#include <string.h>

#include "tests/support/op_random.h"
#include "tests/support/test.h"

#define AXES 3

typedef struct geometry {
    uint32_t rank;
    int64_t input[AXES], kernel[AXES], stride[AXES], dilation[AXES], begin[AXES], end[AXES];
    int64_t output[AXES], batch, channels;
    const char *auto_pad;
    bool ceil_mode;
} geometry;

/* The number of windows: those that fit, and with ceil_mode those that begin on the picture or the
 * padding before it while there is something left. */
static int64_t windows(const geometry *g, uint32_t i)
{
    int64_t extent = (g->kernel[i] - 1) * g->dilation[i] + 1, count = 1;
    int64_t padded = g->input[i] + g->begin[i] + g->end[i];
    if (strncmp(g->auto_pad, "SAME", 4) == 0)
        return (int64_t)ceil((double)g->input[i] / (double)g->stride[i]);
    while (g->ceil_mode ? (count - 1) * g->stride[i] + extent < padded &&
                              count * g->stride[i] < g->input[i] + g->begin[i]
                        : count * g->stride[i] + extent <= padded)
        count++;
    return count;
}

static geometry random_geometry(kin_random *random, bool dilations)
{
    static const char *const words[] = {"NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    geometry g = {.rank = (uint32_t)op_random_between(random, 1, 3),
                  .batch = op_random_between(random, 1, 2),
                  .channels = op_random_between(random, 1, 3),
                  .auto_pad = words[op_random_between(random, 0, 4)],
                  .ceil_mode = op_random_between(random, 0, 1) != 0};
    for (uint32_t i = 0; i < g.rank; i++) {
        g.kernel[i] = op_random_between(random, 1, 4);
        g.stride[i] = op_random_between(random, 1, 4);
        g.dilation[i] = dilations ? op_random_between(random, 1, 3) : 1;
        int64_t extent = (g.kernel[i] - 1) * g.dilation[i] + 1;
        g.begin[i] = op_random_between(random, 0, extent - 1);
        g.end[i] = op_random_between(random, 0, extent - 1);
        g.input[i] = op_random_between(random, 1, 8);
        if (g.input[i] + g.begin[i] + g.end[i] < extent || strcmp(g.auto_pad, "VALID") == 0)
            g.input[i] += extent;
    }
    return g;
}

/* Attributes; then pads as auto_pad means them, and the outputs. */
static void add_attributes(op_trial *trial, geometry *g, bool dilations)
{
    int64_t pads[2 * AXES];
    memcpy(pads, g->begin, g->rank * sizeof *pads);
    memcpy(pads + g->rank, g->end, g->rank * sizeof *pads);
    op_random_ints(trial, "kernel_shape", g->rank, g->kernel);
    op_random_ints(trial, "strides", g->rank, g->stride);
    if (dilations) op_random_ints(trial, "dilations", g->rank, g->dilation);
    op_trial_string(trial, "auto_pad", g->auto_pad);
    op_random_ints(trial, "pads", 2 * g->rank, pads);
    for (uint32_t i = 0; i < g->rank; i++) {
        int64_t extent = (g->kernel[i] - 1) * g->dilation[i] + 1, total = 0;
        if (strcmp(g->auto_pad, "NOTSET") != 0) g->begin[i] = g->end[i] = 0;
        g->output[i] = windows(g, i);
        if (strncmp(g->auto_pad, "SAME", 4) != 0) continue;
        while ((g->output[i] - 1) * g->stride[i] + extent > g->input[i] + total)
            total++;
        g->begin[i] = strcmp(g->auto_pad, "SAME_UPPER") == 0 ? total / 2 : (total + 1) / 2;
        g->end[i] = total - g->begin[i];
    }
}

static kin_shape shape_of(const geometry *g, const int64_t *sides)
{
    kin_shape shape = {.rank = g->rank + 2, .dims = {g->batch, g->channels}};
    memcpy(shape.dims + 2, sides, g->rank * sizeof *sides);
    return shape;
}

/* The index under a tap of a window; false where it is outside of the picture. *counts: it is on
 * picture or padding. */
static bool under(const geometry *g, const int64_t *at, const int64_t *tap, int64_t *from,
                  bool *counts)
{
    bool inside = true;
    *counts = true;
    memcpy(from, at, 2 * sizeof *from);
    for (uint32_t i = 0; i < g->rank; i++) {
        from[i + 2] = at[i + 2] * g->stride[i] - g->begin[i] + tap[i] * g->dilation[i];
        inside = inside && from[i + 2] >= 0 && from[i + 2] < g->input[i];
        *counts = *counts && from[i + 2] < g->input[i] + g->end[i];
    }
    return inside;
}

/* One result of MaxPool, and its index with the last or the first spatial dimension fastest. */
static void check_maximum(const op_trial *trial, const geometry *g, const int64_t *at, int64_t o,
                          bool columns)
{
    const kin_tensor *x = &trial->inputs[0];
    int64_t tap[AXES] = {0}, from[AXES + 2], best[AXES + 2] = {at[0], at[1]}, index = 0;
    bool found = false, counts;
    do {
        if (!under(g, at, tap, from, &counts)) continue;
        if (found && kin_tensor_get(x, op_index_at(&x->shape, from)) <=
                         kin_tensor_get(x, op_index_at(&x->shape, best)))
            continue;
        memcpy(best, from, sizeof best);
        found = true;
    } while (op_index_next(tap, g->kernel, g->rank));
    double value = kin_tensor_get(&trial->outputs[0], o);
    double lowest = x->type == KIN_TYPE_UINT8 ? 0 : x->type == KIN_TYPE_INT8 ? -128 : -INFINITY;
    assert_true(value == (found ? kin_tensor_get(x, op_index_at(&x->shape, best)) : lowest));
    for (uint32_t i = 0; i < g->rank; i++) {
        uint32_t d = columns ? g->rank - 1 - i : i;
        index = index * g->input[d] + best[d + 2];
    }
    for (uint32_t i = 2; i-- > 0;) {
        int64_t block = kin_shape_product(&x->shape, i + 1, x->shape.rank);
        index += at[i] * block;
    }
    assert_true(((const int64_t *)trial->outputs[1].data)[o] == index);
}

static void test_max_pool(void **state)
{
    (void)state;
    static const kin_type types[] = {KIN_TYPE_FLOAT, KIN_TYPE_UINT8, KIN_TYPE_INT8,
                                     KIN_TYPE_DOUBLE};
    kin_random random = {.state = 1};
    for (int round = 0; round < 400; round++) {
        geometry g = random_geometry(&random, true);
        op_trial trial;
        op_trial_init(&trial, "MaxPool", 12);
        trial.output_count = 2;
        add_attributes(&trial, &g, true);
        op_trial_int(&trial, "ceil_mode", g.ceil_mode);
        op_trial_int(&trial, "storage_order", round % 2);
        op_random_input(&trial, types[round / 2 % 4], shape_of(&g, g.input), &random);
        op_random_run(&trial, 0);
        kin_shape shape = shape_of(&g, g.output);
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &shape));
        assert_true(kin_shape_equal(&trial.outputs[1].shape, &shape));
        assert_int_equal(trial.outputs[1].type, KIN_TYPE_INT64);
        int64_t at[AXES + 2] = {0}, o = 0;
        do
            check_maximum(&trial, &g, at, o++, round % 2 != 0);
        while (op_index_next(at, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

/* One mean (power 0) or norm. */
static double mean(const kin_tensor *x, const geometry *g, const int64_t *at, int power,
                   bool include_pad)
{
    int64_t tap[AXES] = {0}, from[AXES + 2], count = 0;
    double sum = 0;
    do {
        bool counts, inside = under(g, at, tap, from, &counts);
        double value = inside ? kin_tensor_get(x, op_index_at(&x->shape, from)) : 0;
        count += include_pad ? counts : inside;
        sum += power == 0   ? value
               : power == 1 ? fabs(value)
               : power == 2 ? value * value
                            : fabs(value * value * value);
    } while (op_index_next(tap, g->kernel, g->rank));
    return power == 0 ? sum / (double)count : power == 2 ? sqrt(sum) : power == 3 ? cbrt(sum) : sum;
}

static void test_average_and_lp_pool(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < 500; round++) {
        geometry g = random_geometry(&random, false);
        int power = round % 5 < 2 ? 0 : round % 5 - 1;
        bool include_pad = round % 5 == 1;
        op_trial trial;
        op_trial_init(&trial, power == 0 ? "AveragePool" : "LpPool", 11);
        if (power > 0) g.ceil_mode = false;
        add_attributes(&trial, &g, false);
        if (power == 0) op_trial_int(&trial, "ceil_mode", g.ceil_mode);
        if (power == 0) op_trial_int(&trial, "count_include_pad", include_pad);
        if (power != 0 && power != 2) op_trial_int(&trial, "p", power);
        op_random_input(&trial, KIN_TYPE_FLOAT, shape_of(&g, g.input), &random);
        op_random_run(&trial, 0);
        kin_shape shape = shape_of(&g, g.output);
        assert_true(kin_shape_equal(&trial.outputs[0].shape, &shape));
        const float *y = trial.outputs[0].data;
        int64_t at[AXES + 2] = {0};
        do {
            double expected = mean(&trial.inputs[0], &g, at, power, include_pad);
            assert_true(fabs(*y++ - expected) <= 1e-6);
        } while (op_index_next(at, shape.dims, shape.rank));
        op_trial_fini(&trial);
    }
}

static void test_global(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        double expected[2];
    } cases[] = {
        {"GlobalMaxPool", {4, -1}},
        {"GlobalAveragePool", {1, -2.5}},
        {"GlobalLpPool", {5.4772255750516612, 5.4772255750516612}},
    };
    for (size_t i = 0; i < 3; i++) {
        op_trial trial;
        op_trial_init(&trial, cases[i].op, 11);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1, 2, 2, 2),
                       VALUES(1, -3, 2, 4, -1, -2, -3, -4));
        op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(1, 2, 1, 1), cases[i].expected, 1e-6);
        op_trial_fini(&trial);
        op_trial_init(&trial, cases[i].op, 11);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(0, 2, 3), NULL);
        op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(0, 2, 1), NULL, 0);
        op_trial_fini(&trial);
        op_trial_init(&trial, cases[i].op, 11);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1, 2, 3, 0), NULL);
        op_trial_refused(&trial, "is 0");
        op_trial_fini(&trial);
    }
}

/* Windows without a number, and numbers beside what is none. */
static void test_not_a_number(void **state)
{
    (void)state;
    static const int64_t two[] = {2};
    op_trial trial;
    op_trial_init(&trial, "MaxPool", 12);
    trial.output_count = 2;
    op_random_ints(&trial, "kernel_shape", 1, two);
    op_random_ints(&trial, "strides", 1, two);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1, 1, 6),
                   VALUES(NAN, NAN, NAN, -5, -INFINITY, NAN));
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(1, 1, 3), VALUES(-INFINITY, -5, -INFINITY), 0);
    op_trial_expect(&trial, 1, KIN_TYPE_INT64, SHAPE(1, 1, 3), VALUES(0, 3, 4), 0);
    op_trial_fini(&trial);
}

static void test_max_unpool(void **state)
{
    (void)state;
    static const int64_t two[] = {2, 2};
    for (int what = 0; what < 2; what++) {
        op_trial trial;
        op_trial_init(&trial, "MaxUnpool", 11);
        op_random_ints(&trial, "kernel_shape", 2, two);
        op_random_ints(&trial, "strides", 2, two);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1, 1, 2, 2), VALUES(1, 2, 3, 4));
        op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(1, 1, 2, 2),
                       what == 0 ? VALUES(5, 3, 8, 15) : VALUES(-1, 16, 1e18, -1e18));
        if (what == 0) op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(4), VALUES(1, 1, 4, 5));
        op_random_run(&trial, 1u << 2);
        if (what == 0)
            op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(1, 1, 4, 5),
                            VALUES(0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0), 0);
        else
            op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(1, 1, 4, 4), (double[16]){0}, 0);
        op_trial_fini(&trial);
    }
}

static void test_hostile(void **state)
{
    (void)state;
    static const char *const ops[] = {"MaxPool", "AveragePool", "LpPool", "MaxUnpool"};
    static const char *const names[] = {"kernel_shape", "strides", "pads"};
    static const int64_t numbers[] = {-1, INT64_MIN, INT64_MAX, (int64_t)1 << 62, 1 << 21, 0, 3};
    for (size_t o = 0; o < 4; o++)
        for (size_t n = 0; n < 3; n++)
            for (size_t v = 0; v < 7; v++)
                for (uint32_t count = 0; count < 6; count++) {
                    int64_t values[6] = {1, 1, 1, 1, 1, 1}, kernel[2] = {3, 3};
                    if (count == (n == 2 ? 4 : 2) && (n == 2 ? v == 5 : v == 6)) continue;
                    if (n == 2 && o == 3 && v == 6) continue; /* a crop of 3 + 1 of 4 + 2 */
                    if (count > 0) values[count - 1] = numbers[v];
                    op_trial trial;
                    op_trial_init(&trial, ops[o], 11);
                    if (n != 0) op_random_ints(&trial, "kernel_shape", 2, kernel);
                    op_random_ints(&trial, names[n], count, values);
                    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1, 1, 4, 4), NULL);
                    if (o == 3) op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(1, 1, 4, 4), NULL);
                    op_random_refused(&trial, 0);
                    op_trial_fini(&trial);
                }
}

static void test_refused(void **state)
{
    (void)state;
    static const int64_t three[] = {3}, one[] = {1};
    static const char *const words[] = {"kernel_shape", "auto_pad",     "type",      "rank",
                                        "is 0",         "does not fit", "attribute", "'p'"};
    for (int what = 0; what < 8; what++) {
        op_trial trial;
        op_trial_init(&trial, what == 7 ? "LpPool" : "MaxPool", 12);
        if (what != 0) op_random_ints(&trial, "kernel_shape", 1, three);
        if (what == 1) op_trial_string(&trial, "auto_pad", "");
        if (what == 6) op_trial_int(&trial, "count_include_pad", 1);
        if (what == 7) op_trial_int(&trial, "p", 0);
        if (what == 7) op_random_ints(&trial, "strides", 1, one);
        op_trial_input(&trial, what == 2 ? KIN_TYPE_INT32 : KIN_TYPE_FLOAT,
                       what == 3   ? SHAPE(1, 4)
                       : what == 4 ? SHAPE(1, 1, 0)
                       : what == 5 ? SHAPE(1, 1, 2)
                                   : SHAPE(1, 1, 9),
                       NULL);
        op_trial_refused(&trial, words[what]);
        op_trial_fini(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max_pool),   cmocka_unit_test(test_average_and_lp_pool),
        cmocka_unit_test(test_global),     cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_max_unpool), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
