/* The shard: written and read back; every flipped byte and every short file is refused or
 * harmless. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "proto/shard_format.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"
#include "worker/shard/shard_reader.h"
#include "worker/shard/shard_share.h"
#include "worker/shard/shard_writer.h"

#define ROWS 200
#define VALUES 64

typedef struct test_source {
    char key[32];
    uint8_t thumbnail[600];
    int8_t values[VALUES];
    bool thumbnails, no_keys, has_values;
    bool lies;         /* one value has another sign than its code */
    uint32_t tables;   /* 0: as the writer likes */
    uint64_t id_start; /* id of row 0 */
} test_source;

static kin_status get_key(void *user, uint64_t row, const char **key, uint32_t *bytes,
                          kin_error *error)
{
    test_source *source = user;
    (void)error;
    *bytes = (uint32_t)snprintf(source->key, sizeof source->key, "folder/picture-%llu.png",
                                (unsigned long long)(row * row));
    *key = source->key;
    return KIN_OK;
}

static kin_status get_thumbnail(void *user, uint64_t row, const uint8_t **data, uint32_t *bytes,
                                kin_error *error)
{
    test_source *source = user;
    (void)error;
    *bytes = (uint32_t)(row % 7 == 0 ? 0 : row % sizeof source->thumbnail);
    memset(source->thumbnail, (int)row, *bytes);
    *data = source->thumbnail;
    return KIN_OK;
}

/* The top word of a row's code: many are near the range's start, the rest all over it. */
static uint64_t row_code(uint64_t row)
{
    return row < 20 ? 1000 + row / 3 : row / 3 << 50 | row / 3;
}

static kin_status get_values(void *user, uint64_t row, const int8_t **values, kin_error *error)
{
    test_source *source = user;
    (void)error;
    for (unsigned i = 0; i < VALUES; i++) {
        int size = (int)((row + 3 * i) % 128);
        bool one = row_code(row) >> (63 - i) & 1;
        source->values[i] = (int8_t)(one ? size : -1 - size);
    }
    if (source->lies && row == 5) source->values[63] ^= -1;
    *values = source->values;
    return KIN_OK;
}

/* Codes that ascend with duplicates, in a range that is not the whole space. */
static void write_shard(const char *path, unsigned bits, uint64_t count, test_source *source)
{
    unsigned words = bits / 64;
    uint64_t *codes = kin_calloc(count * words, 8), *ids = kin_calloc(count, 8);
    for (uint64_t row = 0; row < count; row++) {
        codes[row * words] = row_code(row);
        ids[row] = source->id_start + 5 * row + 1;
    }
    kin_shard_rows rows = {.number = 2,
                           .bits = bits,
                           .first = {.word = {900}},
                           .last = {.word = {UINT64_MAX}},
                           .count = count,
                           .words = codes,
                           .ids = ids,
                           .tables = source->tables,
                           .user = source,
                           .key = source->no_keys ? NULL : get_key,
                           .value_dimensions = source->has_values ? VALUES : 0,
                           .values = get_values,
                           .thumbnail = source->thumbnails ? get_thumbnail : NULL};
    kin_error error = {0};
    kin_shard_written written;
    if (kin_shard_write(path, &rows, &written, &error) != KIN_OK) fail_msg("%s", error.text);
    free(codes);
    free(ids);
}

