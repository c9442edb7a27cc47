/* Messages: what is built is read again, and what does not belong is refused with a sentence that
 * names it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/message.h"
#include "proto/ranked.h"
#include "tests/support/test.h"

static kin_message parsed;
static kin_buffer bytes;

/* Builds and reads again; parsed borrows from bytes. */
static void pass(const kin_message *message)
{
    kin_error error = {0};
    kin_message_fini(&parsed);
    assert_int_equal(kin_message_build(message, &bytes, &error), KIN_OK);
    assert_int_equal(kin_message_parse(&parsed, bytes.data, bytes.bytes, &error), KIN_OK);
    assert_int_equal(parsed.type, message->type);
}

static void assert_bytes(kin_bytes got, const void *data, size_t count)
{
    assert_int_equal(got.bytes, count);
    assert_memory_equal(got.data, data, count);
}

static void a_search_is_read_as_it_was_built(void **state)
{
    (void)state;
    kin_message message = kin_message_of(KIN_MESSAGE_SEARCH);
    message.request = UINT64_MAX;
    message.k = KIN_K_MAX;
    message.within = 0;
    message.partial = true;
    message.deadline_ms = KIN_DEADLINE_MS_MAX;
    message.code = (kin_bytes){"01234567", 8};
    pass(&message);
    assert_true(parsed.request == UINT64_MAX && parsed.k == KIN_K_MAX && parsed.within == 0);
    assert_true(parsed.partial && parsed.deadline_ms == KIN_DEADLINE_MS_MAX);
    assert_bytes(parsed.code, "01234567", 8);
    assert_null(parsed.picture.data);
    message.within = -1;
    message.picture = (kin_bytes){"GIF89a", 6};
    message.code = (kin_bytes){0};
    pass(&message);
    assert_int_equal(parsed.within, -1);
    assert_bytes(parsed.picture, "GIF89a", 6);
    assert_null(parsed.code.data);
}

static void lists_are_read_as_they_were_built(void **state)
{
    (void)state;
    kin_hit hits[] = {{.id = UINT64_MAX, .distance = 256, .shard = KIN_SHARDS_MAX - 1, .row = 1},
                      {.id = 0, .distance = 0, .shard = 0, .row = UINT64_MAX}};
    kin_bytes keys[] = {{"\xff\xfe/\n", 4}, {"", 0}};
    kin_message_shard totals[] = {{.shard = 3, .total = UINT64_MAX}, {.shard = 0}};
    kin_message found = kin_message_of(KIN_MESSAGE_FOUND);
    found.hits = hits;
    found.keys = keys;
    found.hit_count = 2;
    found.shards = totals;
    found.shard_count = 2;
    pass(&found);
    assert_int_equal(parsed.hit_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(parsed.hits[i].id == hits[i].id && parsed.hits[i].row == hits[i].row);
        assert_int_equal(parsed.hits[i].distance, hits[i].distance);
        assert_int_equal(parsed.hits[i].shard, hits[i].shard);
        assert_bytes(parsed.keys[i], keys[i].data, keys[i].bytes);
        assert_true(parsed.shards[i].total == totals[i].total);
    }
    kin_row rows[] = {{.shard = 1, .row = 77}};
    kin_message thumbnails = kin_message_of(KIN_MESSAGE_THUMBNAILS);
    thumbnails.rows = rows;
    thumbnails.row_count = 1;
    thumbnails.rgb = true;
    pass(&thumbnails);
    assert_true(parsed.rgb && parsed.row_count == 1 && parsed.rows[0].row == 77);
    kin_message_image image = {.width = 1, .height = 2, .data = {"rgbrgb", 6}};
    kin_message images = kin_message_of(KIN_MESSAGE_IMAGES);
    images.images = &image;
    images.image_count = 1;
    pass(&images);
    assert_bytes(parsed.images[0].data, "rgbrgb", 6);
    kin_message_shard opened[] = {{.shard = 2, .error = {"damaged", 7}}, {.shard = 3}};
    kin_message ready = kin_message_of(KIN_MESSAGE_READY);
    ready.shards = opened;
    ready.shard_count = 2;
    pass(&ready);
    assert_bytes(parsed.shards[0].error, "damaged", 7);
    assert_int_equal(parsed.shards[1].error.bytes, 0);
}

