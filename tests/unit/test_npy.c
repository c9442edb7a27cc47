/* .npy files: what NumPy writes is read, what it reads is written, all else is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/npy_format.h"
#include "tests/support/test.h"

/* A file with that dictionary, padded as NumPy pads it. */
static void make_file(kin_buffer *file, const char *dictionary, size_t data_bytes)
{
    size_t length = strlen(dictionary), bytes = (10 + length + 1 + 63) / 64 * 64 - 10;
    kin_buffer_clear(file);
    kin_buffer_append(file, "\x93NUMPY\x01\x00", 8);
    kin_buffer_append_byte(file, (uint8_t)bytes);
    kin_buffer_append_byte(file, (uint8_t)(bytes >> 8));
    kin_buffer_append(file, dictionary, length);
    for (; length + 1 < bytes; length++)
        kin_buffer_append_byte(file, ' ');
    kin_buffer_append_byte(file, '\n');
    for (size_t i = 0; i < data_bytes; i++)
        kin_buffer_append_byte(file, (uint8_t)i);
}

static kin_status parse(const char *dictionary, size_t data_bytes, kin_npy *npy, char *sentence)
{
    kin_buffer file = {0};
    kin_error error = {0};
    make_file(&file, dictionary, data_bytes);
    kin_status status = kin_npy_parse(npy, file.data, file.bytes, "f.npy", &error);
    snprintf(sentence, 256, "%.255s", error.text);
    kin_buffer_fini(&file);
    return status;
}

static void what_numpy_writes_is_read(void **state)
{
    (void)state;
    kin_npy npy;
    char sentence[256];
    assert_int_equal(
        parse("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24, &npy, sentence),
        KIN_OK);
    assert_int_equal(npy.kind, 'f');
    assert_int_equal(npy.item_bytes, 4);
    assert_int_equal(npy.rank, 2);
    assert_int_equal(npy.dims[1], 3);
    assert_int_equal(npy.count, 6);
    assert_int_equal(
        parse("{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }", 5, &npy, sentence),
        KIN_OK);
    assert_int_equal(npy.dims[0], 5);
    assert_int_equal(
        parse("{'shape': (), 'descr': '<i8', 'fortran_order': False}", 8, &npy, sentence), KIN_OK);
    assert_int_equal(npy.rank, 0);
    assert_int_equal(npy.count, 1);
    assert_int_equal(
        parse("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9), }", 0, &npy, sentence),
        KIN_OK);
    assert_int_equal(npy.count, 0);
}

static void all_else_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *dictionary;
        size_t bytes;
        const char *words;
    } wrong[] = {
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24, "Fortran"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 24, "big-endian"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }", 48, "'<c8'"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 16, "'|O'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, "truncated"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, "25 bytes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 16,
         "truncated"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }", 4,
         "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "header"},
        {"{'descr': '<f4', 'fortran_order': False}", 4, "header"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}", 4, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4, "header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", 4, "header"},
        {"", 4, "header"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kin_npy npy;
        char sentence[256];
        assert_int_equal(parse(wrong[i].dictionary, wrong[i].bytes, &npy, sentence), KIN_BAD_INPUT);
        if (strstr(sentence, wrong[i].words) == NULL) fail_msg("%zu: %s", i, sentence);
    }
    kin_npy npy;
    assert_int_equal(kin_npy_parse(&npy, "PNG", 3, "f", NULL), KIN_BAD_INPUT);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    size_t length = 0;
    for (uint32_t rank = 1; rank <= 3; rank++) {
        uint64_t dims[3] = {1, 7, 2};
        for (dims[0] = 1; dims[0] < 100000; dims[0] *= 9) {
            kin_buffer file = {0};
            kin_npy npy;
            kin_npy_build_header(&file, "<f4", dims, rank);
            assert_int_equal(file.bytes % 64, 0);
            if (dims[0] == 1) length = file.bytes;
            assert_int_equal(file.bytes, length);
            size_t count = dims[0] * (rank > 1 ? 7 : 1) * (rank > 2 ? 2 : 1);
            memset(kin_buffer_reserve(&file, 4 * count), 0, 4 * count);
            file.bytes += 4 * count;
            assert_int_equal(kin_npy_parse(&npy, file.data, file.bytes, "f", NULL), KIN_OK);
            assert_int_equal(npy.count, count);
            assert_int_equal(npy.dims[0], dims[0]);
            kin_buffer_fini(&file);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_numpy_writes_is_read),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
