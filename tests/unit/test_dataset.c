/* Data sets: rows, keys and classes from each kind of file, and a clear word for each mistake. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/feature_file.h"
#include "proto/npy_format.h"
#include "tests/support/golden.h"
#include "tests/support/make_index.h"
#include "tests/support/test.h"
#include "worker/dataset/dataset.h"

static char *folder;

static int begin(void **state)
{
    (void)state;
    folder = temporary_folder();
    return 0;
}

static int end(void **state)
{
    (void)state;
    int failed = kin_directory_remove(folder, NULL) != KIN_OK;
    free(folder);
    return failed;
}

/* Paths live as long as the test: a few are never freed before the end. */
static char *put(const char *name, const void *data, size_t bytes)
{
    static char *kept[256];
    static int count;
    char *path = kin_path_join(folder, name);
    assert_int_equal(kin_file_write_atomic(path, data, bytes, NULL), KIN_OK);
    free(kept[count]);
    kept[count] = path;
    count = (count + 1) % 256;
    return path;
}

static char *put_text(const char *name, const char *text)
{
    return put(name, text, strlen(text));
}

static char *put_npy(const char *name, const char *type, uint64_t rows, uint64_t columns,
                     const void *data, size_t bytes)
{
    const uint64_t dims[] = {rows, columns};
    kin_buffer file = {0};
    kin_npy_build_header(&file, type, dims, columns == 0 ? 1 : 2);
    kin_buffer_append(&file, data, bytes);
    char *path = put(name, file.data, file.bytes);
    kin_buffer_fini(&file);
    return path;
}

static char *put_idx(const char *name, uint8_t rank, const uint8_t *dims, const uint8_t *data,
                     size_t bytes, bool zipped)
{
    kin_buffer file = {0};
    const uint8_t start[] = {0, 0, 8, rank};
    kin_buffer_append(&file, start, sizeof start);
    for (uint8_t i = 0; i < rank; i++) {
        const uint8_t size[] = {0, 0, 0, dims[i]};
        kin_buffer_append(&file, size, sizeof size);
    }
    kin_buffer_append(&file, data, bytes);
    char *path = put(name, file.data, file.bytes);
    if (zipped) {
        gzFile out = gzopen(path, "wb");
        assert_int_equal(gzwrite(out, file.data, (unsigned)file.bytes), file.bytes);
        assert_int_equal(gzclose(out), Z_OK);
    }
    kin_buffer_fini(&file);
    return path;
}

static kin_dataset *open_fine(const kin_dataset_options *options)
{
    kin_dataset *dataset;
    kin_error error = {0};
    if (kin_dataset_open(&dataset, options, &error) != KIN_OK) fail_msg("%s", error.text);
    return dataset;
}

static void check_refused(const kin_dataset_options *options, kin_status status, const char *words)
{
    kin_dataset *dataset;
    kin_error error = {0};
    assert_int_equal(kin_dataset_open(&dataset, options, &error), status);
    assert_null(dataset);
    if (strstr(error.text, words) == NULL) fail_msg("%s: '%s'", words, error.text);
}

/* The class of each row by name, separated by spaces; "-" for none. */
static void check_labels(const kin_dataset *dataset, const char *wanted)
{
    kin_buffer found = {0};
    for (uint64_t i = 0; i < kin_dataset_count(dataset); i++) {
        uint32_t label = kin_dataset_labels(dataset)[i];
        kin_buffer_printf(&found, "%s%s", i == 0 ? "" : " ",
                          label == KIN_NO_CLASS ? "-" : kin_dataset_class_name(dataset, label));
    }
    kin_buffer_append_byte(&found, 0);
    assert_string_equal((char *)found.data, wanted);
    kin_buffer_fini(&found);
}

static const float four_rows[4][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};

static char *put_four(void)
{
    return put_npy("four.npy", "<f4", 4, 2, four_rows, sizeof four_rows);
}

