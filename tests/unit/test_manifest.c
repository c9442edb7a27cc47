/* The manifest, the ledger and the list: round trips, contradictions, golden bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/ledger.h"
#include "proto/list_format.h"
#include "proto/manifest.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

/* Ten inputs, seven indexed, two shards. */
static kin_manifest sample(kin_manifest_shard shards[2])
{
    kin_manifest manifest = {.bits = 64,
                             .features = "builtin/1",
                             .hasher = "itq",
                             .decoder = "decoder/1",
                             .dimensions = 1024,
                             .seed = 1,
                             .training_pictures = 7,
                             .thumbnail_side = 96,
                             .inputs = 10,
                             .indexed = 7,
                             .links_not_followed = 2,
                             .picture_bytes = 12345,
                             .distinct_codes = 6,
                             .largest_bucket = 2,
                             .correlation_count = 1,
                             .correlation = {{3, 9, -0.5}},
                             .shard_count = 2};
    manifest.rejected[KIN_REASON_CORRUPT] = 1;
    manifest.rejected[KIN_REASON_EMPTY] = 2;
    manifest.bit_ones[0] = 4;
    manifest.fingerprint.byte[15] = 9;
    memset(shards, 0, 2 * sizeof *shards);
    snprintf(shards[0].file, sizeof shards[0].file, "shard-0000.kin");
    shards[0].last.word[0] = 0x7fffffffffffffff;
    shards[0].count = 3;
    shards[0].bytes = 5000;
    snprintf(shards[1].file, sizeof shards[1].file, "shard-0001.kin");
    shards[1].first.word[0] = 0x8000000000000000;
    shards[1].last.word[0] = UINT64_MAX;
    shards[1].count = 4;
    shards[1].bytes = 6000;
    shards[1].digest.byte[0] = 0xd1;
    manifest.ledger.byte[15] = 0x1e;
    manifest.shards = shards;
    return manifest;
}

static kin_status parse_built(const kin_manifest *manifest, kin_manifest *parsed, kin_error *error)
{
    kin_buffer file = {0};
    kin_manifest_build(manifest, &file);
    kin_status status = kin_manifest_parse(parsed, file.data, file.bytes, "m", error);
    kin_buffer_fini(&file);
    return status;
}

static void a_manifest_comes_back(void **state)
{
    (void)state;
    kin_manifest_shard shards[2];
    kin_manifest manifest = sample(shards), parsed;
    kin_error error = {0};
    assert_int_equal(parse_built(&manifest, &parsed, &error), KIN_OK);
    assert_string_equal(parsed.features, "builtin/1");
    assert_string_equal(parsed.shards[1].file, "shard-0001.kin");
    assert_int_equal(parsed.inputs, 10);
    assert_int_equal(parsed.rejected[KIN_REASON_EMPTY], 2);
    assert_int_equal(parsed.shards[0].last.word[0], shards[0].last.word[0]);
    assert_true(parsed.correlation[0].phi == -0.5);
    assert_int_equal(parsed.links_not_followed, 2);
    assert_memory_equal(&parsed.ledger, &manifest.ledger, sizeof parsed.ledger);
    assert_memory_equal(&parsed.shards[1].digest, &shards[1].digest, sizeof shards[1].digest);
    kin_manifest_fini(&parsed);
}

#define REFUSES(change, words)                                                  \
    do {                                                                        \
        kin_manifest_shard shards[2];                                           \
        kin_manifest manifest = sample(shards), parsed;                         \
        kin_error error = {0};                                                  \
        change;                                                                 \
        assert_int_equal(parse_built(&manifest, &parsed, &error), KIN_CORRUPT); \
        if (strstr(error.text, words) == NULL) fail_msg("%s", error.text);      \
    } while (0)

static void a_manifest_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    REFUSES(manifest.inputs = 11, "do not add up to the inputs");
    REFUSES(manifest.inputs = 6, "sums do not add up");
    REFUSES(manifest.rejected[KIN_REASON_TIMEOUT] = UINT64_MAX, "do not add up");
    REFUSES(shards[0].count = 4, "count");
    REFUSES(shards[1].count = 3, "do not add up to the pictures");
    REFUSES(shards[0].last.word[0]--, "gap or overlap");
    REFUSES(shards[1].first.word[0]--, "gap or overlap");
    REFUSES(shards[0].first.word[0] = 1, "gap or overlap");
    REFUSES(shards[1].last.word[0]--, "do not cover");
    REFUSES(manifest.shard_count = 1; manifest.indexed = 3; manifest.inputs = 6;
            manifest.distinct_codes = 3; manifest.bit_ones[0] = 0, "do not cover");
    REFUSES(memcpy(shards[0].file, "shard-000/.kin", 15), "not named");
    REFUSES(memcpy(shards[0].file, "../../../x.kin", 15), "not named");
    REFUSES(manifest.features[0] = '\n', "no plain text");
    REFUSES(manifest.bit_ones[63] = 8, "more pictures than there are");
    REFUSES(manifest.correlation[0].b = 64, "correlation");
    REFUSES(manifest.correlation[0].phi = 1.5, "correlation");
    REFUSES(manifest.largest_bucket = 8, "sums");
    REFUSES(manifest.value_dimensions = 65, "more dimensions");
}

