/* The arithmetic of plans against calculations by hand and against files that are really written.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "proto/list_format.h"
#include "proto/part_format.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"
#include "worker/plan/plan_build.h"
#include "worker/plan/plan_import.h"
#include "worker/plan/plan_search.h"
#include "worker/shard/shard_writer.h"

#define GIB ((uint64_t)1 << 30)

static void near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-9 * fabs(b) + 1e-12)) fail_msg("%.17g is not %.17g", a, b);
}

static void counts_are_those_by_hand(void **state)
{
    (void)state;
    near(kin_plan_parallel(8, 4, 2), 8);
    near(kin_plan_parallel(16, 4, 2), 8);
    near(kin_plan_parallel(1, 1, 2), 1);
    assert_int_equal(kin_plan_local_ranks(8, 4, 2), 2);
    assert_int_equal(kin_plan_local_ranks(9, 4, 2), 2);
    assert_int_equal(kin_plan_local_ranks(5, 4, 8), 2);
    assert_int_equal(kin_plan_chunk_pictures(1), 64);
    assert_int_equal(kin_plan_chunk_pictures(4194303), 64);
    assert_int_equal(kin_plan_chunk_pictures(4194304), 128);
    assert_int_equal(kin_plan_chunk_pictures(UINT64_MAX / 4), 8192);
    assert_int_equal(kin_plan_chunks(6900), 108);
    assert_int_equal(kin_plan_shards(1), 4);
    assert_int_equal(kin_plan_shards(16000001), 5);
    assert_int_equal(kin_plan_shards(UINT64_MAX / 2), 4096);
}

static const kin_import_facts billion = {.codes = 1000000000,
                                         .bits = 64,
                                         .tables = 2,
                                         .shards = 1,
                                         .ranks = 2,
                                         .nodes = 1,
                                         .cores = 2,
                                         .memory_bytes = 8 * GIB};

static void tasks_fit_the_memory(void **state)
{
    (void)state;
    kin_import_facts facts = billion;
    /* 4 GiB - 96 MiB = 4,194,304,000. A quarter of the rows, and 0.5 % more, are 251,250,000 of 16
     * bytes; four deviations of 244,140 samples, 1.6 % more, still fit. */
    assert_int_equal(kin_import_memory_for_rows(8 * GIB, 2), 4194304000u);
    assert_int_equal(kin_import_memory_for_rows(1, 2), 16 << 20);
    assert_in_range(kin_plan_task_rows(&facts, false), 251250000, 251250001);
    assert_in_range(kin_plan_task_rows(&facts, true), 502500000, 502500001);
    kin_import_passes passes = kin_plan_passes(&facts);
    assert_false(passes.whole);
    assert_int_equal(passes.tasks, 4 + 2);
    assert_int_equal(passes.passes, 2 + 1);
    char name[KIN_FIGURE_NAME_BYTES];
    kin_plan_import_name(&facts, name);
    assert_string_equal(name, "import-64-t2-split");
    /* A shard a task: both at once, one pass. */
    facts.codes = 1000000;
    facts.shards = 2;
    passes = kin_plan_passes(&facts);
    assert_true(passes.whole);
    assert_int_equal(passes.tasks, 2);
    assert_int_equal(passes.passes, 1);
    /* Keys ride along with table 0. */
    assert_int_equal(kin_plan_row_bytes(64, false, false), 16);
    assert_int_equal(kin_plan_row_bytes(64, false, true), 32);
    assert_int_equal(kin_plan_row_bytes(256, true, true), 32);
    uint64_t without = kin_plan_task_rows(&facts, false);
    facts.codes = 1000000000;
    facts.key_bytes = 100 * facts.codes;
    assert_true(kin_plan_task_rows(&facts, false) < 251250000 / 7 && without > 0);
}

