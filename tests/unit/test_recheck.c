/* Answers that are looked at again: right ones pass, wrong ones are counted, and it is as often as
 * was said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/make_index.h"
#include "tests/support/test.h"
#include "worker/serve/recheck.h"

#define COUNT 500
#define K 10

static kin_holding *holding;
static kin_code codes[COUNT];

static int open_shards(void **state)
{
    char folder[] = "/tmp/kindred-recheck-XXXXXX", path[128];
    kin_error error = {0};
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    kin_make_codes(codes, COUNT, 64, 5);
    kin_make_index(folder, codes, COUNT, 64, 1);
    holding = kin_holding_new();
    snprintf(path, sizeof path, "%s/generation-000001/shard-0000.kin", folder);
    kin_shard_reader *reader = NULL;
    kin_status status = kin_shard_reader_open(&reader, path, &error);
    if (status == KIN_OK) kin_holding_add(holding, 0, reader);
    return status == KIN_OK && kin_directory_remove(folder, &error) == KIN_OK ? 0 : -1;
}

static int close_shards(void **state)
{
    (void)state;
    kin_holding_destroy(&holding);
    return 0;
}

/* Notes the right answer to a code, after spoil changed it, and looks at it again. */
static uint64_t mismatches(void (*spoil)(kin_hit *hits, uint32_t *count), bool any_ties)
{
    static kin_hit hits[COUNT];
    uint8_t code[8];
    uint64_t checks, wrong;
    kin_message_shard shard = {.shard = 0};
    kin_message scan = kin_message_of(KIN_MESSAGE_SCAN);
    for (uint32_t i = 0; i < COUNT; i++)
        hits[i] = (kin_hit){.id = i, .distance = kin_code_distance(&codes[3], &codes[i])};
    kin_hits_sort(hits, COUNT);
    kin_code_to_bytes(&codes[3], code, 64);
    scan.code = (kin_bytes){code, sizeof code};
    scan.k = K;
    scan.any_ties = any_ties;
    scan.shards = &shard;
    scan.shard_count = 1;
    uint32_t count = K;
    spoil(hits, &count);
    kin_recheck *recheck = kin_recheck_new(kin_cpu_level_get(), 1);
    kin_recheck_note(recheck, &scan, hits, count);
    assert_true(kin_recheck_waits(recheck));
    while (kin_recheck_waits(recheck))
        kin_recheck_run(recheck, holding);
    kin_recheck_counts(recheck, &checks, &wrong);
    assert_int_equal(checks, 1);
    kin_recheck_destroy(&recheck);
    return wrong;
}

static void leave(kin_hit *hits, uint32_t *count)
{
    (void)hits;
    (void)count;
}

static void another_id(kin_hit *hits, uint32_t *count)
{
    (void)count;
    hits[K - 1].id += COUNT;
}

static void another_distance(kin_hit *hits, uint32_t *count)
{
    (void)count;
    hits[K - 1].distance++;
}

static void one_less(kin_hit *hits, uint32_t *count)
{
    (void)hits;
    (*count)--;
}

static void wrong_answers_are_counted(void **state)
{
    (void)state;
    assert_int_equal(mismatches(leave, false), 0);
    assert_int_equal(mismatches(another_id, false), 1);
    assert_int_equal(mismatches(another_id, true), 0);
    assert_int_equal(mismatches(another_distance, true), 1);
    assert_int_equal(mismatches(one_less, true), 1);
}

static void as_often_as_was_said(void **state)
{
    (void)state;
    uint8_t code[8] = {0};
    kin_message scan = kin_message_of(KIN_MESSAGE_SCAN);
    scan.code = (kin_bytes){code, sizeof code};
    scan.k = 1;
    for (uint32_t every = 0; every < 4; every++) {
        kin_recheck *recheck = kin_recheck_new(kin_cpu_level_get(), every);
        uint32_t kept = 0;
        for (int i = 0; i < 12; i++) {
            kin_recheck_note(recheck, &scan, NULL, 0);
            kept += kin_recheck_waits(recheck);
            if (kin_recheck_waits(recheck)) kin_recheck_run(recheck, holding);
        }
        assert_int_equal(kept, every == 0 ? 0 : 12 / every);
        kin_recheck_destroy(&recheck);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_answers_are_counted),
        cmocka_unit_test(as_often_as_was_said),
    };
    return cmocka_run_group_tests(tests, open_shards, close_shards);
}