static void certificates_and_batches_are_read_as_they_were_built(void **state)
{
    (void)state;
    uint64_t counts[] = {0, UINT64_MAX};
    kin_message hits = kin_message_of(KIN_MESSAGE_HITS);
    hits.bits = 64;
    hits.code = hits.codes = (kin_bytes){"01234567", 8};
    hits.generation = kin_bytes_of("g");
    hits.fingerprint = (kin_bytes){"0123456789abcdef", 16};
    hits.radius = 0;
    hits.pruned = KIN_SHARDS_MAX;
    hits.any_ties = true;
    hits.counts = counts;
    hits.count_count = 2;
    pass(&hits);
    assert_true(parsed.radius == 0 && parsed.pruned == KIN_SHARDS_MAX && parsed.any_ties);
    assert_bytes(parsed.fingerprint, "0123456789abcdef", 16);
    assert_int_equal(parsed.count_count, 2);
    assert_memory_equal(parsed.counts, counts, sizeof counts);
    hits.radius = -1;
    hits.count_count = 0;
    pass(&hits);
    assert_true(parsed.radius == -1 && parsed.count_count == 0);

    kin_message_shard shards[] = {{.shard = 5}};
    kin_message batch = kin_message_of(KIN_MESSAGE_BATCH);
    batch.codes = (kin_bytes){"0123456789abcdef", 16};
    batch.k = 3;
    batch.exhaustive = true;
    pass(&batch);
    assert_true(parsed.k == 3 && parsed.exhaustive && parsed.within == -1);
    assert_bytes(parsed.codes, "0123456789abcdef", 16);
    assert_int_equal(parsed.shard_count, 0);
    batch.shards = shards;
    batch.shard_count = 1;
    pass(&batch);
    assert_true(parsed.shard_count == 1 && parsed.shards[0].shard == 5);

    kin_message scan = kin_message_of(KIN_MESSAGE_SCAN);
    scan.code = (kin_bytes){"01234567", 8};
    scan.k = 3;
    scan.deadline_ms = 9;
    scan.shards = shards;
    scan.shard_count = 1;
    pass(&scan);
    assert_true(parsed.bound == -1 && parsed.within == -1);
    scan.bound = 0;
    pass(&scan);
    assert_true(parsed.bound == 0 && parsed.within == -1);
}

static void classes_come_through(void **state)
{
    (void)state;
    kin_message_class list[] = {{kin_bytes_of("cat"), 900000000}, {kin_bytes_of(""), 0}};
    kin_message question = kin_message_of(KIN_MESSAGE_CLASSIFY);
    question.request = 3;
    question.picture = kin_bytes_of("GIF");
    question.k = 7;
    pass(&question);
    assert_true(parsed.request == 3 && parsed.k == 7 && parsed.class_count == 0);
    assert_bytes(parsed.picture, "GIF", 3);
    kin_message classes = kin_message_of(KIN_MESSAGE_CLASSES);
    classes.request = 3;
    classes.total = 9;
    classes.generation = kin_bytes_of("g");
    classes.classes = list;
    classes.class_count = 2;
    pass(&classes);
    assert_true(parsed.total == 9 && parsed.class_count == 2);
    assert_bytes(parsed.classes[0].name, "cat", 3);
    assert_true(parsed.classes[0].billionths == 900000000 && parsed.classes[1].billionths == 0);
    assert_int_equal(parsed.classes[1].name.bytes, 0);
    kin_message code = kin_message_of(KIN_MESSAGE_CODE);
    code.code = kin_bytes_of("01234567");
    pass(&code);
    assert_int_equal(parsed.class_count, 0);
    code.classes = list;
    code.class_count = 1;
    pass(&code);
    assert_int_equal(parsed.class_count, 1);
}

static void a_second_round_is_read_as_it_was_built(void **state)
{
    (void)state;
    kin_message message = kin_message_of(KIN_MESSAGE_SEARCH);
    message.picture = (kin_bytes){"GIF89a", 6};
    message.rerank = KIN_K_MAX;
    pass(&message);
    assert_int_equal(parsed.rerank, KIN_K_MAX);
    message = kin_message_of(KIN_MESSAGE_CODE);
    message.code = (kin_bytes){"01234567", 8};
    pass(&message);
    assert_null(parsed.values.data);
    message.values = (kin_bytes){"vava", 4};
    pass(&message);
    assert_bytes(parsed.values, "vava", 4);
    message = kin_message_of(KIN_MESSAGE_SCORE);
    message.request = 3;
    message.values = (kin_bytes){"vava", 4};
    message.places = (kin_bytes){"shrdrow-row-", 12};
    message.deadline_ms = 5;
    pass(&message);
    assert_bytes(parsed.values, "vava", 4);
    assert_bytes(parsed.places, "shrdrow-row-", 12);
    assert_true(parsed.deadline_ms == 5 && parsed.request == 3);
    message = kin_message_of(KIN_MESSAGE_SCORED);
    message.scores = (kin_bytes){"\1\0\0\0", 4};
    pass(&message);
    assert_bytes(parsed.scores, "\1\0\0\0", 4);
}