static void an_import_takes_what_rates_say(void **state)
{
    kin_figures rates = {0};
    kin_plan plan;
    (void)state;
    kin_import_facts facts = billion;
    facts.made_bytes = 8000000000;
    facts.base_bytes = 1000;
    kin_plan_import(&plan, &facts, &rates, "p");
    assert_false(plan.timed);
    assert_int_equal(plan.stage_count, 0);
    kin_figures_set(&rates, "p.made", 5);
    kin_figures_set(&rates, "p.look", 1e-8);
    kin_figures_set(&rates, "p.gather", 2e-8);
    kin_figures_set(&rates, "p.sort", 3e-8);
    kin_figures_set(&rates, "p.write", 4e-8);
    kin_figures_set(&rates, "p.disk", 1e-9);
    kin_figures_set(&rates, "p.beside_bytes", 500);
    kin_plan_import(&plan, &facts, &rates, "p");
    assert_true(plan.timed && plan.measured_s == 5);
    near(plan.stages[0].seconds, 5);                /* look, two ranks */
    near(plan.stages[1].seconds, 0.5e9 * 2e-8 * 3); /* three passes */
    near(plan.stages[2].seconds, 15);
    near(plan.stages[3].seconds, 20);
    near(plan.stages[4].seconds, (double)plan.disk_bytes * 1e-9);
    near(kin_plan_seconds(&plan), 5 + 30 + 15 + 20 + (double)plan.disk_bytes * 1e-9);
    /* The largest task, 1e9 / 4 rows of 16 bytes, as are 1e9 / 2 of 8. */
    assert_int_equal(plan.memory_bytes, 1000 + 500 + (uint64_t)250000000 * 16);
    assert_int_equal(plan.disk_peak_bytes - plan.disk_bytes, 8000000000u);
    /* Two tables of a billion: entries of 5 bytes, ids of 4, starts of 2^24 x 4. */
    assert_in_range(plan.disk_bytes, 14000000000u, 14300000000u);
    kin_figures_fini(&rates);
}

static void a_build_takes_what_rates_say(void **state)
{
    kin_figures rates = {0};
    kin_plan plan;
    (void)state;
    kin_build_facts facts = {.inputs = 1000000,
                             .picture_bytes = 200000000000u,
                             .text_bytes = 50000000,
                             .key_bytes = 49000000,
                             .indexed = 0.5,
                             .dimensions = 1000,
                             .bits = 64,
                             .sample = 32768,
                             .learns = true,
                             .centred = 1024,
                             .ranks = 8,
                             .nodes = 4,
                             .cores = 2,
                             .thumbnail_bytes = 2000,
                             .other_bytes = 300000,
                             .base_bytes = 5000000,
                             .parts_bytes = 10000000,
                             .learn_bytes = 900000000};
    static const struct {
        const char *name;
        double value;
    } given[] = {
        {"p.made", 9},          {"p.list", 1e-6},       {"p.read", 1e-10},
        {"p.decode", 4e-3},     {"p.features", 8e-3},   {"p.write", 0.01},
        {"p.fixed", 0.25},      {"p.disk", 2e-9},       {"learn.p.fixed", 3},
        {"learn.p.each", 1e-4}, {"learn.p.step", 0.01}, {"learn.p.anchor", 1e-4},
    };
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        kin_figures_set(&rates, given[i].name, given[i].value);
    kin_plan_build(&plan, &facts, &rates, "p");
    assert_int_equal(plan.stage_count, 8);
    near(plan.stages[0].seconds, 1);
    near(plan.stages[1].seconds, 3 + 3.2768 + 400 * (0.01 + 512e-4) + 1024 * 12e-3 / 8);
    near(kin_plan_neighbour_batch(160), 20); /* an eighth of the sample */
    near(kin_plan_neighbour_steps(160), 400);
    near(kin_plan_neighbour_steps(512000), 3000); /* three passes */
    near(plan.stages[2].seconds, 20.0 / 8);
    near(plan.stages[3].seconds, 4000.0 / 8);
    near(plan.stages[4].seconds, 500000 * 8e-3 / 8);
    near(plan.stages[5].seconds, (500000 - 32768) * 64e3 * 1e-10 / 8);
    near(plan.stages[6].seconds, 15625 * 0.01 / 8);
    near(plan.stages[7].seconds, 0.25 + 500000 * 17.2e-6 / 8 + (double)plan.disk_bytes * 2e-9);
    /* Learning is more than exchanging rows, and than listing. */
    assert_int_equal(plan.memory_bytes, 5000000 + 10000000 + 900000000);
    /* 500,000 thumbnails of 2,000 bytes and keys of 49; 16 bytes of a row and its starts at least.
     */
    assert_in_range(plan.disk_bytes, 500000 * (2000 + 49 + 16 + 12),
                    500000 * (2000 + 49 + 16 + 12) + (40 << 20));
    /* Parts again, those of 512 chunks with vectors; the list. */
    assert_in_range(plan.disk_peak_bytes - plan.disk_bytes, 1000000000u + 65000000 + 98000000,
                    1000000000u + 200000000 + 98000000);
    /* Of any pictures by these features: decoding by bytes. Given hashers learn nothing. */
    kin_figures_set(&rates, "q.made", 1);
    kin_figures_set(&rates, "q.decode_byte", 1e-8);
    facts.learns = false;
    facts.centred = 0;
    kin_plan_build(&plan, &facts, &rates, "q");
    near(plan.stages[1].seconds, 0);
    near(plan.stages[3].seconds, 2000.0 / 8);
    kin_figures_fini(&rates);
}

