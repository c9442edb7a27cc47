/* The ground floor: text, options, sentences, files, checksums, numbers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "common/base/random.h"
#include "common/base/reason.h"
#include "common/base/stats.h"
#include "common/base/text.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

static void assert_appends(void (*append)(kin_buffer *, const char *, size_t), const char *text,
                           size_t bytes, const char *wanted)
{
    kin_buffer buffer = {0};
    append(&buffer, text, bytes);
    kin_buffer_append_byte(&buffer, 0);
    assert_string_equal((const char *)buffer.data, wanted);
    kin_buffer_fini(&buffer);
}

static void text_is_escaped_for_each_reader(void **state)
{
    (void)state;
    assert_appends(kin_text_append_escaped, "a\tb\nc\\d", 7, "a\\tb\\nc\\\\d");
    assert_appends(kin_text_append_escaped, "\x1b[31m\x7f\xff", 7, "\\x1b[31m\\x7f\\xff");
    assert_appends(kin_text_append_escaped, "\xc3\xa4\xe2\x82\xac", 5, "\xc3\xa4\xe2\x82\xac");
    assert_appends(kin_text_append_escaped,
                   "\xc2\x9b"
                   "0m\xc2\xa0",
                   6, "\\xc2\\x9b0m\xc2\xa0");
    assert_appends(kin_text_append_json, "\"\\\n\x01\x7f", 5, "\"\\\"\\\\\\u000a\\u0001\\u007f\"");
    assert_appends(kin_text_append_json, "\xff\xc3", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_appends(kin_text_append_html, "<a href=\"x\">&'", 14,
                   "&#60;a href=&#34;x&#34;&#62;&#38;&#39;");
}

static void only_utf8_is_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "abc",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "a\xff",
                                      "\xe2\x28\xa1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(kin_text_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(kin_text_is_utf8(bad[i], strlen(bad[i])));
}

static void numbers_are_written_for_people(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(kin_text_count(0, text), "0");
    assert_string_equal(kin_text_count(999, text), "999");
    assert_string_equal(kin_text_count(1000, text), "1,000");
    assert_string_equal(kin_text_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
    assert_string_equal(kin_text_bytes(999, text), "999 B");
    assert_string_equal(kin_text_bytes(1000, text), "1.0 kB");
    assert_string_equal(kin_text_bytes(999499, text), "999 kB");
    assert_string_equal(kin_text_bytes(999500, text), "1.0 MB");
    assert_string_equal(kin_text_duration(59.6, text), "1 min 00 s");
    assert_string_equal(kin_text_duration(7500, text), "2 h 05 min");
    assert_string_equal(kin_text_duration(-1, text), "0 s");
    assert_int_equal(kin_text_edit_distance("serach", "search"), 2);
    assert_int_equal(kin_text_edit_distance("", "abc"), 3);
    assert_int_equal(kin_text_edit_distance("kitten", "sitting"), 3);
}

typedef struct test_options {
    bool json;
    const char *hasher;
    int64_t k;
} test_options;

static kin_status parse(test_options *values, const char *line, char *words[16], int *arguments,
                        kin_error *error)
{
    static char copy[256];
    int argc = 1;
    *values = (test_options){.hasher = "itq", .k = 12};
    const kin_option options[] = {{"json", 0, KIN_OPTION_FLAG, &values->json, 0, 0, NULL},
                                  {"hasher", 0, KIN_OPTION_TEXT, &values->hasher, 0, 0, "itq|lsh"},
                                  {"count", 'k', KIN_OPTION_NUMBER, &values->k, 1, 100, NULL},
                                  {0}};
    strcpy(copy, line);
    words[0] = copy;
    for (char *word = strtok(copy, " "); word != NULL && argc < 16; word = strtok(NULL, " "))
        words[argc++] = word;
    return kin_options_parse(options, argc, words, arguments, error);
}

static void options_are_read_wherever_they_stand(void **state)
{
    (void)state;
    test_options values;
    char *words[16];
    int arguments;
    kin_error error = {0};
    assert_int_equal(
        parse(&values, "a --json b -k 3 --hasher=lsh - -- --json", words, &arguments, &error),
        KIN_OK);
    assert_true(values.json);
    assert_string_equal(values.hasher, "lsh");
    assert_int_equal(values.k, 3);
    assert_int_equal(arguments, 4);
    assert_string_equal(words[1], "a");
    assert_string_equal(words[2], "b");
    assert_string_equal(words[3], "-");
    assert_string_equal(words[4], "--json");
    assert_int_equal(parse(&values, "-k7", words, &arguments, &error), KIN_OK);
    assert_int_equal(values.k, 7);
}

static void a_wrong_option_is_named_with_what_it_takes(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } wrong[] = {
        {"--jsno", "did you mean --json?"}, {"--nothing-like-it", "--help lists the options"},
        {"--json=yes", "takes no value"},   {"--count", "needs a value"},
        {"--count 0", "from 1 to 100"},     {"--count=101", "'101'"},
        {"--count 12x", "a whole number"},  {"--count 99999999999999999999", "from 1 to 100"},
        {"--hasher it", "itq|lsh"},         {"-x", "unknown option -x"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        test_options values;
        char *words[16];
        int arguments;
        kin_error error = {0};
        assert_int_equal(parse(&values, wrong[i].line, words, &arguments, &error), KIN_BAD_INPUT);
        if (strstr(error.text, wrong[i].words) == NULL) fail_msg("%s", error.text);
    }
}

static void an_error_is_one_sentence_and_never_overflows(void **state)
{
    (void)state;
    kin_error error = {0};
    char *longer = kin_malloc(5000);
    memset(longer, 'x', 4999);
    longer[4999] = 0;
    assert_int_equal(kin_fail(&error, KIN_IO, "cannot read %s", longer), KIN_IO);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(kin_fail(NULL, KIN_LIMIT, "nobody reads this"), KIN_LIMIT);
    assert_int_equal(kin_fail(&error, KIN_IO, "b"), KIN_IO);
    assert_int_equal(kin_fail(&error, KIN_CORRUPT, "%s is in itself", error.text), KIN_CORRUPT);
    assert_string_equal(error.text, "b is in itself");
    kin_error_prefix(&error, "row %d", 7);
    assert_string_equal(error.text, "row 7: b is in itself");
    for (int i = 0; i < 20; i++)
        kin_error_prefix(&error, "%s", longer);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    free(longer);
    for (int status = 0; status < KIN_STATUS_COUNT; status++)
        assert_int_equal(kin_status_of_word(kin_status_word((kin_status)status)), status);
    assert_int_equal(kin_status_of_word("no such word"), KIN_CORRUPT);
    for (int reason = 0; reason < KIN_REASON_COUNT; reason++)
        assert_non_null(kin_reason_word((kin_reason)reason));
}

static void a_file_is_there_whole_or_not_at_all(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "file");
    kin_error error = {0};
    kin_buffer got = {0};
    assert_int_equal(kin_file_read(path, 10, &got, &error), KIN_NOT_FOUND);
    assert_int_equal(kin_file_write_atomic(path, "old", 3, &error), KIN_OK);
    kin_file_writer writer;
    assert_int_equal(kin_file_writer_open(&writer, path, &error), KIN_OK);
    assert_int_equal(kin_file_writer_append(&writer, "new bytes", 9, &error), KIN_OK);
    assert_int_equal(kin_file_writer_rewrite(&writer, 0, "NEW", 3, &error), KIN_OK);
    assert_int_equal(kin_file_read(path, 10, &got, &error), KIN_OK);
    assert_int_equal(got.bytes, 3);
    kin_file_writer_discard(&writer);
    kin_file_writer_discard(&writer); /* harmless */
    char *temporary = kin_sprintf("%s.tmp", path);
    assert_false(kin_path_exists(temporary));
    assert_int_equal(kin_file_writer_open(&writer, path, &error), KIN_OK);
    assert_int_equal(kin_file_writer_append(&writer, "new bytes", 9, &error), KIN_OK);
    assert_int_equal(kin_file_writer_publish(&writer, &error), KIN_OK);
    assert_false(kin_path_exists(temporary));
    kin_buffer_clear(&got);
    assert_int_equal(kin_file_read(path, 9, &got, &error), KIN_OK);
    assert_memory_equal(got.data, "new bytes", 9);
    kin_buffer_clear(&got);
    assert_int_equal(kin_file_read(path, 8, &got, &error), KIN_LIMIT);
    assert_non_null(strstr(error.text, path));
    kin_buffer_fini(&got);
    free(temporary);
    free(path);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    assert_false(kin_path_exists(folder));
    free(folder);
}