static void ranked_hits_keep_their_order(void **state)
{
    (void)state;
    const kin_hit hits[] = {{.id = 9, .distance = 0, .shard = 1},
                            {.id = 3, .distance = 7, .shard = 0},
                            {.id = UINT64_MAX, .distance = 7, .shard = KIN_SHARDS_MAX - 1}};
    uint8_t row[4 * KIN_RANKED_BYTES];
    kin_hit got[4];
    uint32_t count;
    for (uint32_t n = 0; n <= 3; n++) {
        kin_ranked_build(hits, n, 4, row);
        assert_true(kin_ranked_parse(row, 4, 64, got, &count));
        assert_int_equal(count, n);
        for (uint32_t i = 0; i < n; i++)
            assert_true(got[i].id == hits[i].id && got[i].distance == hits[i].distance &&
                        got[i].shard == hits[i].shard);
    }
    assert_false(kin_ranked_parse(row, 4, 6, got, &count)); /* farther than codes are wide */
    row[4 * KIN_RANKED_BYTES - 1] = 0;                      /* a hit behind the end */
    assert_false(kin_ranked_parse(row, 4, 64, got, &count));
    const kin_hit fallen[] = {hits[1], hits[0]};
    kin_ranked_build(fallen, 2, 4, row);
    assert_false(kin_ranked_parse(row, 4, 64, got, &count));
}

static void an_error_carries_its_status(void **state)
{
    (void)state;
    for (int status = KIN_OK + 1; status < KIN_STATUS_COUNT; status++) {
        kin_error error = {0}, got = {0};
        (void)kin_fail(&error, (kin_status)status, "no. %d", status);
        kin_message_build_error(9, &error, &bytes);
        kin_message_fini(&parsed);
        assert_int_equal(kin_message_parse(&parsed, bytes.data, bytes.bytes, &got), KIN_OK);
        assert_int_equal(parsed.request, 9);
        assert_int_equal(kin_message_error(&parsed, &got), status);
        assert_string_equal(got.text, error.text);
    }
}

/* The map {"type", "version": 1, "request": 5} with members behind it, refused with a sentence that
 * has `word`. */
static void refuse(const char *type, int members, const char *more, size_t more_bytes,
                   const char *word)
{
    kin_error error = {0};
    kin_buffer raw = {0};
    kin_buffer_append_byte(&raw, (uint8_t)(0x83 + members));
    kin_buffer_append_string(&raw, "\xa4type");
    kin_buffer_append_byte(&raw, (uint8_t)(0xa0 + strlen(type)));
    kin_buffer_append_string(&raw, type);
    kin_buffer_append_string(&raw, "\xa7version\x01\xa7request\x05");
    kin_buffer_append(&raw, more, more_bytes);
    kin_message_fini(&parsed);
    assert_int_not_equal(kin_message_parse(&parsed, raw.data, raw.bytes, &error), KIN_OK);
    if (strstr(error.text, word) == NULL) fail_msg("'%s' does not name %s", error.text, word);
    assert_int_equal(parsed.request, 5);
    kin_buffer_fini(&raw);
}
#define REFUSE(type, members, more, word) refuse(type, members, more, sizeof more - 1, word)

static void what_does_not_belong_is_named(void **state)
{
    (void)state;
    REFUSE("nonsense", 0, "", "type");
    REFUSE("scan", 0, "", "'");
    REFUSE("search", 1, "\xa1k\xce\x00\x01\x00\x01", "'k'");
    REFUSE("search", 1, "\xa1k\xff", "'k'");
    REFUSE("search", 1, "\xa1k\xa1x", "'k'");
    REFUSE("search", 1, "\xa6within\xcd\x01\x01", "'within'");
    REFUSE("search", 1, "\xa7partial\x01", "'partial'");
    REFUSE("search", 1,
           "\xa4"
           "code\x93\x01\x02\x03",
           "'code'");
    REFUSE("thumbnails", 1, "\xa4rows\x80", "'rows'");
    REFUSE("thumbnails", 1, "\xa4rows\x91\x91\x01", "'rows'");
    REFUSE("thumbnails", 1, "\xa4rows\x91\x92\xcd\x10\x00\x01", "'rows'");
    REFUSE("search", 1, "\xa6rerank\xce\x00\x01\x00\x01", "'rerank'");
    REFUSE("score", 2,
           "\xa6values\xc4\x00\xa8"
           "deadline\x01",
           "'places'");
    REFUSE("scored", 0, "", "'scores'");
    REFUSE("scored", 1, "\xa6scores\x90", "'scores'");
    REFUSE("images", 1, "\xa6images\x91\x93\x01\x01\xc4\x02xx", "'images'");
}