static void files_are_as_large_as_planned(void **state)
{
    (void)state;
    kin_part_builder part = {0};
    kin_list_builder list = {0};
    kin_buffer bytes = {0};
    kin_digest digest = {{0}};
    uint8_t picture[100] = {0};
    uint64_t words[64] = {0};
    for (int i = 0; i < 50; i++) {
        kin_part_row row = {.detail = "", .thumbnail = picture, .thumbnail_bytes = 100};
        if (i % 5 == 0) row = (kin_part_row){.reason = KIN_REASON_EMPTY, .detail = ""};
        kin_part_builder_add(&part, &row);
    }
    kin_part_head head = {.count = 50, .kind = KIN_PART_CODES, .width = 64};
    kin_part_builder_finish(&part, &head, words, &bytes);
    assert_int_equal(bytes.bytes, kin_part_file_bytes(&head, 40, 4000));
    kin_part_builder_fini(&part);
    kin_buffer_clear(&bytes);
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%06d", i);
        kin_list_row row = {.key = key, .key_bytes = 10, .member = KIN_LIST_NO_MEMBER};
        kin_list_builder_add(&list, &row);
    }
    kin_list_builder_finish(&list, &digest, 0, &bytes);
    assert_int_equal(bytes.bytes, kin_list_file_bytes(3000, 3000 * 11));
    kin_list_builder_fini(&list);
    kin_buffer_fini(&bytes);
}

static kin_status key(void *user, uint64_t row, const char **text, uint32_t *bytes,
                      kin_error *error)
{
    (void)user;
    (void)row;
    (void)error;
    *text = "0123456789";
    *bytes = 10;
    return KIN_OK;
}

