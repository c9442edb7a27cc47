/* Rankings against a plain sort, and figures by hand; ties against every order that they can come
 * in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/test.h"
#include "worker/eval/metrics.h"

#define ROWS_MAX 512

static void codes_rank_by_distance_then_row(void **state)
{
    (void)state;
    kin_random random = {.state = 5};
    kin_ranking *ranking = kin_ranking_new(ROWS_MAX);
    for (size_t width = 1; width <= 4; width++) {
        uint64_t words[ROWS_MAX * 4], query[4];
        for (size_t i = 0; i < ROWS_MAX * width; i++)
            words[i] = kin_random_u64(&random) & kin_random_u64(&random);
        for (size_t w = 0; w < width; w++)
            query[w] = kin_random_u64(&random);
        kin_ranking_by_code(ranking, words, ROWS_MAX, width, query);
        const uint32_t *order = kin_ranking_order(ranking), *starts = kin_ranking_starts(ranking);
        unsigned before = 0;
        for (size_t i = 0; i < ROWS_MAX; i++) {
            unsigned distance = 0;
            for (size_t w = 0; w < width; w++)
                distance += (unsigned)__builtin_popcountll(words[order[i] * width + w] ^ query[w]);
            assert_true(i == 0 || distance > before ||
                        (distance == before && order[i] > order[i - 1]));
            assert_true(i >= starts[distance] && i < starts[distance + 1]);
            before = distance;
        }
        assert_int_equal(starts[KIN_RANKING_DISTANCES], ROWS_MAX);
    }
    kin_ranking_destroy(&ranking);
}

static void scores_rank_downwards_then_by_row(void **state)
{
    (void)state;
    const float scores[] = {0.5f, -1, 0, 3e38f, -0.0f, 0.5f, -1e-40f, 1e-40f, -3e38f, 0.5f};
    const uint32_t wanted[] = {3, 0, 5, 9, 7, 2, 4, 6, 1, 8};
    kin_ranking *ranking = kin_ranking_new(10);
    kin_ranking_by_score(ranking, scores, 10);
    assert_memory_equal(kin_ranking_order(ranking), wanted, sizeof wanted);
    assert_null(kin_ranking_starts(ranking));
    kin_ranking_destroy(&ranking);
}

static void re_ranking_orders_the_first_by_score_then_as_they_were(void **state)
{
    (void)state;
    kin_random random = {.state = 6};
    kin_ranking *ranking = kin_ranking_new(ROWS_MAX);
    for (size_t count = 0; count <= ROWS_MAX; count += count < 4 ? 1 : 127) {
        uint64_t words[ROWS_MAX], query = kin_random_u64(&random);
        uint32_t before[ROWS_MAX], place[ROWS_MAX], scores[ROWS_MAX] = {0};
        for (size_t i = 0; i < ROWS_MAX; i++)
            words[i] = kin_random_u64(&random) & 0xff;
        kin_ranking_by_code(ranking, words, ROWS_MAX, 1, &query);
        memcpy(before, kin_ranking_order(ranking), sizeof before);
        for (uint32_t i = 0; i < ROWS_MAX; i++) {
            place[before[i]] = i;
            if (i < count) scores[i] = (uint32_t)kin_random_below(&random, 40) << 26;
        }
        kin_ranking_rerank(ranking, scores, count);
        const uint32_t *order = kin_ranking_order(ranking);
        assert_null(kin_ranking_starts(ranking));
        for (size_t i = 1; i < count; i++) {
            uint32_t a = place[order[i - 1]], b = place[order[i]];
            assert_true(a < count && b < count);
            assert_true(scores[a] < scores[b] || (scores[a] == scores[b] && a < b));
        }
        assert_memory_equal(order + count, before + count, (ROWS_MAX - count) * sizeof *order);
    }
    kin_ranking_destroy(&ranking);
}

/* Rows at given distances from a query of zeros, relevant or not: the metrics of that one query. */
static kin_metrics measure(const unsigned *distances, const uint32_t *relevant, size_t count,
                           size_t first)
{
    uint64_t *words = kin_malloc(count * sizeof *words);
    uint64_t sizes[2] = {0}, query = 0;
    double *harmonics = kin_malloc((count + 1) * sizeof *harmonics);
    for (size_t i = 0; i < count; i++) {
        words[i] = distances[i] == 64 ? UINT64_MAX : ((uint64_t)1 << distances[i]) - 1;
        sizes[relevant[i]]++;
    }
    kin_metrics_harmonics(harmonics, count);
    kin_metrics_rows rows = {relevant, sizes, harmonics, count, first};
    kin_metrics metrics = {0};
    kin_ranking *ranking = kin_ranking_new(count);
    kin_ranking_by_code(ranking, words, count, 1, &query);
    kin_metrics_add(&metrics, &rows, 1, ranking);
    kin_metrics_finish(&metrics);
    kin_ranking_destroy(&ranking);
    free(harmonics);
    free(words);
    return metrics;
}

static void check_near(double found, double wanted)
{
    if (!(fabs(found - wanted) < 1e-12)) fail_msg("%.17g, not %.17g", found, wanted);
}

