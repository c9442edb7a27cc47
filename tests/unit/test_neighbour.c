/* Neighbourhood-contrastive hashing: the graph against brute force, walks, the loss against plain
 * loops in doubles and its gradient against finite differences of those. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/lone_rank.h"
#include "worker/encode/blas.h"
#include "worker/train/descent.h"
#include "worker/train/neighbour_graph.h"
#include "worker/train/neighbour_loss.h"

enum { COUNT = 1100, WIDTH = 7, NEIGHBOURS = 5, RANKS_MAX = 5 };

/* Small whole numbers, so that products are exact and many are equal. */
static void draw_vectors(float *vectors, size_t count)
{
    kin_random random = {.state = 5};
    for (size_t i = 0; i < count * WIDTH; i++)
        vectors[i] = (float)((int)kin_random_below(&random, 9) - 4);
}

typedef struct graph_run {
    float vectors[COUNT * WIDTH];
    size_t count, neighbours;
    uint32_t ids[RANKS_MAX][COUNT * NEIGHBOURS];
} graph_run;

static void build_graph(const kin_train_context *context, void *user)
{
    graph_run *run = user;
    kin_error error = {0};
    KIN_CHECK(kin_neighbour_graph(context, run->vectors, run->count, WIDTH, run->neighbours,
                                  run->ids[context->rank], 0, 1, &error) == KIN_OK);
}

static int similarity(const graph_run *run, size_t i, size_t j)
{
    int sum = 0;
    for (size_t d = 0; d < WIDTH; d++)
        sum += (int)run->vectors[i * WIDTH + d] * (int)run->vectors[j * WIDTH + d];
    return sum;
}

/* Whether a is nearer to i than b. */
static bool nearer(const graph_run *run, size_t i, size_t a, size_t b)
{
    int left = similarity(run, i, a), right = similarity(run, i, b);
    return left != right ? left > right : a < b;
}

/* By counting: the neighbour in place p has exactly p others that are nearer. */
static void check_graph(const graph_run *run, const uint32_t *ids)
{
    for (size_t i = 0; i < run->count; i++)
        for (size_t p = 0; p < run->neighbours; p++) {
            size_t id = ids[i * run->neighbours + p], ahead = 0;
            assert_true(id < run->count && id != i);
            for (size_t j = 0; j < run->count; j++)
                ahead += j != i && j != id && nearer(run, i, j, id);
            assert_int_equal(ahead, p);
        }
}

static void graph_is_exact(void **state)
{
    (void)state;
    static const size_t counts[][2] = {{COUNT, NEIGHBOURS}, {257, 3}, {6, 5}, {2, 1}};
    graph_run *run = kin_calloc(1, sizeof *run);
    draw_vectors(run->vectors, COUNT);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        run->count = counts[c][0];
        run->neighbours = counts[c][1];
        for (int ranks = 1; ranks <= RANKS_MAX; ranks++) {
            memset(run->ids, 0xff, sizeof run->ids);
            kin_rank_threads_run(ranks, build_graph, run);
            if (ranks == 1) check_graph(run, run->ids[0]);
            for (int r = 1; r < ranks; r++)
                assert_memory_equal(run->ids[r], run->ids[0],
                                    run->count * run->neighbours * sizeof **run->ids);
            if (ranks > 1) check_graph(run, run->ids[ranks - 1]);
        }
    }
    free(run);
}

static void equal_vectors(void **state)
{
    (void)state;
    graph_run *run = kin_calloc(1, sizeof *run);
    run->count = 300;
    run->neighbours = 3;
    kin_rank_threads_run(1, build_graph, run);
    check_graph(run, run->ids[0]);
    free(run);
}