static void check_rows(const kin_shard_reader *reader, const test_source *source)
{
    test_source wanted = *source;
    kin_error error = {0};
    uint32_t hint = 0;
    for (uint64_t row = 0; row < kin_shard_reader_count(reader); row++) {
        const char *key;
        const uint8_t *thumbnail, *got_thumbnail;
        uint32_t bytes, got_bytes;
        kin_code code;
        kin_shard_reader_code(reader, row, &hint, &code);
        assert_int_equal(code.word[0], row_code(row));
        assert_int_equal(kin_shard_reader_id(reader, row), source->id_start + 5 * row + 1);
        assert_int_equal(get_key(&wanted, row, &key, &bytes, &error), KIN_OK);
        const char *got = kin_shard_reader_key(reader, row, &got_bytes);
        assert_int_equal(got_bytes, source->no_keys ? 0 : bytes);
        assert_memory_equal(got, key, got_bytes);
        assert_int_equal(get_thumbnail(&wanted, row, &thumbnail, &bytes, &error), KIN_OK);
        assert_int_equal(
            kin_shard_reader_thumbnail(reader, row, &got_thumbnail, &got_bytes, &error), KIN_OK);
        assert_int_equal(got_bytes, source->thumbnails ? bytes : 0);
        if (got_bytes > 0) assert_memory_equal(got_thumbnail, thumbnail, bytes);
        assert_int_equal(kin_shard_reader_value_dimensions(reader),
                         source->has_values ? VALUES : 0);
        if (!source->has_values) continue;
        const int8_t *values;
        assert_int_equal(get_values(&wanted, row, &values, &error), KIN_OK);
        assert_memory_equal(kin_shard_reader_values(reader, row), values, VALUES);
    }
}

