/* Descent over ranks: the same bytes for any number of them, the sums and steps against plain
 * loops, gathering, checkpoints. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/lone_rank.h"
#include "worker/train/descent.h"

enum { PARAMETERS = 1003, STATISTICS = 30, EXTRAS = 3, STEPS = 5 };
enum { VALUES = PARAMETERS + STATISTICS + EXTRAS };

static const kin_span decayed[] = {{0, 100}, {300, 500}};

typedef struct run {
    kin_descent_options options;
    int resume_at; /* the step before which the state is saved and loaded into a new descent */
    float values[40][VALUES];
} run;

/* A gradient that depends on step, slice and values. */
static void make_gradient(const float *values, size_t step, size_t slice, float *gradient)
{
    kin_random random = {.state = 100 * step + slice};
    for (size_t i = 0; i < VALUES; i++)
        gradient[i] = 0.1f * values[i] + (float)kin_random_gaussian(&random);
}

static void descend(const kin_train_context *context, void *user)
{
    run *r = user;
    float *values = r->values[context->rank];
    kin_error error = {0};
    kin_descent *descent = kin_descent_new(context, &r->options);
    kin_span owned = kin_batch_owned(context);
    for (size_t i = 0; i < VALUES; i++)
        values[i] = (float)((int)(i % 17) - 8) / 4;
    for (size_t step = 0; step < STEPS; step++) {
        if ((int)step == r->resume_at) {
            kin_buffer state = {0};
            KIN_CHECK(kin_descent_save(descent, &state, &error) == KIN_OK);
            KIN_CHECK(state.bytes == kin_descent_state_bytes(descent));
            kin_descent_destroy(&descent);
            descent = kin_descent_new(context, &r->options);
            kin_descent_load(descent, state.data);
            kin_buffer_fini(&state);
        }
        for (size_t k = owned.at; k < owned.at + owned.count; k++) {
            make_gradient(values, step, k, kin_descent_slice(descent));
            kin_descent_push(descent);
        }
        KIN_CHECK(kin_descent_step(descent, values, 0.01, &error) == KIN_OK);
    }
    kin_descent_destroy(&descent);
}

static run options_of(kin_descent_method method)
{
    return (run){.options = {.method = method,
                             .momentum = 0.9,
                             .second = 0.999,
                             .decay = 0.1,
                             .statistics_at = 0.1,
                             .parameters = PARAMETERS,
                             .statistics = STATISTICS,
                             .extras = EXTRAS,
                             .decayed = decayed,
                             .decayed_count = 2},
                 .resume_at = -1};
}

static void ranks_agree(void **state)
{
    (void)state;
    const int counts[] = {1, 2, 3, 4, 5, 7, 40};
    for (int method = 0; method < 2; method++) {
        run alone = options_of(method), *other = kin_malloc(sizeof *other);
        kin_train_context context = kin_lone_rank_context();
        descend(&context, &alone);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            *other = options_of(method);
            other->resume_at = c % 2 == 1 ? 2 : -1;
            kin_rank_threads_run(counts[c], descend, other);
            for (int r = 0; r < counts[c]; r++)
                assert_memory_equal(other->values[r], alone.values[0], sizeof alone.values[0]);
        }
        free(other);
    }
}

/* All of it in doubles. */
static void plain_loops(void **state)
{
    (void)state;
    for (int method = 0; method < 2; method++) {
        run r = options_of(method);
        kin_train_context context = kin_lone_rank_context();
        descend(&context, &r);
        double values[VALUES], first[VALUES] = {0}, second[VALUES] = {0}, sums[VALUES];
        float narrow[VALUES], gradient[VALUES];
        for (size_t i = 0; i < VALUES; i++)
            values[i] = (double)((int)(i % 17) - 8) / 4;
        for (size_t step = 0; step < STEPS; step++) {
            memset(sums, 0, sizeof sums);
            for (size_t i = 0; i < VALUES; i++)
                narrow[i] = (float)values[i];
            for (size_t k = 0; k < KIN_BATCH_SLICES; k++) {
                make_gradient(narrow, step, k, gradient);
                for (size_t i = 0; i < VALUES; i++)
                    sums[i] += gradient[i];
            }
            for (size_t i = 0; i < VALUES; i++) {
                double decay = i < 100 || (i >= 300 && i < 800) ? 0.1 : 0, g = sums[i];
                if (i >= PARAMETERS + STATISTICS) {
                    values[i] = g;
                } else if (i >= PARAMETERS) {
                    values[i] += 0.1 * (g / KIN_BATCH_SLICES - values[i]);
                } else if (method == KIN_DESCENT_MOMENTUM) {
                    first[i] = 0.9 * first[i] + g + decay * values[i];
                    values[i] -= 0.01 * first[i];
                } else {
                    first[i] = 0.9 * first[i] + 0.1 * g;
                    second[i] = 0.999 * second[i] + 0.001 * g * g;
                    double a = first[i] / (1 - pow(0.9, (double)step + 1));
                    double b = second[i] / (1 - pow(0.999, (double)step + 1));
                    values[i] -= 0.01 * (decay * values[i] + a / (sqrt(b) + 1e-8));
                }
            }
        }
        for (size_t i = 0; i < VALUES; i++)
            if (fabs(r.values[0][i] - values[i]) > 1e-4 * (1 + fabs(values[i])))
                fail_msg("method %d: value %zu is %g, not %g", method, i, (double)r.values[0][i],
                         values[i]);
    }
}

enum { BATCH = 13, WIDTH = 5 };

static void gather(const kin_train_context *context, void *user)
{
    float(*rows)[BATCH * WIDTH] = user, *own = rows[context->rank];
    kin_error error = {0};
    kin_span owned = kin_batch_owned(context);
    for (size_t k = owned.at; k < owned.at + owned.count; k++) {
        kin_span slice = kin_batch_rows(BATCH, k);
        for (size_t i = slice.at * WIDTH; i < (slice.at + slice.count) * WIDTH; i++)
            own[i] = (float)i + 1;
    }
    KIN_CHECK(kin_batch_gather(context, BATCH, WIDTH, own, &error) == KIN_OK);
}

static void gathers(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= 9; ranks++) {
        float rows[9][BATCH * WIDTH] = {{0}};
        kin_rank_threads_run(ranks, gather, rows);
        for (int r = 0; r < ranks; r++)
            for (size_t i = 0; i < BATCH * WIDTH; i++)
                assert_true(rows[r][i] == (float)i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_agree),
        cmocka_unit_test(plain_loops),
        cmocka_unit_test(gathers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