/* On a ring, each step goes one on or two on; ends of walks are spread as sums of coins. */
static void walks(void **state)
{
    (void)state;
    enum { RING = 50, STEPS = 4, WALKS = 20000 };
    static const double expected[STEPS + 1] = {1 / 16., 4 / 16., 6 / 16., 4 / 16., 1 / 16.};
    uint32_t ids[RING][2];
    size_t ends[STEPS + 1] = {0};
    kin_random random = {.state = 9};
    for (uint32_t i = 0; i < RING; i++) {
        ids[i][0] = (i + 1) % RING;
        ids[i][1] = (i + 2) % RING;
    }
    for (size_t w = 0; w < WALKS; w++) {
        uint32_t end = kin_neighbour_walk(ids[0], 2, 48, STEPS, &random);
        size_t moved = (end + RING - 48) % RING;
        assert_in_range(moved, STEPS, 2 * STEPS);
        ends[moved - STEPS]++;
    }
    for (size_t i = 0; i <= STEPS; i++)
        assert_true(fabs((double)ends[i] / WALKS - expected[i]) < 0.02);
    assert_int_equal(kin_neighbour_walk(NULL, 0, 7, STEPS, &random), 7);
}

enum { ROWS = 24, BITS = 16 };

typedef struct loss_run {
    double geometry;
    float directions[ROWS][WIDTH];
    float codes[ROWS][BITS];
    double loss[RANKS_MAX][KIN_BATCH_SLICES];
    float gradient[RANKS_MAX][ROWS][BITS];
} loss_run;

#define TEMPERATURE 0.4
#define QUANTIZATION 0.3
#define STRETCH 1.5

/* Of the cosine of units i and j, and what it should be by the directions. */
static double squared_gap(const loss_run *run, const double units[ROWS][BITS], size_t i, size_t j)
{
    double cosine = 0, wanted = 0;
    for (size_t b = 0; b < BITS; b++)
        cosine += units[i][b] * units[j][b];
    for (size_t d = 0; d < WIDTH; d++)
        wanted += STRETCH * (double)run->directions[i][d] * (double)run->directions[j][d];
    return pow(cosine - fmin(1, fmax(-1, wanted)), 2);
}

/* The definition, in doubles. Slices of 6 rows: 3 anchors, 3 partners. */
static double plain_loss(const loss_run *run, const double codes[ROWS][BITS])
{
    enum { SLICE = ROWS / KIN_BATCH_SLICES };
    double units[ROWS][BITS], total = 0;
    for (size_t i = 0; i < ROWS; i++) {
        double sum = 1e-12, corners = 0;
        for (size_t j = 0; j < BITS; j++) {
            sum += codes[i][j] * codes[i][j];
            corners += pow(fabs(codes[i][j]) - 1, 2);
        }
        for (size_t j = 0; j < BITS; j++)
            units[i][j] = codes[i][j] / sqrt(sum);
        total += QUANTIZATION * corners / BITS;
    }
    for (size_t i = 0; i < ROWS; i++) {
        size_t pair = i % SLICE < SLICE / 2 ? i + SLICE / 2 : i - SLICE / 2;
        double sum = 0, own = 0;
        for (size_t j = 0; j < ROWS; j++) {
            double cosine = 0;
            for (size_t b = 0; b < BITS; b++)
                cosine += units[i][b] * units[j][b];
            if (j != i) sum += exp(cosine / TEMPERATURE);
            if (j == pair) own = cosine / TEMPERATURE;
        }
        total += log(sum) - own;
        for (size_t j = 0; j < ROWS; j++)
            if (j != i) total += run->geometry / ROWS * squared_gap(run, units, i, j);
    }
    return total / ROWS;
}

static void compute_loss(const kin_train_context *context, void *user)
{
    loss_run *run = user;
    kin_error error = {0};
    kin_span owned = kin_batch_owned(context);
    kin_neighbour_loss_options options = {.rows = ROWS,
                                          .bits = BITS,
                                          .width = WIDTH,
                                          .temperature = TEMPERATURE,
                                          .quantization = QUANTIZATION,
                                          .geometry = run->geometry,
                                          .stretch = STRETCH};
    kin_neighbour_loss *loss = kin_neighbour_loss_new(context, &options);
    if (run->geometry > 0)
        memcpy(kin_neighbour_loss_directions(loss), run->directions, sizeof run->directions);
    else
        KIN_CHECK(kin_neighbour_loss_directions(loss) == NULL);
    for (int again = 0; again < 2; again++) {
        for (size_t k = owned.at; k < owned.at + owned.count; k++)
            memcpy(kin_neighbour_loss_codes(loss, k), run->codes[kin_batch_rows(ROWS, k).at],
                   ROWS / KIN_BATCH_SLICES * sizeof *run->codes);
        KIN_CHECK(kin_neighbour_loss_run(loss, &error) == KIN_OK);
        for (size_t k = owned.at; k < owned.at + owned.count; k++)
            run->loss[context->rank][k] = kin_neighbour_loss_gradient(
                loss, k, run->gradient[context->rank][kin_batch_rows(ROWS, k).at]);
    }
    kin_neighbour_loss_destroy(&loss);
}