static void a_shard_comes_back(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    for (int i = 0; i < 72; i++) {
        static const uint64_t id_starts[] = {0, (uint64_t)1 << 33, (uint64_t)1 << 50};
        test_source source = {.thumbnails = i % 2 == 0,
                              .no_keys = i % 5 == 0,
                              .has_values = i % 7 < 3,
                              .tables = (uint32_t)i % 17,
                              .id_start = id_starts[i % 3]};
        unsigned bits = 64u << i / 2 % 3;
        uint64_t count = i % 12 < 3 ? 5000 : i % 12 < 6 ? ROWS : (uint64_t)i % 12 - 6;
        kin_shard_reader *reader = NULL;
        write_shard(path, bits, count, &source);
        bool lazy = i % 4 == 1;
        if ((lazy ? kin_shard_reader_open_lazy : kin_shard_reader_open)(&reader, path, &error) !=
            KIN_OK)
            fail_msg("%s", error.text);
        assert_int_equal(kin_shard_reader_count(reader), count);
        assert_int_equal(kin_shard_reader_number(reader), 2);
        check_rows(reader, &source);
        assert_int_equal(kin_shard_reader_verify(reader, &error), KIN_OK);
        kin_shard_reader_close(&reader);
    }
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

/* Without waiting for the disk: there are thousands. */
static void put_file(const char *path, const uint8_t *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Whether the file is refused when opened, verified, or when a thumbnail is read. */
static bool is_refused(const char *path, const uint8_t *data, size_t bytes)
{
    kin_error error = {0};
    kin_shard_reader *reader = NULL;
    put_file(path, data, bytes);
    bool refused = kin_shard_reader_open(&reader, path, &error) != KIN_OK;
    if (!refused) {
        bool thumbnail_refused = false;
        for (uint64_t row = 0; row < kin_shard_reader_count(reader); row++) {
            const uint8_t *thumbnail;
            uint32_t thumbnail_bytes;
            thumbnail_refused |= kin_shard_reader_thumbnail(reader, row, &thumbnail,
                                                            &thumbnail_bytes, &error) != KIN_OK;
        }
        refused = kin_shard_reader_verify(reader, &error) != KIN_OK;
        assert_true(refused || !thumbnail_refused);
    }
    if (refused && strstr(error.text, path) == NULL) fail_msg("no name in: %s", error.text);
    kin_shard_reader_close(&reader);
    return refused;
}

static void no_damaged_shard_is_served(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    kin_buffer file = {0};
    test_source source = {.thumbnails = true, .has_values = true};
    write_shard(path, 64, 12, &source);
    assert_int_equal(kin_file_read(path, 1u << 20, &file, &error), KIN_OK);
    char *damaged = kin_path_join(folder, "damaged.kin");
    for (size_t i = 0; i < file.bytes; i++) {
        uint8_t kept = file.data[i];
        file.data[i] = (uint8_t)(kept ^ (1u << (i * 5 % 8)));
        if (!is_refused(damaged, file.data, file.bytes)) fail_msg("byte %zu may be flipped", i);
        file.data[i] = kept;
    }
    for (size_t bytes = 0; bytes < file.bytes; bytes += 512)
        assert_true(is_refused(damaged, file.data, bytes));
    assert_false(is_refused(damaged, file.data, file.bytes));
    kin_buffer_fini(&file);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(damaged);
    free(path);
    free(folder);
}

/* Every bit of every table and of its starts means something: where one is wrong, but all checksums
 * are right, the shard is no shard. */
static void a_table_that_lies_is_found(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    kin_buffer file = {0};
    test_source source = {.tables = 3, .no_keys = true};
    write_shard(path, 64, 100, &source);
    assert_int_equal(kin_file_read(path, 1u << 20, &file, &error), KIN_OK);
    kin_shard_view view;
    assert_int_equal(
        kin_shard_view_parse(&view, file.data, file.bytes, KIN_SHARD_CHECK_ROWS, path, &error),
        KIN_OK);
    kin_section_source sections[KIN_SHARD_SECTIONS_MAX] = {0};
    for (uint32_t i = 0; i < view.container.section_count; i++) {
        const kin_section *section = &view.container.section[i];
        sections[i] = (kin_section_source){section->name, file.data + section->offset,
                                           (size_t)section->bytes};
    }
    for (uint32_t i = KIN_SHARD_AT_TABLE(0); i < KIN_SHARD_AT_PIECES(3); i++)
        for (size_t bit = 0; bit < 8 * sections[i].bytes; bit++) {
            uint8_t *byte = (uint8_t *)sections[i].data + bit / 8;
            kin_buffer other = {0};
            kin_shard_view lying;
            *byte ^= (uint8_t)(1u << bit % 8);
            kin_container_build(&other, KIN_FILE_SHARD, 2, sections, view.container.section_count);
            if (kin_shard_view_parse(&lying, other.data, other.bytes, KIN_SHARD_CHECK_ROWS, path,
                                     &error) != KIN_CORRUPT)
                fail_msg("bit %zu of %s may be flipped", bit, sections[i].name);
            *byte ^= (uint8_t)(1u << bit % 8);
            kin_buffer_fini(&other);
        }
    kin_buffer_fini(&file);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

/* The golden file that the writer of version 1 left: rows of other codes than today's test has. */
static void version_1_is_still_read(void **state)
{
    (void)state;
    char *path = tree_path("tests/golden/shard-1.kin");
    kin_error error = {0};
    kin_shard_reader *reader = NULL;
    if (kin_shard_reader_open(&reader, path, &error) != KIN_OK) fail_msg("%s", error.text);
    assert_int_equal(kin_shard_reader_count(reader), 20);
    assert_int_equal(kin_shard_reader_bits(reader), 128);
    test_source source = {.thumbnails = true};
    check_rows(reader, &source);
    assert_int_equal(kin_shard_reader_verify(reader, &error), KIN_OK);
    kin_shard_reader_close(&reader);
    free(path);
}

static void version_2_is_for_ever(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    kin_buffer file = {0};
    test_source source = {.thumbnails = true, .tables = 2, .id_start = (uint64_t)1 << 33};
    write_shard(path, 128, 200, &source);
    assert_int_equal(kin_file_read(path, 1u << 20, &file, &error), KIN_OK);
    golden_check("shard-2.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

static void version_3_is_for_ever(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    kin_buffer file = {0};
    test_source source = {.thumbnails = true, .tables = 2, .has_values = true};
    write_shard(path, 64, 40, &source);
    assert_int_equal(kin_file_read(path, 1u << 20, &file, &error), KIN_OK);
    golden_check("shard-3.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

/* Values whose signs are not the code's are no values of that picture; served they are all the
 * same, as whoever opens a shard does not look at rows. */
static void values_that_lie_are_found(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    kin_shard_reader *reader = NULL;
    test_source source = {.has_values = true, .lies = true};
    write_shard(path, 64, 40, &source);
    assert_int_equal(kin_shard_reader_open(&reader, path, &error), KIN_OK);
    assert_int_equal(kin_shard_reader_verify(reader, &error), KIN_CORRUPT);
    assert_non_null(strstr(error.text, "signs"));
    kin_shard_reader_close(&reader);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

/* An outline, of which plans are made, has the size of the file that the writer makes. */
static void an_outline_knows_the_size(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    for (int has_values = 0; has_values < 2; has_values++) {
        kin_buffer file = {0};
        kin_shard_outline outline;
        test_source source = {.has_values = has_values, .tables = 3, .no_keys = true};
        write_shard(path, 64, ROWS, &source);
        assert_int_equal(kin_file_read(path, 1u << 20, &file, &error), KIN_OK);
        kin_shard_outline_make(&outline,
                               &(kin_shard_facts){.number = 2,
                                                  .bits = 64,
                                                  .count = ROWS,
                                                  .tables = 3,
                                                  .value_dimensions = has_values ? VALUES : 0});
        assert_int_equal(outline.file.bytes, file.bytes);
        kin_buffer_fini(&file);
    }
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

/* The version says whether there are values: a reader of version 2 never meets any. */
static void values_and_version_agree(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "shard-0002.kin");
    kin_error error = {0};
    for (int has_values = 0; has_values < 2; has_values++) {
        kin_buffer file = {0}, other = {0};
        kin_shard_view view;
        test_source source = {.has_values = has_values};
        write_shard(path, 64, 12, &source);
        assert_int_equal(kin_file_read(path, 1u << 20, &file, &error), KIN_OK);
        assert_int_equal(
            kin_shard_view_parse(&view, file.data, file.bytes, KIN_SHARD_CHECK_LAZY, path, &error),
            KIN_OK);
        assert_int_equal(view.container.version, has_values ? 3 : 2);
        kin_section_source sections[KIN_SHARD_SECTIONS_MAX] = {0};
        for (uint32_t i = 0; i < view.container.section_count; i++) {
            const kin_section *section = &view.container.section[i];
            sections[i] = (kin_section_source){section->name, file.data + section->offset,
                                               (size_t)section->bytes};
        }
        kin_container_build(&other, KIN_FILE_SHARD, has_values ? 2 : 3, sections,
                            view.container.section_count);
        assert_int_equal(kin_shard_view_parse(&view, other.data, other.bytes, KIN_SHARD_CHECK_LAZY,
                                              path, &error),
                         KIN_CORRUPT);
        kin_buffer_fini(&file);
        kin_buffer_fini(&other);
    }
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

/* Tables are as many as tile a code, as long as they fit into memory. */
static void tables_keep_to_their_limits(void **state)
{
    (void)state;
    assert_int_equal(kin_shard_tables_auto(1000, 64, 0), 1);
    assert_int_equal(kin_shard_tables_auto(10000000, 64, 0), 4);
    assert_int_equal(kin_shard_tables_auto(1000000000, 64, 0), 3);
    assert_int_equal(kin_shard_tables_auto(10000000, 256, 0), 14);
    assert_int_equal(kin_shard_tables_auto(1000000, 256, 0), 16);
    assert_int_equal(kin_shard_tables_auto(300000, 256, 0), 1); /* sixteen would not tile it */
    for (uint32_t bits = 64; bits <= 256; bits *= 2)
        for (uint64_t count = 100000; count <= 1000000000; count *= 10)
            for (uint64_t times = 1; times <= 16; times++) {
                uint64_t most = count * bits / 8 * times;
                kin_shard_meta meta = {.count = count, .bits = bits};
                uint32_t tables = kin_shard_tables_auto(count, bits, most);
                kin_shard_plan(&meta, tables, count);
                assert_true(tables == 1 || kin_shard_search_bytes(&meta) <= most);
                if (times < 3 || tables == kin_shard_tables_auto(count, bits, 0)) continue;
                kin_shard_plan(&meta, tables + 1, count); /* one more would be too many */
                assert_true(kin_shard_search_bytes(&meta) > most);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_keep_to_their_limits), cmocka_unit_test(a_shard_comes_back),
        cmocka_unit_test(no_damaged_shard_is_served),  cmocka_unit_test(a_table_that_lies_is_found),
        cmocka_unit_test(version_1_is_still_read),     cmocka_unit_test(version_2_is_for_ever),
        cmocka_unit_test(version_3_is_for_ever),       cmocka_unit_test(values_that_lie_are_found),
        cmocka_unit_test(values_and_version_agree),    cmocka_unit_test(an_outline_knows_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