static void folders_are_made_and_removed_without_following_links(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *deep = kin_path_join(folder, "a/b//c/");
    char *kept = kin_path_join(folder, "kept"), *link = kin_path_join(folder, "a/b/link");
    char *top = kin_path_join(folder, "a");
    kin_error error = {0};
    assert_int_equal(kin_directory_make(deep, &error), KIN_OK);
    assert_int_equal(kin_directory_make(deep, &error), KIN_OK);
    assert_int_equal(kin_file_write_atomic(kept, "x", 1, &error), KIN_OK);
    assert_int_equal(symlink(folder, link), 0);
    assert_int_equal(kin_directory_make(kept, &error), KIN_IO);
    assert_int_equal(kin_directory_remove(top, &error), KIN_OK);
    assert_false(kin_path_exists(top));
    assert_true(kin_path_exists(kept));
    assert_int_equal(kin_directory_remove(top, &error), KIN_OK);
    kin_mapping mapping;
    assert_int_equal(kin_mapping_open(&mapping, folder, &error), KIN_IO);
    assert_int_equal(kin_mapping_open(&mapping, top, &error), KIN_NOT_FOUND);
    assert_int_equal(kin_mapping_open(&mapping, kept, &error), KIN_OK);
    assert_int_equal(mapping.bytes, 1);
    kin_mapping_close(&mapping);
    kin_mapping_close(&mapping);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(folder);
    free(deep);
    free(kept);
    free(link);
    free(top);
}