static void vectors_are_rows(void **state)
{
    (void)state;
    kin_dataset *dataset = open_fine(&(kin_dataset_options){.source = put_four()});
    const uint64_t rows[] = {3, 0};
    float vectors[4];
    uint32_t bytes;
    assert_int_equal(kin_dataset_count(dataset), 4);
    assert_int_equal(kin_dataset_dimensions(dataset), 2);
    assert_int_equal(kin_dataset_read(dataset, 1, 2, vectors, NULL), KIN_OK);
    assert_memory_equal(vectors, four_rows[1], sizeof vectors);
    assert_int_equal(kin_dataset_gather(dataset, rows, 2, vectors, NULL), KIN_OK);
    assert_memory_equal(vectors, four_rows[3], sizeof *four_rows);
    assert_memory_equal(vectors + 2, four_rows[0], sizeof *four_rows);
    assert_null(kin_dataset_labels(dataset));
    assert_null(kin_dataset_features(dataset));
    assert_null(kin_dataset_key(dataset, 0, &bytes));
    assert_int_equal(kin_dataset_bits(dataset), 0);
    kin_dataset_close(&dataset);
    assert_null(dataset);
}

static void a_number_that_is_not_finite_is_named(void **state)
{
    (void)state;
    const float rows[3][2] = {{1, 2}, {3, NAN}, {5, 6}};
    kin_dataset *dataset = open_fine(
        &(kin_dataset_options){.source = put_npy("nan.npy", "<f4", 3, 2, rows, sizeof rows)});
    const uint64_t wrong[] = {2, 1};
    float vectors[6];
    kin_error error = {0};
    assert_int_equal(kin_dataset_read(dataset, 2, 1, vectors, &error), KIN_OK);
    assert_int_equal(kin_dataset_read(dataset, 0, 3, vectors, &error), KIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "nan.npy: row 1 has a number that is not finite"));
    assert_int_equal(kin_dataset_gather(dataset, wrong, 2, vectors, &error), KIN_BAD_INPUT);
    kin_dataset_close(&dataset);
}

static void pixels_are_features(void **state)
{
    (void)state;
    const uint8_t pixels[] = {0, 255, 51, 102, 153, 204, 1, 2, 3, 4, 5, 6}, classes[] = {7, 2};
    for (int zipped = 0; zipped < 2; zipped++) {
        char *images = put_idx("images", 3, (const uint8_t[]){2, 2, 3}, pixels, 12, zipped);
        char *labels = put_idx("labels", 1, (const uint8_t[]){2}, classes, 2, zipped);
        char *source = kin_sprintf("idx:%s,%s", images, labels);
        kin_dataset *dataset = open_fine(&(kin_dataset_options){.source = source});
        float vector[6];
        assert_int_equal(kin_dataset_count(dataset), 2);
        assert_int_equal(kin_dataset_dimensions(dataset), 6);
        assert_int_equal(kin_dataset_read(dataset, 0, 1, vector, NULL), KIN_OK);
        for (int i = 0; i < 6; i++)
            assert_true(vector[i] == (float)pixels[i] / 255);
        check_labels(dataset, "7 2");
        assert_int_equal(kin_dataset_labels(dataset)[0], 1); /* 2 comes before 7 */
        kin_dataset_close(&dataset);
        free(source);
    }
}

