/* The container: what is written is read, and nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "proto/container.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

#define KIND KIN_FILE_PART

static void fill(uint8_t *data, size_t bytes, uint64_t seed)
{
    kin_random random = {.state = seed};
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)kin_random_u64(&random);
}

static kin_status parse(kin_container *container, const kin_buffer *file, kin_error *error)
{
    kin_status status =
        kin_container_parse(container, file->data, file->bytes, KIND, 3, "test", error);
    if (status == KIN_OK) status = kin_container_check_all(container, "test", error);
    return status;
}

static void sections_come_back_whatever_their_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 61440, 65536, 65537, 200000};
    static uint8_t data[200000];
    fill(data, sizeof data, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        kin_section_source sources[] = {
            {"first", data, sizes[i]}, {"none", NULL, 0}, {"eightlet", data, sizes[i] / 2}};
        kin_buffer file = {0};
        kin_container container;
        kin_error error = {0};
        kin_container_build(&file, KIND, 3, sources, 3);
        assert_int_equal(parse(&container, &file, &error), KIN_OK);
        assert_int_equal(container.version, 3);
        for (int s = 0; s < 3; s++) {
            uint64_t bytes;
            const uint8_t *section = kin_container_section(&container, sources[s].name, &bytes);
            assert_non_null(section);
            assert_int_equal(bytes, sources[s].bytes);
            assert_int_equal((section - file.data) % KIN_SECTION_ALIGNMENT, 0);
            if (bytes > 0) assert_memory_equal(section, sources[s].data, bytes);
        }
        uint64_t none;
        assert_null(kin_container_section(&container, "absent", &none));
        kin_buffer_fini(&file);
    }
}

static void the_streaming_writer_gives_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t data[300000];
    fill(data, sizeof data, 2);
    kin_section_source sources[] = {{"one", data, 100}, {"two", data, sizeof data}};
    kin_buffer built = {0}, written = {0};
    kin_container_build(&built, KIND, 1, sources, 2);
    char *folder = temporary_folder();
    char *path = kin_path_join(folder, "file.kin");
    kin_error error = {0};
    kin_container_writer *writer = NULL;
    assert_int_equal(kin_container_writer_open(&writer, path, KIND, 1, &error), KIN_OK);
    for (int s = 0; s < 2; s++) {
        assert_int_equal(kin_container_writer_section(writer, sources[s].name, &error), KIN_OK);
        const uint8_t *from = sources[s].data;
        for (size_t at = 0; at < sources[s].bytes; at += 7777) {
            size_t part = sources[s].bytes - at < 7777 ? sources[s].bytes - at : 7777;
            assert_int_equal(kin_container_writer_append(writer, from + at, part, &error), KIN_OK);
        }
    }
    assert_false(kin_path_exists(path)); /* not before it is whole */
    assert_int_equal(kin_container_writer_publish(&writer, &error), KIN_OK);
    assert_null(writer);
    assert_int_equal(kin_file_read(path, 1u << 20, &written, &error), KIN_OK);
    assert_int_equal(written.bytes, built.bytes);
    assert_memory_equal(written.data, built.data, built.bytes);
    kin_buffer_fini(&built);
    kin_buffer_fini(&written);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

static void every_flipped_bit_and_every_short_file_is_refused(void **state)
{
    (void)state;
    static uint8_t data[3000];
    fill(data, sizeof data, 3);
    kin_section_source sources[] = {{"a", data, 700}, {"b", data, sizeof data}};
    kin_buffer file = {0};
    kin_container container;
    kin_error error = {0};
    kin_container_build(&file, KIND, 1, sources, 2);
    for (size_t i = 0; i < file.bytes; i++) {
        file.data[i] ^= (uint8_t)(1u << (i % 8));
        if (parse(&container, &file, &error) == KIN_OK) fail_msg("byte %zu may be flipped", i);
        assert_true(strlen(error.text) > 10);
        file.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_int_equal(parse(&container, &file, &error), KIN_OK);
    size_t whole = file.bytes;
    for (size_t bytes = 0; bytes < whole; bytes += bytes < 100 ? 1 : 97) {
        kin_buffer shorter = {.data = kin_malloc(bytes), .bytes = bytes};
        memcpy(shorter.data, file.data, bytes);
        assert_int_not_equal(parse(&container, &shorter, &error), KIN_OK);
        kin_buffer_fini(&shorter);
    }
    kin_buffer_append_byte(&file, 0);
    assert_int_not_equal(parse(&container, &file, &error), KIN_OK);
    kin_buffer_fini(&file);
}

static void another_kind_or_a_newer_version_is_named(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_container container;
    kin_error error = {0};
    kin_container_build(&file, KIND, 4, NULL, 0);
    assert_int_equal(
        kin_container_parse(&container, file.data, file.bytes, KIND, 3, "the file", &error),
        KIN_MISMATCH);
    assert_non_null(strstr(error.text, "version 4"));
    assert_int_equal(kin_container_parse(&container, file.data, file.bytes, KIN_FILE_SHARD, 4,
                                         "the file", &error),
                     KIN_MISMATCH);
    assert_non_null(strstr(error.text, "PART instead of SHRD"));
    kin_buffer_fini(&file);
}

static void version_1_is_for_ever(void **state)
{
    (void)state;
    kin_section_source sources[] = {{"words", "kindred pictures", 16}, {"empty", NULL, 0}};
    kin_buffer file = {0};
    kin_container_build(&file, KIND, 1, sources, 2);
    golden_check("container-1.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_come_back_whatever_their_size),
        cmocka_unit_test(the_streaming_writer_gives_the_same_bytes),
        cmocka_unit_test(every_flipped_bit_and_every_short_file_is_refused),
        cmocka_unit_test(another_kind_or_a_newer_version_is_named),
        cmocka_unit_test(version_1_is_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