/* Values of the xxHash 0.8 specification and of SplitMix64's reference: for ever the same. */
static void checksums_and_random_numbers_are_the_published_ones(void **state)
{
    (void)state;
    char text[33];
    assert_true(kin_checksum("", 0) == 0x2d06800538d394c2u);
    kin_digest digest = kin_digest_of("", 0);
    kin_digest_text(&digest, text);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
    kin_random random = {.state = 1234567};
    assert_true(kin_random_u64(&random) == 6457827717110365317u);
    assert_true(kin_random_u64(&random) == 3203168211198807973u);
    uint8_t bytes[9] = {0};
    kin_store_le32(bytes + 1, 0x01020304);
    assert_memory_equal(bytes, "\0\4\3\2\1\0", 6);
    kin_store_be64(bytes + 1, 0x0102030405060708);
    assert_memory_equal(bytes + 1, "\1\2\3\4\5\6\7\10", 8);
    assert_true(kin_load_le16(bytes + 1) == 0x0201);
}

static void percentiles_are_within_a_bucket(void **state)
{
    (void)state;
    kin_stats stats = {0};
    assert_true(kin_stats_percentile_ms(&stats, 0.5) == 0);
    for (int i = 1; i <= 1000; i++)
        kin_stats_add(&stats, i * 100000);
    static const double fractions[] = {0.01, 0.5, 0.9, 0.99, 1};
    for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++) {
        double exact = fractions[i] * 100, got = kin_stats_percentile_ms(&stats, fractions[i]);
        assert_true(got > exact * 0.95 && got < exact * 1.05);
    }
    kin_stats_add(&stats, INT64_MAX);
    kin_stats_add(&stats, -5);
    assert_int_equal(stats.count, 1002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_for_each_reader),
        cmocka_unit_test(only_utf8_is_utf8),
        cmocka_unit_test(numbers_are_written_for_people),
        cmocka_unit_test(options_are_read_wherever_they_stand),
        cmocka_unit_test(a_wrong_option_is_named_with_what_it_takes),
        cmocka_unit_test(an_error_is_one_sentence_and_never_overflows),
        cmocka_unit_test(a_file_is_there_whole_or_not_at_all),
        cmocka_unit_test(folders_are_made_and_removed_without_following_links),
        cmocka_unit_test(checksums_and_random_numbers_are_the_published_ones),
        cmocka_unit_test(percentiles_are_within_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
