/* Files of feature vectors: what is written is read; other shapes and types are refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "proto/feature_file.h"
#include "proto/npy_format.h"
#include "tests/support/test.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    const float rows[3][2] = {{1, -2}, {0.5f, 3e38f}, {INFINITY, 0}};
    kin_buffer bytes = {0};
    kin_feature_file file;
    float vector[2];
    kin_feature_file_begin(&bytes, 3, 2);
    kin_buffer_append(&bytes, rows, sizeof rows);
    assert_int_equal(kin_feature_file_parse(&file, bytes.data, bytes.bytes, "f", NULL), KIN_OK);
    assert_int_equal(file.count, 3);
    assert_int_equal(file.dimensions, 2);
    assert_true(kin_feature_file_get(&file, 0, vector));
    assert_memory_equal(vector, rows[0], sizeof vector);
    assert_true(kin_feature_file_get(&file, 1, vector));
    assert_memory_equal(vector, rows[1], sizeof vector);
    assert_false(kin_feature_file_get(&file, 2, vector));
    for (size_t cut = 0; cut < bytes.bytes; cut++)
        assert_int_not_equal(kin_feature_file_parse(&file, bytes.data, cut, "f", NULL), KIN_OK);
    kin_buffer_fini(&bytes);
}

static void check_refused(const char *type, const uint64_t *dims, uint32_t rank, const char *text)
{
    static const uint8_t zeros[(KIN_FEATURE_DIMENSIONS_MAX + 1) * 4];
    kin_buffer bytes = {0};
    kin_feature_file file;
    kin_error error = {0};
    kin_npy_build_header(&bytes, type, dims, rank);
    size_t count = 1;
    for (uint32_t i = 0; i < rank; i++)
        count *= dims[i];
    kin_buffer_append(&bytes, zeros, count * (size_t)(type[2] - '0'));
    assert_int_not_equal(kin_feature_file_parse(&file, bytes.data, bytes.bytes, "f", &error),
                         KIN_OK);
    assert_non_null(strstr(error.text, text));
    kin_buffer_fini(&bytes);
}

static void other_arrays_are_refused(void **state)
{
    (void)state;
    check_refused("<f8", (const uint64_t[]){2, 2}, 2, "astype('float32')");
    check_refused("<i4", (const uint64_t[]){2, 2}, 2, "float32");
    check_refused("<f4", (const uint64_t[]){4}, 1, "has 1 dimensions");
    check_refused("<f4", (const uint64_t[]){2, 2, 2}, 3, "has 3 dimensions");
    check_refused("<f4", (const uint64_t[]){2, 0}, 2, "rows of 0 numbers");
    check_refused("<f4", (const uint64_t[]){1, KIN_FEATURE_DIMENSIONS_MAX + 1}, 2, "1 to 8192");
}

static void files_have_names(void **state)
{
    (void)state;
    char name[KIN_FEATURE_FILE_NAME_BYTES];
    kin_feature_file_name(7, name);
    assert_string_equal(name, "features-0007.npy");
    kin_feature_file_name(UINT32_MAX, name);
    assert_true(kin_feature_file_is_named(name));
    assert_true(kin_feature_file_is_named("features-.npy"));
    assert_false(kin_feature_file_is_named("features-0007.npy.tmp"));
    assert_false(kin_feature_file_is_named("shard-0007.kin"));
    assert_false(kin_feature_file_is_named(".npy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_arrays_are_refused),
        cmocka_unit_test(files_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