static void draw_codes(loss_run *run, double geometry)
{
    kin_random random = {.state = 11};
    run->geometry = geometry;
    for (size_t i = 0; i < ROWS; i++) {
        double sum = 0, row[WIDTH];
        for (size_t d = 0; d < WIDTH; d++) {
            row[d] = kin_random_gaussian(&random);
            sum += row[d] * row[d];
        }
        for (size_t d = 0; d < WIDTH; d++)
            run->directions[i][d] = (float)(row[d] / sqrt(sum));
    }
    for (size_t i = 0; i < ROWS * BITS; i++)
        run->codes[i / BITS][i % BITS] = (float)tanh(kin_random_gaussian(&random));
}

static void check_loss(double geometry)
{
    loss_run *run = kin_calloc(1, sizeof *run);
    double codes[ROWS][BITS], sum = 0;
    draw_codes(run, geometry);
    kin_rank_threads_run(1, compute_loss, run);
    for (size_t i = 0; i < ROWS * BITS; i++)
        codes[i / BITS][i % BITS] = run->codes[i / BITS][i % BITS];
    for (size_t k = 0; k < KIN_BATCH_SLICES; k++)
        sum += run->loss[0][k];
    assert_true(fabs(sum - plain_loss(run, codes)) < 1e-5);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < BITS; j++) {
            double kept = codes[i][j], step = 1e-5, difference;
            codes[i][j] = kept + step;
            difference = plain_loss(run, codes);
            codes[i][j] = kept - step;
            difference = (difference - plain_loss(run, codes)) / (2 * step);
            codes[i][j] = kept;
            assert_true(fabs(difference - (double)run->gradient[0][i][j]) < 2e-6);
        }
    free(run);
}

static void loss_and_gradient(void **state)
{
    (void)state;
    check_loss(0);
    check_loss(2.5);
}

static void loss_of_ranks(void **state)
{
    (void)state;
    loss_run *alone = kin_calloc(1, sizeof *alone), *run = kin_calloc(1, sizeof *run);
    draw_codes(alone, 2);
    draw_codes(run, 2);
    kin_rank_threads_run(1, compute_loss, alone);
    for (int ranks = 2; ranks <= RANKS_MAX; ranks++) {
        kin_rank_threads_run(ranks, compute_loss, run);
        for (int r = 0; r < ranks; r++) {
            kin_train_context context = {.rank = r, .ranks = ranks};
            kin_span owned = kin_batch_owned(&context);
            for (size_t k = owned.at; k < owned.at + owned.count; k++) {
                kin_span slice = kin_batch_rows(ROWS, k);
                assert_true(run->loss[r][k] == alone->loss[0][k]);
                assert_memory_equal(run->gradient[r][slice.at], alone->gradient[0][slice.at],
                                    slice.count * sizeof *run->codes);
            }
        }
    }
    free(run);
    free(alone);
}

/* Codes of zeros and equal codes: finite. */
static void poor_codes(void **state)
{
    (void)state;
    loss_run *run = kin_calloc(1, sizeof *run);
    for (int filled = 0; filled < 2; filled++) {
        for (size_t i = 0; i < ROWS * BITS; i++)
            run->codes[i / BITS][i % BITS] = filled ? -1.0f : 0.0f;
        kin_rank_threads_run(1, compute_loss, run);
        for (size_t k = 0; k < KIN_BATCH_SLICES; k++)
            assert_true(isfinite(run->loss[0][k]));
        for (size_t i = 0; i < ROWS * BITS; i++)
            assert_true(isfinite(run->gradient[0][i / BITS][i % BITS]));
    }
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_is_exact), cmocka_unit_test(equal_vectors),
        cmocka_unit_test(walks),          cmocka_unit_test(loss_and_gradient),
        cmocka_unit_test(loss_of_ranks),  cmocka_unit_test(poor_codes),
    };
    kin_blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