static void a_ledger_comes_back(void **state)
{
    (void)state;
    kin_ledger_builder builder = {0};
    kin_ledger_row rows[] = {{3, KIN_REASON_CORRUPT, "a/\xff\n.png", 8, "CRC of IDAT", 11},
                             {7, KIN_REASON_EMPTY, "b", 1, "", 0}};
    for (int i = 0; i < 2; i++)
        kin_ledger_builder_add(&builder, &rows[i]);
    kin_buffer file = {0};
    kin_ledger_builder_finish(&builder, &file);
    golden_check("ledger-1.kin", file.data, file.bytes);
    kin_ledger ledger;
    kin_error error = {0};
    assert_int_equal(kin_ledger_parse(&ledger, file.data, file.bytes, "l", &error), KIN_OK);
    assert_int_equal(ledger.count, 2);
    for (int i = 0; i < 2; i++) {
        kin_ledger_row row = kin_ledger_get(&ledger, (uint64_t)i);
        assert_int_equal(row.id, rows[i].id);
        assert_int_equal(row.reason, rows[i].reason);
        assert_int_equal(row.key_bytes, rows[i].key_bytes);
        assert_memory_equal(row.key, rows[i].key, row.key_bytes);
        assert_int_equal(row.detail_bytes, rows[i].detail_bytes);
        assert_memory_equal(row.detail, rows[i].detail, row.detail_bytes);
    }
    kin_buffer_clear(&file);
    kin_ledger_builder_add(&builder, &rows[0]); /* ids must ascend */
    kin_ledger_builder_finish(&builder, &file);
    assert_int_equal(kin_ledger_parse(&ledger, file.data, file.bytes, "l", &error), KIN_CORRUPT);
    kin_ledger_builder_fini(&builder);
    kin_buffer_fini(&file);
}

static void a_list_comes_back(void **state)
{
    (void)state;
    kin_list_builder builder = {0};
    const kin_list_row rows[] = {
        {"a.jpg", 5, NULL, 0, KIN_LIST_NO_MEMBER, KIN_LIST_NO_MEMBER, 77, KIN_REASON_NONE},
        {"s.tar/b", 7, "/d/s.tar", 8, 4, 1024, 12, KIN_REASON_NONE},
        {"s.tar/ba", 8, "/d/s.tar", 8, 5, 4096, 0, KIN_REASON_EMPTY}};
    for (int i = 0; i < 3; i++)
        kin_list_builder_add(&builder, &rows[i]);
    kin_digest options = {.byte = {1, 2, 3}};
    kin_buffer file = {0};
    kin_list_builder_finish(&builder, &options, 6, &file);
    golden_check("list-1.kin", file.data, file.bytes);
    kin_list list;
    kin_error error = {0};
    assert_int_equal(kin_list_parse(&list, file.data, file.bytes, "l", &error), KIN_OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.links_not_followed, 6);
    assert_true(kin_digest_equal(&list.options, &options));
    for (int i = 0; i < 3; i++) {
        kin_list_row row = kin_list_get(&list, (uint64_t)i);
        assert_memory_equal(row.key, rows[i].key, rows[i].key_bytes);
        assert_string_equal(row.path, i == 0 ? "a.jpg" : "/d/s.tar");
        assert_int_equal(row.member, rows[i].member);
        assert_int_equal(row.offset, rows[i].offset);
        assert_int_equal(row.bytes, rows[i].bytes);
        assert_int_equal(row.reason, rows[i].reason);
    }
    kin_buffer_clear(&file);
    kin_list_builder_add(&builder, &rows[1]); /* keys must ascend */
    kin_list_builder_finish(&builder, &options, 6, &file);
    assert_int_equal(kin_list_parse(&list, file.data, file.bytes, "l", &error), KIN_CORRUPT);
    kin_list_builder_fini(&builder);
    kin_buffer_fini(&file);
}

static void version_1_of_the_manifest_is_for_ever(void **state)
{
    (void)state;
    kin_manifest_shard shards[2];
    kin_manifest manifest = sample(shards);
    kin_buffer file = {0};
    kin_manifest_build(&manifest, &file);
    golden_check("manifest-1.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
}

static void version_2_of_the_manifest_is_for_ever(void **state)
{
    (void)state;
    kin_manifest_shard shards[2];
    kin_manifest manifest = sample(shards), parsed;
    kin_buffer file = {0};
    kin_error error = {0};
    manifest.value_dimensions = 24;
    assert_int_equal(parse_built(&manifest, &parsed, &error), KIN_OK);
    assert_int_equal(parsed.value_dimensions, 24);
    kin_manifest_fini(&parsed);
    kin_manifest_build(&manifest, &file);
    golden_check("manifest-2.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_comes_back),
        cmocka_unit_test(a_manifest_that_contradicts_itself_is_refused),
        cmocka_unit_test(a_ledger_comes_back),
        cmocka_unit_test(a_list_comes_back),
        cmocka_unit_test(version_1_of_the_manifest_is_for_ever),
        cmocka_unit_test(version_2_of_the_manifest_is_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
