/* What the first layer of a learned network sees: when numbers are probabilities, and the scale of
 * those that are not, against sums over whole columns. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/lone_rank.h"
#include "worker/train/moments.h"
#include "worker/train/visible.h"

enum { COUNT = 700, DIMENSIONS = 300, RANKS_MAX = 5 };

/* What one rank asks, and what each is told. */
typedef struct question {
    kin_train_source source;
    bool binary_allowed;
    double mean[DIMENSIONS];
    kin_visible seen[RANKS_MAX];
} question;

static void ask_as_rank(const kin_train_context *context, void *user)
{
    question *q = user;
    kin_error error = {0};
    double mean[DIMENSIONS];
    kin_visible *seen = &q->seen[context->rank];
    kin_status status = kin_train_mean(context, &q->source, mean, &error);
    if (status == KIN_OK)
        status = kin_visible_look(seen, context, &q->source, mean, q->binary_allowed, &error);
    if (status != KIN_OK || (seen->mean != NULL && seen->mean != mean)) abort();
    if (seen->mean != NULL) seen->mean = q->mean;
    if (context->rank == 0)
        for (size_t j = 0; j < q->source.dimensions; j++)
            q->mean[j] = mean[j];
}

/* The same on each of 1 to 5 ranks; its mean is the question's. */
static kin_visible look(question *q, const float *rows, uint64_t count, uint32_t dimensions)
{
    q->source = kin_lone_rank_source(rows, count, dimensions);
    kin_rank_threads_run(1, ask_as_rank, q);
    kin_visible alone = q->seen[0];
    for (int ranks = 2; ranks <= RANKS_MAX; ranks++) {
        kin_rank_threads_run(ranks, ask_as_rank, q);
        for (int r = 0; r < ranks; r++) {
            assert_int_equal(q->seen[r].binary, alone.binary);
            assert_memory_equal(&q->seen[r].scale, &alone.scale, sizeof alone.scale);
            assert_ptr_equal(q->seen[r].mean, alone.mean);
        }
    }
    return alone;
}

/* Not negative, many of them zeros, as histograms are. */
static float *make_histograms(bool of_length_1)
{
    float *rows = kin_malloc(COUNT * DIMENSIONS * sizeof *rows);
    kin_random random = {.state = 5};
    for (size_t i = 0; i < COUNT; i++) {
        double sum = 0;
        for (size_t j = 0; j < DIMENSIONS; j++) {
            double x = kin_random_gaussian(&random);
            rows[i * DIMENSIONS + j] = x > 0 ? (float)fmin(x / 3, 1) : 0;
            sum += pow(rows[i * DIMENSIONS + j], 2);
        }
        for (size_t j = 0; of_length_1 && j < DIMENSIONS; j++)
            rows[i * DIMENSIONS + j] /= (float)sqrt(sum);
    }
    return rows;
}

/* Centred, with one scale, so that the mean of all squares is 1. */
static void check_standard(const kin_visible *visible, const float *rows)
{
    float *out = kin_malloc(COUNT * DIMENSIONS * sizeof *out);
    double squares = 0, total = 0;
    kin_visible_rows(visible, rows, COUNT, DIMENSIONS, out);
    for (size_t j = 0; j < DIMENSIONS; j++) {
        double mean = 0, sum = 0;
        for (size_t i = 0; i < COUNT; i++)
            mean += (double)rows[i * DIMENSIONS + j] / COUNT;
        for (size_t i = 0; i < COUNT; i++) {
            sum += (double)out[i * DIMENSIONS + j];
            squares += pow((double)out[i * DIMENSIONS + j], 2);
            total += pow((double)rows[i * DIMENSIONS + j] - mean, 2);
        }
        assert_true(fabs(sum / COUNT) < 1e-4);
    }
    assert_true(fabs(squares / (COUNT * DIMENSIONS) - 1) < 1e-5);
    assert_true(fabs(visible->scale * sqrt(total / (COUNT * DIMENSIONS)) - 1) < 1e-6);
    free(out);
}

/* Rows of length 1 without negative numbers were taken for probabilities, all of them small. */
static void unit_rows_are_no_probabilities(void **state)
{
    (void)state;
    question q = {.binary_allowed = true};
    float *rows = make_histograms(true);
    for (size_t i = 0; i < COUNT * DIMENSIONS; i++)
        assert_true(rows[i] >= 0 && rows[i] <= 1);
    kin_visible visible = look(&q, rows, COUNT, DIMENSIONS);
    assert_false(visible.binary);
    check_standard(&visible, rows);
    free(rows);
}

static void pixels_are(void **state)
{
    (void)state;
    question q = {.binary_allowed = true};
    float *rows = make_histograms(false), out[DIMENSIONS];
    kin_visible visible = look(&q, rows, COUNT, DIMENSIONS);
    assert_true(visible.binary && visible.mean == NULL && visible.scale == 1);
    kin_visible_rows(&visible, rows, 1, DIMENSIONS, out);
    assert_memory_equal(out, rows, sizeof out);
    q.binary_allowed = false;
    visible = look(&q, rows, COUNT, DIMENSIONS);
    assert_false(visible.binary);
    check_standard(&visible, rows);
    q.binary_allowed = true;
    const float outside[] = {-1e-6f, 1.000001f};
    for (size_t i = 0; i < 2; i++) { /* one number is enough */
        rows[COUNT * DIMENSIONS - 1 - 1000 * i] = outside[i];
        assert_false(look(&q, rows, COUNT, DIMENSIONS).binary);
        rows[COUNT * DIMENSIONS - 1 - 1000 * i] = 0.5f;
        assert_true(look(&q, rows, COUNT, DIMENSIONS).binary);
    }
    free(rows);
}

/* Half of the rows m - s, half m + s: a variance of s^2, that of a coin m (1 - m). */
static void a_tenth_of_coins(void **state)
{
    (void)state;
    const double means[] = {0.1, 0.3, 0.5, 0.8};
    for (size_t c = 0; c < 8; c++) {
        question q = {.binary_allowed = true};
        double m = means[c / 2], s = sqrt((c % 2 == 0 ? 0.101 : 0.099) * m * (1 - m));
        float rows[64];
        for (size_t i = 0; i < 64; i++)
            rows[i] = (float)(i % 2 == 0 ? m - s : m + s);
        assert_int_equal(look(&q, rows, 64, 1).binary, c % 2 == 0);
    }
}

/* Scales stay finite. */
static void constants(void **state)
{
    (void)state;
    const float values[] = {0, 0.5f, 1, -3, 1e30f};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        question q = {.binary_allowed = true};
        float rows[40], out[4];
        for (size_t i = 0; i < 40; i++)
            rows[i] = values[v];
        kin_visible visible = look(&q, rows, 10, 4);
        kin_visible_rows(&visible, rows, 1, 4, out);
        for (size_t j = 0; j < 4; j++)
            assert_true(isfinite(visible.scale) && isfinite(out[j]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit_rows_are_no_probabilities),
        cmocka_unit_test(pixels_are),
        cmocka_unit_test(a_tenth_of_coins),
        cmocka_unit_test(constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