static void lists_have_limits(void **state)
{
    (void)state;
    kin_error error = {0};
    kin_row *rows = kin_calloc(KIN_THUMBNAILS_PER_REQUEST_MAX + 1, sizeof *rows);
    kin_message message = kin_message_of(KIN_MESSAGE_THUMBNAILS);
    message.rows = rows;
    message.row_count = KIN_THUMBNAILS_PER_REQUEST_MAX;
    pass(&message);
    message.row_count++;
    assert_int_equal(kin_message_build(&message, &bytes, &error), KIN_OK);
    kin_message_fini(&parsed);
    assert_int_equal(kin_message_parse(&parsed, bytes.data, bytes.bytes, &error), KIN_LIMIT);
    free(rows);
}

/* 65,536 hits with keys of 8 KB would be half a gigabyte. */
static void a_message_too_large_is_refused(void **state)
{
    (void)state;
    kin_error error = {0};
    char *key = kin_calloc(1, KIN_KEY_BYTES_MAX);
    kin_message found = kin_message_of(KIN_MESSAGE_FOUND);
    found.hit_count = KIN_K_MAX;
    found.hits = kin_calloc(KIN_K_MAX, sizeof *found.hits);
    found.keys = kin_calloc(KIN_K_MAX, sizeof *found.keys);
    for (uint32_t i = 0; i < KIN_K_MAX; i++)
        found.keys[i] = (kin_bytes){key, KIN_KEY_BYTES_MAX};
    assert_int_equal(kin_message_build(&found, &bytes, &error), KIN_LIMIT);
    assert_int_equal(bytes.bytes, 0);
    assert_non_null(strstr(error.text, "hits"));
    for (uint32_t i = 0; i < KIN_K_MAX; i++)
        found.keys[i].bytes = 60;
    pass(&found);
    assert_int_equal(parsed.hit_count, KIN_K_MAX);
    free(found.hits);
    free(found.keys);
    free(key);
}

static void another_version_is_refused(void **state)
{
    (void)state;
    kin_error error = {0};
    const char message[] = "\x83\xa4type\xa4"
                           "beat\xa7version\x02\xa7request\x07";
    kin_message_fini(&parsed);
    assert_int_equal(kin_message_parse(&parsed, message, sizeof message - 1, &error), KIN_MISMATCH);
    assert_int_equal(parsed.request, 7);
}

/* PROTOCOL.md, "Example". */
static void the_example_of_the_specification_holds(void **state)
{
    (void)state;
    kin_error error = {0};
    static const uint8_t example[] = {0x85, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xa6, 0x73, 0x65, 0x61,
                                      0x72, 0x63, 0x68, 0xa7, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f,
                                      0x6e, 0x01, 0xa7, 0x72, 0x65, 0x71, 0x75, 0x65, 0x73, 0x74,
                                      0x07, 0xa1, 0x6b, 0x02, 0xa4, 0x63, 0x6f, 0x64, 0x65, 0xc4,
                                      0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff};
    kin_message_fini(&parsed);
    assert_int_equal(kin_message_parse(&parsed, example, sizeof example, &error), KIN_OK);
    assert_int_equal(parsed.type, KIN_MESSAGE_SEARCH);
    assert_true(parsed.request == 7 && parsed.k == 2 && parsed.within == -1);
    assert_bytes(parsed.code, "\0\0\0\0\0\0\0\xff", 8);
}

static int clean_up(void **state)
{
    (void)state;
    kin_message_fini(&parsed);
    kin_buffer_fini(&bytes);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_is_read_as_it_was_built),
        cmocka_unit_test(lists_are_read_as_they_were_built),
        cmocka_unit_test(certificates_and_batches_are_read_as_they_were_built),
        cmocka_unit_test(classes_come_through),
        cmocka_unit_test(a_second_round_is_read_as_it_was_built),
        cmocka_unit_test(ranked_hits_keep_their_order),
        cmocka_unit_test(an_error_carries_its_status),
        cmocka_unit_test(what_does_not_belong_is_named),
        cmocka_unit_test(lists_have_limits),
        cmocka_unit_test(a_message_too_large_is_refused),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(the_example_of_the_specification_holds),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