static void a_query_by_hand(void **state)
{
    (void)state;
    /* in order: 1 0 1 0 1, of which the first three are within the radius */
    const unsigned distances[] = {4, 0, 2, 1, 3};
    const uint32_t relevant[] = {1, 1, 1, 0, 0};
    kin_metrics metrics = measure(distances, relevant, 5, 4);
    assert_int_equal(metrics.queries, 1);
    check_near(metrics.mean_precision, (1.0 + 2.0 / 3 + 3.0 / 5) / 3);
    check_near(metrics.mean_precision_ties, metrics.mean_precision);
    check_near(metrics.mean_precision_first, (1.0 + 2.0 / 3) / 2);
    check_near(metrics.precision_first, 2.0 / 4);
    check_near(metrics.recall_first, 2.0 / 3);
    check_near(metrics.precision_radius, 2.0 / 3);
    check_near(metrics.empty_radius, 0);
    check_near(metrics.curve[0], 1);        /* a twentieth is reached with the first */
    check_near(metrics.curve[5], 1);        /* 6/20 < 1/3 */
    check_near(metrics.curve[6], 2.0 / 3);  /* 7/20 > 1/3 */
    check_near(metrics.curve[13], 3.0 / 5); /* 14/20 > 2/3 */
    check_near(metrics.curve[19], 3.0 / 5);
}

static void what_finds_nothing_counts_as_nothing(void **state)
{
    (void)state;
    const unsigned far[] = {3, 9, 64};
    const uint32_t relevant[] = {0, 0, 1}, none[] = {0, 0, 0};
    kin_metrics metrics = measure(far, relevant, 3, 2);
    check_near(metrics.precision_radius, 0);
    check_near(metrics.empty_radius, 1);
    check_near(metrics.mean_precision_first, 0);
    check_near(metrics.mean_precision, 1.0 / 3);
    metrics = measure(far, none, 3, 2);
    assert_int_equal(metrics.queries, 0);
    assert_int_equal(metrics.without_relevant, 1);
}

static double average_precision(const uint32_t *relevant, size_t count)
{
    double sum = 0, found = 0;
    for (size_t i = 0; i < count; i++)
        if (relevant[i]) sum += ++found / (double)(i + 1);
    return sum / found;
}

/* The sum over all orders of rows [at, end of the group at `at`) and of the groups behind it. */
static double sum_orders(uint32_t *relevant, const unsigned *distances, size_t at, size_t count,
                         double *orders)
{
    if (at == count) {
        ++*orders;
        return average_precision(relevant, count);
    }
    double sum = 0;
    for (size_t i = at; i < count && distances[i] == distances[at]; i++) {
        uint32_t kept = relevant[at];
        relevant[at] = relevant[i];
        relevant[i] = kept;
        sum += sum_orders(relevant, distances, at + 1, count, orders);
        relevant[i] = relevant[at];
        relevant[at] = kept;
    }
    return sum;
}

static void ties_are_the_mean_of_all_orders(void **state)
{
    (void)state;
    static const unsigned distances[][7] = {{1, 1, 1, 1, 1, 1, 1},
                                            {0, 0, 2, 2, 2, 2, 5},
                                            {0, 1, 1, 2, 2, 2, 64},
                                            {0, 1, 2, 3, 4, 5, 6},
                                            {3, 3, 3, 4, 4, 4, 4}};
    for (size_t set = 0; set < 5; set++)
        for (unsigned mask = 1; mask < 128; mask++) {
            uint32_t relevant[7];
            double orders = 0;
            for (unsigned i = 0; i < 7; i++)
                relevant[i] = mask >> i & 1;
            double found = measure(distances[set], relevant, 7, 3).mean_precision_ties;
            double sum = sum_orders(relevant, distances[set], 0, 7, &orders);
            check_near(found, sum / orders);
        }
}

static void all_equal_codes_are_as_good_as_chance(void **state)
{
    (void)state;
    /* Of 4 equal rows one is relevant: at place 1, 2, 3 or 4. By row it comes first. */
    const unsigned distances[] = {7, 7, 7, 7};
    const uint32_t relevant[] = {1, 0, 0, 0};
    kin_metrics metrics = measure(distances, relevant, 4, 1);
    check_near(metrics.mean_precision, 1);
    check_near(metrics.mean_precision_ties, (1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 4);
}

static void neighbours_are_counted_and_marks_taken_away(void **state)
{
    (void)state;
    const uint32_t order[] = {4, 2, 0, 3, 1}, near[] = {3, 2, 1};
    uint8_t marks[5] = {0};
    assert_int_equal(kin_metrics_found(order, 1, near, 3, marks), 0);
    assert_int_equal(kin_metrics_found(order, 4, near, 3, marks), 2);
    assert_int_equal(kin_metrics_found(order, 5, near, 3, marks), 3);
    for (int i = 0; i < 5; i++)
        assert_int_equal(marks[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_rank_by_distance_then_row),
        cmocka_unit_test(scores_rank_downwards_then_by_row),
        cmocka_unit_test(re_ranking_orders_the_first_by_score_then_as_they_were),
        cmocka_unit_test(a_query_by_hand),
        cmocka_unit_test(what_finds_nothing_counts_as_nothing),
        cmocka_unit_test(ties_are_the_mean_of_all_orders),
        cmocka_unit_test(all_equal_codes_are_as_good_as_chance),
        cmocka_unit_test(neighbours_are_counted_and_marks_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
