/* Plans of imports: units cover every table without gaps, no task is much larger than asked for,
 * shards do not depend on tasks; rows are sorted as qsort does, and routes find what a scan finds.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/test.h"
#include "worker/index/import_plan.h"
#include "worker/index/import_route.h"
#include "worker/index/row_sort.h"

static void no_tick(void *user)
{
    (void)user;
}

/* codes [count][words] of which some are equal, and some have equal starts. */
static uint64_t *codes_of(uint64_t seed, uint64_t count, unsigned words)
{
    kin_random random = {seed};
    uint64_t *codes = kin_calloc(count * words, sizeof *codes);
    for (uint64_t i = 0; i < count * words; i++)
        codes[i] = kin_random_u64(&random);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t kind = kin_random_below(&random, 4);
        if (kind == 0) memcpy(codes + i * words, codes, words * sizeof *codes);
        if (kind == 1) codes[i * words] = codes[i * words] >> 40 | codes[0] << 24;
    }
    return codes;
}

static unsigned compared_words;

static int compare_rows(const void *a, const void *b)
{
    return kin_route_compare(a, b, compared_words);
}

static void rows_are_sorted(void **state)
{
    (void)state;
    const uint64_t counts[] = {0, 1, 2, 15, 17, 1000, 70000, 300000};
    kin_row_sorter *sorter = kin_row_sorter_new(no_tick, NULL);
    for (unsigned words = 1; words <= 5; words++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            uint64_t *rows = codes_of(words * 10 + c, counts[c] + 1, words);
            uint64_t *wanted = kin_malloc((counts[c] + 1) * words * sizeof *wanted);
            memcpy(wanted, rows, (counts[c] + 1) * words * sizeof *wanted);
            compared_words = words;
            qsort(wanted, counts[c], words * sizeof *wanted, compare_rows);
            kin_row_sort(sorter, rows, counts[c], words);
            assert_memory_equal(rows, wanted, (counts[c] + 1) * words * sizeof *rows);
            free(rows);
            free(wanted);
        }
    kin_row_sorter_destroy(&sorter);
}

static void routes_find_ranges(void **state)
{
    (void)state;
    for (unsigned bits = 64; bits <= 256; bits *= 2) {
        unsigned words = bits / 64;
        uint64_t *codes = codes_of(bits, 3000, words);
        kin_code starts[400] = {{{0}}};
        uint32_t count = 1;
        kin_row_sorter *sorter = kin_row_sorter_new(no_tick, NULL);
        kin_row_sort(sorter, codes, 400, words);
        kin_row_sorter_destroy(&sorter);
        for (uint32_t i = 0; i < 400; i++) {
            kin_code code;
            kin_code_from_words(&code, codes + (size_t)i * words, bits);
            if (kin_code_compare(&starts[count - 1], &code) < 0) starts[count++] = code;
        }
        kin_import_route route;
        kin_import_route_init(&route, bits, starts, count);
        for (uint32_t i = 0; i < 3000; i++) {
            kin_code code;
            uint32_t wanted = 0;
            kin_code_from_words(&code, codes + (size_t)i * words, bits);
            while (wanted + 1 < count && kin_code_compare(&starts[wanted + 1], &code) <= 0)
                wanted++;
            assert_int_equal(kin_import_route_find(&route, code.word), wanted);
        }
        for (unsigned stride = words; stride <= 2 * words; stride += words) {
            uint32_t some = 1 + stride % 7, found[KIN_ROUTE_LANES];
            for (uint32_t i = 0; i + some * stride < 3000; i += some, some = some % 16 + 1) {
                kin_import_route_find_some(&route, codes + (size_t)i * words, stride, some, found);
                for (uint32_t j = 0; j < some; j++) {
                    const uint64_t *code = codes + (size_t)i * words + (size_t)j * stride;
                    assert_int_equal(found[j], kin_import_route_find(&route, code));
                }
            }
        }
        kin_import_route_fini(&route);
        free(codes);
    }
}