static void shards_are_as_large_as_planned(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard.kin");
    static const struct {
        uint64_t count;
        uint32_t bits, tables;
        bool keys;
    } cases[] = {{1000, 64, 0, true}, {70001, 64, 3, false}, {20000, 256, 5, true}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint64_t count = cases[c].count, words = cases[c].bits / 64;
        uint64_t *codes = kin_calloc(count * words, 8), *ids = kin_calloc(count, 8);
        kin_error error;
        kin_shard_written written;
        for (uint64_t i = 0; i < count; i++) {
            codes[i * words] = i << 40;
            ids[i] = i;
        }
        kin_shard_rows rows = {.bits = cases[c].bits,
                               .count = count,
                               .words = codes,
                               .ids = ids,
                               .tables = cases[c].tables,
                               .key = cases[c].keys ? key : NULL};
        memset(rows.last.word, 0xff, cases[c].bits / 8);
        assert_int_equal(kin_shard_write(path, &rows, &written, &error), KIN_OK);
        assert_int_equal(written.bytes, kin_plan_shard_bytes(&(kin_plan_shape){
                                            .count = count,
                                            .id_max = count - 1,
                                            .bits = cases[c].bits,
                                            .tables = cases[c].tables,
                                            .shards = 1,
                                            .key_bytes = cases[c].keys ? 10 * count : 0}));
        free(codes);
        free(ids);
    }
    kin_error error;
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

static void plan_and_fact_are_compared(void **state)
{
    kin_plan plan = {
        .timed = true, .memory_bytes = 1000000, .disk_bytes = 2000000, .disk_peak_bytes = 4000000};
    kin_plan fact = {
        .timed = true, .memory_bytes = 1500000, .disk_bytes = 2000000, .disk_peak_bytes = 3000000};
    kin_buffer text = {0};
    (void)state;
    kin_plan_add(&plan, "decode", 10);
    kin_plan_add(&plan, "tiny", 0.01);
    kin_plan_add(&fact, "decode", 12);
    kin_plan_add(&fact, "tiny", 0.02);
    kin_plan_add(&fact, "rest", 1);
    kin_plan_compare(&plan, &fact, &text);
    kin_buffer_append_byte(&text, 0);
    assert_string_equal((char *)text.data,
                        "seconds planned and taken: decode 10.0 12.0 (1.20), rest 0.0 1.0, "
                        "all 10.0 13.0 (1.30)\n"
                        "bytes planned and taken: memory of a rank 1.0 MB 1.5 MB (1.50), "
                        "disk 2.0 MB 2.0 MB (1.00), disk at most 4.0 MB 3.0 MB (0.75)\n");
    kin_buffer_clear(&text);
    kin_plan quick = {.timed = true}, quicker = {.timed = true};
    kin_plan_add(&quick, "look", 0.00001);
    kin_plan_add(&quicker, "look", 0.01);
    kin_plan_compare(&quick, &quicker, &text); /* nobody waits for either */
    assert_memory_equal(text.data, "seconds planned and taken: all 0.0 0.0\n", 39);
    kin_buffer_clear(&text);
    plan.timed = false;
    kin_plan_compare(&plan, &fact, &text);
    kin_buffer_append_byte(&text, 0);
    assert_string_equal((char *)text.data,
                        "neither time nor memory was planned: nobody has measured this machine at "
                        "such a job; kindred plan does\n"
                        "bytes planned and taken: disk 2.0 MB 2.0 MB (1.00), disk at most 4.0 MB "
                        "3.0 MB (0.75)\n");
    kin_buffer_fini(&text);
    kin_figures figures = {0};
    kin_plan_figures(&fact, "fact", &figures);
    near(kin_figures_get_in(&figures, "fact.seconds", "rest", 0), 1);
    near(kin_figures_get_in(&figures, "fact", "memory_bytes", 0), 1500000);
    kin_figures_fini(&figures);
}

static void shells_cost_what_they_hold(void **state)
{
    double buckets, entries, before = 0;
    (void)state;
    kin_cost_shape shape = {
        .count = 65536, .tables = 2, .part_bits = {8, 8}, .entry_bytes = {6, 6}, .crowding = 1};
    (void)kin_cost_shape_ns(&shape, 0, &buckets, &entries); /* the bucket of one table */
    near(buckets, 1);
    near(entries, 256);
    (void)kin_cost_shape_ns(&shape, 1, &buckets, &entries); /* of both */
    near(buckets, 2);
    near(entries, 512);
    (void)kin_cost_shape_ns(&shape, 2, &buckets, &entries); /* 8 more of one */
    near(buckets, 10);
    (void)kin_cost_shape_ns(&shape, 1.5, &buckets, &entries); /* half of them */
    near(buckets, 6);
    shape.crowding = 2;
    (void)kin_cost_shape_ns(&shape, 1, &buckets, &entries);
    near(entries, 1024);
    for (double radius = 0; radius < 64; radius += 0.5) {
        double ns = kin_cost_shape_ns(&shape, radius, &buckets, &entries);
        assert_true(ns >= before);
        before = ns;
    }
    /* Every shell of both: all buckets, all codes, twice. */
    (void)kin_cost_shape_ns(&shape, 1e6, &buckets, &entries);
    near(buckets, 512);
    near(entries, 2 * 2 * 65536.0);
    assert_true(kin_cost_shape_scan_ns(&shape) > 65536 * 6 * 0.01);
    kin_search_facts facts = {.codes = 10000000, .bits = 64, .tables = 4, .k = 10};
    kin_plan_search_shape(&facts, &shape);
    for (int j = 0; j < 4; j++)
        assert_int_equal(shape.part_bits[j], 16);
}

static void sizes_are_read(void **state)
{
    uint64_t bytes = 0;
    (void)state;
    assert_true(kin_text_parse_bytes("8G", &bytes) && bytes == 8 * GIB);
    assert_true(kin_text_parse_bytes("200K", &bytes) && bytes == 200 << 10);
    assert_true(kin_text_parse_bytes("17", &bytes) && bytes == 17);
    static const char *const wrong[] = {
        "", "G", "8GB", "-1", "1.5G", "8g", "99999999999999999999", "18446744073709551615T"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(kin_text_parse_bytes(wrong[i], &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_by_hand),
        cmocka_unit_test(tasks_fit_the_memory),
        cmocka_unit_test(an_import_takes_what_rates_say),
        cmocka_unit_test(a_build_takes_what_rates_say),
        cmocka_unit_test(files_are_as_large_as_planned),
        cmocka_unit_test(shards_are_as_large_as_planned),
        cmocka_unit_test(plan_and_fact_are_compared),
        cmocka_unit_test(shells_cost_what_they_hold),
        cmocka_unit_test(sizes_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