static void other_pixel_files_are_refused(void **state)
{
    (void)state;
    const uint8_t zeros[16] = {0}, dims[] = {2, 2, 3};
    const struct {
        char *path;
        const char *words;
    } wrong[] = {
        {put_idx("short", 3, dims, zeros, 11, false), "truncated: 11 of 12"},
        {put_idx("short.gz", 3, dims, zeros, 11, true), "truncated: 11 of 12"},
        {put_idx("long", 3, dims, zeros, 13, true), "longer than its IDX header says"},
        {put_idx("flat", 1, dims, zeros, 2, false), "has one dimension"},
        {put_idx("flat_long", 1, dims, zeros, 16, false), "longer than"},
        {put_idx("wide", 3, (const uint8_t[]){1, 91, 91}, zeros, 16, false), "truncated"},
        {put_text("text", "no pictures"), "is no IDX file"},
        {put_text("none", ""), "is no IDX file"},
        {put("floats", "\0\0\x0d\1\0\0\0\1\0\0\0\0", 12), "type 13"},
        {put("empty", "\0\0\x08\2\0\0\0\0\0\0\0\1", 12), "dimension 0 is 0"},
        {put("huge", "\0\0\x08\2\xff\xff\xff\xff\0\0\0\2", 12), ""},
        {folder, "is a folder"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *source = kin_sprintf("idx:%s", wrong[i].path);
        bool huge = strstr(source, "huge") != NULL;
        check_refused(&(kin_dataset_options){.source = source}, huge ? KIN_LIMIT : KIN_BAD_INPUT,
                      wrong[i].words);
        free(source);
    }
    char *images = put_idx("images", 3, dims, zeros, 12, false);
    char *labels = put_idx("three", 1, (const uint8_t[]){3}, zeros, 3, false);
    char *unequal = kin_sprintf("idx:%s,%s", images, labels);
    char *turned = kin_sprintf("idx:%s,%s", images, images);
    check_refused(&(kin_dataset_options){.source = unequal}, KIN_BAD_INPUT, "has 3 rows, and");
    check_refused(&(kin_dataset_options){.source = turned}, KIN_BAD_INPUT, "IMAGES comes before");
    check_refused(&(kin_dataset_options){.source = "idx:/nowhere"}, KIN_NOT_FOUND, "/nowhere");
    free(unequal);
    free(turned);
}

static void check_classes(const char *labels, const char *keys, const char *wanted)
{
    kin_dataset *dataset =
        open_fine(&(kin_dataset_options){.source = put_four(), .labels = labels, .keys = keys});
    check_labels(dataset, wanted);
    kin_dataset_close(&dataset);
}

static void classes_come_from_files(void **state)
{
    (void)state;
    const int64_t wide[] = {10, -3, 10, 9};
    const uint8_t narrow[] = {1, 2, 1, 200};
    const int8_t negative[] = {-1, 0, 1, -128};
    char *keys = put_text("keys", "a\nb\nc d\ne");
    check_classes(put_npy("l8.npy", "<i8", 4, 0, wide, sizeof wide), NULL, "10 -3 10 9");
    check_classes(put_npy("l1.npy", "|u1", 4, 0, narrow, sizeof narrow), NULL, "1 2 1 200");
    check_classes(put_npy("li.npy", "|i1", 4, 0, negative, 4), NULL, "-1 0 1 -128");
    check_classes(put_text("lines", "cat\ndog\r\ncat\nbird"), NULL, "cat dog cat bird");
    check_classes(put_text("keyed", "e\tdog\nb\tcat\nb\tcat\nz\tox\nc d\tcat\n"), keys,
                  "- cat cat dog");
    char *labels = put_idx("four", 1, (const uint8_t[]){4}, narrow, 4, true);
    char *idx = kin_sprintf("idx:%s", labels);
    check_classes(idx, NULL, "1 2 1 200");
    free(idx);
    kin_dataset *dataset = open_fine(&(kin_dataset_options){
        .source = put_four(), .labels = put_npy("l8.npy", "<i8", 4, 0, wide, sizeof wide)});
    assert_int_equal(kin_dataset_classes(dataset), 3);
    assert_string_equal(kin_dataset_class_name(dataset, 0), "-3"); /* by value, not by digits */
    assert_string_equal(kin_dataset_class_name(dataset, 1), "9");
    kin_dataset_close(&dataset);
}

static void classes_come_from_folders(void **state)
{
    (void)state;
    char *deep = put_text("deep", "/p/birds/owls/1\n/p/birds/2\n/p/cars/3\n/p/birds/owls/4\n");
    char *flat = put_text("flat_keys", "1\n2\n3\n4\n");
    char *mixed = put_text("mixed", "/p/a/1\n/p/2\n/p/ab/3\n/p/a/b/4\n");
    char *same = put_text("same", "/p/a/1\n/p/a/2\n/p/a/3\n/p/a/4\n");
    check_classes("folders", deep, "birds/owls birds cars birds/owls");
    check_classes("top-folders", deep, "birds birds cars birds");
    check_classes("folders", flat, ". . . .");
    check_classes("top-folders", mixed, "a . ab a");
    check_classes("folders", same, ". . . .");
}

static void mistakes_with_classes_are_named(void **state)
{
    (void)state;
    char *source = put_four();
    char *keys = put_text("keys", "a\nb\nc d\ne\n");
    const float floats[4] = {0};
    char *long_name = kin_malloc(2 * KIN_CLASS_NAME_BYTES_MAX);
    memset(long_name, 'x', 2 * KIN_CLASS_NAME_BYTES_MAX);
    const struct {
        const char *labels, *keys, *words;
        kin_status status;
    } wrong[] = {
        {"/nowhere", NULL, "cannot open /nowhere", KIN_NOT_FOUND},
        {put_text("none", ""), NULL, "is empty", KIN_BAD_INPUT},
        {put_text("three", "a\nb\nc"), NULL, "has 3 classes, and ", KIN_BAD_INPUT},
        {put_text("five", "a\nb\nc\nd\ne\n"), NULL, "has 5 classes, and ", KIN_BAD_INPUT},
        {put_text("hole", "a\n\nc\nd"), NULL, "line 2: has no class", KIN_BAD_INPUT},
        {put_text("mixed", "a\nb\tc\nd"), NULL, "line 2: has a tab", KIN_BAD_INPUT},
        {put_text("mixed2", "b\tc\nd"), keys, "line 2: has no tab", KIN_BAD_INPUT},
        {put_text("nokey", "\tc\n"), keys, "line 1: has no key", KIN_BAD_INPUT},
        {put("nul", "a\0\nb\n", 5), NULL, "line 1: holds a NUL", KIN_BAD_INPUT},
        {put("long_class", long_name, 256), NULL, "256 bytes", KIN_LIMIT},
        {put_text("twice", "a\tcat\nb\tdog\na\tdog\n"), keys, "gives a two classes, cat and dog",
         KIN_BAD_INPUT},
        {put_text("strangers", "x\tcat\ny\tdog\n"), keys, "none of its 2 keys", KIN_BAD_INPUT},
        {put_text("keyed", "a\tcat\n"), NULL, "have none; give them with --keys", KIN_BAD_INPUT},
        {"folders", NULL, "have no keys, so no folders", KIN_BAD_INPUT},
        {put_npy("f.npy", "<f4", 4, 0, floats, 16), NULL, "classes are integers", KIN_BAD_INPUT},
        {put_npy("2.npy", "<i4", 2, 2, floats, 16), NULL, "has 2 dimensions", KIN_BAD_INPUT},
        {put_npy("3.npy", "<i4", 3, 0, floats, 12), NULL, "has 3 classes", KIN_BAD_INPUT},
        {NULL, put_text("keys3", "a\nb\nc\n"), "has 3 lines, and", KIN_BAD_INPUT},
        {NULL, put_text("keys_hole", "a\n\nb\nc\n"), "line 2: is empty", KIN_BAD_INPUT},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_refused(&(kin_dataset_options){.source = source,
                                             .labels = wrong[i].labels,
                                             .keys = wrong[i].keys},
                      wrong[i].status, wrong[i].words);
    free(long_name);
}

static void more_classes_than_can_be_are_refused(void **state)
{
    (void)state;
    uint64_t rows = KIN_CLASSES_MAX + 1;
    int32_t *numbers = kin_malloc(rows * sizeof *numbers);
    for (uint64_t i = 0; i < rows; i++)
        numbers[i] = (int32_t)i;
    char *source = put_npy("rows.npy", "<f4", rows, 1, numbers, rows * 4);
    char *labels = put_npy("many.npy", "<i4", rows, 0, numbers, rows * 4);
    check_refused(&(kin_dataset_options){.source = source, .labels = labels}, KIN_LIMIT,
                  "more than 65536 classes");
    free(numbers);
}

static void sources_that_are_none_are_refused(void **state)
{
    (void)state;
    const float rows[2] = {1, 2};
    check_refused(&(kin_dataset_options){.source = "/nowhere.npy"}, KIN_NOT_FOUND, "/nowhere.npy");
    check_refused(&(kin_dataset_options){.source = put_text("t.npy", "text")}, KIN_BAD_INPUT,
                  "is no .npy file");
    check_refused(&(kin_dataset_options){.source = put_npy("d.npy", "<f8", 1, 1, rows, 8)},
                  KIN_BAD_INPUT, "float32");
    check_refused(&(kin_dataset_options){.source = put_npy("e.npy", "<f4", 0, 2, rows, 0)},
                  KIN_BAD_INPUT, "has no rows");
    check_refused(&(kin_dataset_options){.source = folder}, KIN_NOT_FOUND, "CURRENT");
}

static void codes_are_rows_too(void **state)
{
    (void)state;
    const uint8_t rows[3][2] = {{0x80, 0}, {0, 1}, {0xff, 0xff}}, wide[33] = {0};
    char *codes = put_npy("codes.npy", "|u1", 3, 2, rows, sizeof rows);
    check_refused(&(kin_dataset_options){.source = codes}, KIN_BAD_INPUT, "as codes are");
    kin_dataset *dataset =
        open_fine(&(kin_dataset_options){.source = codes, .without_features = true});
    kin_code code;
    assert_int_equal(kin_dataset_bits(dataset), 16);
    assert_int_equal(kin_dataset_dimensions(dataset), 0);
    kin_dataset_code(dataset, 0, &code);
    assert_true(code.word[0] == (uint64_t)1 << 63 && code.word[3] == 0);
    kin_dataset_code(dataset, 1, &code);
    assert_true(code.word[0] == (uint64_t)1 << 48);
    kin_dataset_close(&dataset);
    check_refused(&(kin_dataset_options){.source = put_npy("w.npy", "|u1", 1, 33, wide, 33),
                                         .without_features = true},
                  KIN_BAD_INPUT, "codes of 33 bytes");
}

static void an_index_is_in_the_order_of_ids(void **state)
{
    (void)state;
    enum { COUNT = 500, BITS = 128 };
    static kin_code codes[COUNT];
    char *index = kin_path_join(folder, "INDEX"), key[64];
    kin_make_codes(codes, COUNT, BITS, 3);
    kin_make_index(index, codes, COUNT, BITS, 3);
    check_refused(&(kin_dataset_options){.source = index}, KIN_BAD_INPUT, "keeps no features");
    kin_dataset *dataset = open_fine(
        &(kin_dataset_options){.source = index, .labels = "folders", .without_features = true});
    assert_int_equal(kin_dataset_count(dataset), COUNT);
    assert_int_equal(kin_dataset_dimensions(dataset), 0);
    assert_int_equal(kin_dataset_bits(dataset), BITS);
    assert_int_equal(kin_dataset_classes(dataset), 1);
    for (uint64_t i = 0; i < COUNT; i++) {
        kin_code code;
        uint32_t bytes;
        const char *found = kin_dataset_key(dataset, i, &bytes);
        snprintf(key, sizeof key, "synthetic/%llu", (unsigned long long)i);
        assert_int_equal(bytes, strlen(key));
        assert_memory_equal(found, key, bytes);
        kin_dataset_code(dataset, i, &code);
        assert_int_equal(kin_code_compare(&code, &codes[i]), 0);
    }
    kin_dataset_close(&dataset);
    free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_rows),
        cmocka_unit_test(a_number_that_is_not_finite_is_named),
        cmocka_unit_test(pixels_are_features),
        cmocka_unit_test(other_pixel_files_are_refused),
        cmocka_unit_test(classes_come_from_files),
        cmocka_unit_test(classes_come_from_folders),
        cmocka_unit_test(mistakes_with_classes_are_named),
        cmocka_unit_test(more_classes_than_can_be_are_refused),
        cmocka_unit_test(codes_are_rows_too),
        cmocka_unit_test(an_index_is_in_the_order_of_ids),
        cmocka_unit_test(sources_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