/* What must hold of every plan. */
static void check_plan(const kin_import_plan *plan)
{
    uint32_t task = 0;
    for (uint32_t u = 0; u < plan->unit_count; u++) {
        const kin_import_unit *unit = &plan->units[u];
        const kin_import_unit *before = u > 0 ? unit - 1 : NULL;
        bool same = before != NULL && before->table == unit->table && before->shard == unit->shard;
        assert_int_equal(unit->first, !same);
        assert_int_equal(unit->last, u + 1 == plan->unit_count || unit[1].first);
        if (same) assert_true(kin_code_compare(&before->start, &unit->start) < 0);
        if (!same && unit->table == 0)
            assert_int_equal(kin_code_compare(&unit->start, &plan->shard_first[unit->shard]), 0);
        if (unit->task != task) assert_int_equal(unit->task, ++task);
        assert_true(plan->tasks[task].first_unit <= u &&
                    u < plan->tasks[task].first_unit + plan->tasks[task].unit_count);
        assert_int_equal(plan->tasks[task].table, unit->table);
        assert_true(!unit->whole || (unit->first && unit->last && unit->table == 0));
    }
    assert_int_equal(task + 1, plan->task_count);
}

/* The rows of each unit, by looking at every unit. */
static void count_rows(kin_import_plan *plan, const uint64_t *codes, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        for (uint32_t t = 0; t < plan->table_count; t++) {
            kin_code plain, code;
            uint32_t shard = 0;
            kin_code_from_words(&plain, codes + i * (plan->bits / 64), plan->bits);
            while (shard + 1 < plan->shard_count &&
                   kin_code_compare(&plan->shard_first[shard + 1], &plain) <= 0)
                shard++;
            code = plain;
            kin_code_rotate(&code, plan->bits, plan->rotation[t]);
            for (uint32_t u = plan->table_unit[t]; u < plan->table_unit[t + 1]; u++) {
                kin_import_unit *unit = &plan->units[u];
                bool behind = unit->last || kin_code_compare(&code, &unit[1].start) < 0;
                if (unit->shard == shard && behind && kin_code_compare(&unit->start, &code) <= 0)
                    unit->rows++;
            }
        }
}

static void plans_cover_everything(void **state)
{
    (void)state;
    const uint32_t rotation[] = {0, 21, 42};
    const uint64_t count = 4000;
    uint64_t *codes = codes_of(3, count, 1);
    kin_code first_cut[8];
    for (uint32_t shards = 1; shards <= 7; shards += 3)
        for (uint64_t rows = 100; rows < 10000; rows *= 3) {
            kin_import_plan plan;
            kin_import_wishes wishes = {.bits = 64,
                                        .tables = 3,
                                        .shards = shards,
                                        .rotation = rotation,
                                        .count = count,
                                        .task_rows = {rows, rows + 50}};
            uint64_t *sample = kin_malloc(count * sizeof *sample);
            memcpy(sample, codes, count * sizeof *sample);
            kin_import_plan_make(&plan, &wishes, sample, count);
            check_plan(&plan);
            count_rows(&plan, codes, count);
            kin_import_plan_sum(&plan);
            uint64_t all = 0;
            for (uint32_t s = 0; s < plan.shard_count; s++)
                all += plan.shard_rows[s];
            assert_int_equal(all, count);
            for (uint32_t t = 0; t < plan.task_count; t++) {
                const kin_import_unit *unit = &plan.units[plan.tasks[t].first_unit];
                if (!unit->single) assert_true(plan.tasks[t].rows <= rows + 50);
            }
            if (rows == 100)
                memcpy(first_cut, plan.shard_first, plan.shard_count * sizeof *first_cut);
            assert_memory_equal(first_cut, plan.shard_first, plan.shard_count * sizeof *first_cut);
            kin_import_plan_fini(&plan);
            free(sample);
        }
    free(codes);
}

static void neighbours_of_codes(void **state)
{
    (void)state;
    kin_code code = {{1, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    kin_code next = kin_import_code_after(&code, 256);
    assert_int_equal(next.word[0], 2);
    assert_int_equal(next.word[1] | next.word[2] | next.word[3], 0);
    kin_code back = kin_import_code_before(&next, 256);
    assert_memory_equal(&back, &code, sizeof code);
    code = (kin_code){{41}};
    next = kin_import_code_after(&code, 64);
    assert_int_equal(next.word[0], 42);
    assert_int_equal(next.word[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted),
        cmocka_unit_test(routes_find_ranges),
        cmocka_unit_test(plans_cover_everything),
        cmocka_unit_test(neighbours_of_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
