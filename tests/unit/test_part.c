/* Parts: what is written is read; everything else is refused. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/part_format.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

static const char *const details[] = {"", "no magic number", "", "ends at byte 12"};
static const kin_reason reasons[] = {KIN_REASON_NONE, KIN_REASON_NOT_AN_IMAGE, KIN_REASON_NONE,
                                     KIN_REASON_TRUNCATED};
static const char *const thumbnails[] = {"first jpeg", "", "", ""};

static kin_part_head head_of(kin_part_kind kind, uint32_t width)
{
    kin_part_head head = {.first_id = 640, .count = 4, .kind = kind, .width = width};
    for (unsigned i = 0; i < sizeof head.job.byte; i++)
        head.job.byte[i] = (uint8_t)(0xa0 + i);
    return head;
}

/* Four inputs, two of them indexed. */
static void build(const kin_part_head *head, const void *values, kin_buffer *out)
{
    kin_part_builder builder = {0};
    for (uint32_t i = 0; i < 4; i++) {
        kin_part_row row = {.reason = reasons[i],
                            .detail = details[i],
                            .detail_bytes = (uint32_t)strlen(details[i]),
                            .file_bytes = 1000 + i,
                            .thumbnail = (const uint8_t *)thumbnails[i],
                            .thumbnail_bytes = (uint32_t)strlen(thumbnails[i])};
        kin_part_builder_add(&builder, &row);
    }
    kin_part_builder_finish(&builder, head, values, out);
    kin_part_builder_fini(&builder);
}

static void check_rows(const kin_part *part)
{
    kin_error error = {0};
    assert_int_equal(part->head.first_id, 640);
    assert_int_equal(part->head.count, 4);
    assert_int_equal(part->indexed, 2);
    for (uint32_t i = 0; i < 4; i++) {
        kin_part_row row = kin_part_get(part, i);
        assert_int_equal(row.reason, reasons[i]);
        assert_int_equal(row.file_bytes, 1000 + i);
        assert_int_equal(row.detail_bytes, strlen(details[i]));
        assert_memory_equal(row.detail, details[i], row.detail_bytes);
        assert_int_equal(row.thumbnail_bytes, strlen(thumbnails[i]));
        assert_memory_equal(row.thumbnail, thumbnails[i], row.thumbnail_bytes);
        assert_int_equal(kin_part_check_thumbnail(part, &row, "part", &error), KIN_OK);
        if (row.reason == KIN_REASON_NONE) assert_int_equal(row.value, i / 2);
    }
}

static const uint64_t words[] = {0x0123456789abcdef, 1, 0xfedcba9876543210, 2};

static void codes_come_back(void **state)
{
    (void)state;
    kin_part_head head = head_of(KIN_PART_CODES, 128);
    kin_buffer file = {0};
    kin_part part;
    kin_error error = {0};
    build(&head, words, &file);
    assert_int_equal(kin_part_parse(&part, file.data, file.bytes, "part", &error), KIN_OK);
    check_rows(&part);
    assert_true(kin_digest_equal(&part.head.job, &head.job));
    for (uint32_t i = 0; i < 2; i++) {
        kin_code code;
        kin_part_code(&part, i, &code);
        assert_memory_equal(code.word, words + 2 * i, 16);
        assert_int_equal(code.word[2] | code.word[3], 0);
    }
    kin_buffer_fini(&file);
}

static void vectors_come_back(void **state)
{
    (void)state;
    const float vectors[] = {1.5f, -2.25f, 0, 3e30f, 5, 6};
    kin_part_head head = head_of(KIN_PART_VECTORS, 3);
    kin_buffer file = {0};
    kin_part part;
    kin_error error = {0};
    build(&head, vectors, &file);
    assert_int_equal(kin_part_parse(&part, file.data, file.bytes, "part", &error), KIN_OK);
    check_rows(&part);
    for (uint32_t i = 0; i < 2; i++) {
        float vector[3];
        kin_part_vector(&part, i, vector);
        assert_memory_equal(vector, vectors + 3 * i, sizeof vector);
    }
    kin_buffer_fini(&file);
}

static void values_come_back_and_say_the_code(void **state)
{
    (void)state;
    int8_t values[2][24];
    for (int i = 0; i < 48; i++)
        values[i / 24][i % 24] = (int8_t)(i % 5 * 60 - 128);
    kin_part_head head = head_of(KIN_PART_VALUES, 24);
    kin_buffer file = {0};
    kin_part part;
    kin_error error = {0};
    build(&head, values, &file);
    assert_int_equal(kin_part_parse(&part, file.data, file.bytes, "part", &error), KIN_OK);
    check_rows(&part);
    for (uint32_t i = 0; i < 2; i++) {
        kin_code code;
        kin_part_code(&part, i, &code);
        assert_memory_equal(kin_part_values(&part, i), values[i], 24);
        for (unsigned b = 0; b < 64; b++)
            assert_int_equal(kin_code_bit(&code, b), b < 24 && values[i][b] >= 0);
    }
    golden_check("part-1-values.kin", file.data, file.bytes);
    kin_buffer_clear(&file);
    head.width = KIN_CODE_BITS_MAX + 8;
    void *wide = kin_calloc(2, head.width);
    build(&head, wide, &file);
    free(wide);
    assert_int_equal(kin_part_parse(&part, file.data, file.bytes, "part", &error), KIN_CORRUPT);
    kin_buffer_fini(&file);
}

static void the_golden_file_stays(void **state)
{
    (void)state;
    kin_part_head head = head_of(KIN_PART_CODES, 128);
    kin_buffer file = {0};
    build(&head, words, &file);
    golden_check("part-1.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
}

/* A flipped byte anywhere is refused, but for thumbnails, which are when they are read. */
static void flipped_bytes_are_refused(void **state)
{
    (void)state;
    kin_part_head head = head_of(KIN_PART_CODES, 128);
    kin_buffer file = {0};
    build(&head, words, &file);
    unsigned accepted = 0;
    for (size_t i = 0; i < file.bytes; i++) {
        kin_part part;
        file.data[i] ^= 0x41;
        if (kin_part_parse(&part, file.data, file.bytes, "part", NULL) == KIN_OK &&
            kin_container_check_all(&part.container, "part", NULL) == KIN_OK)
            accepted++;
        file.data[i] ^= 0x41;
    }
    assert_int_equal(accepted, 0);
    for (size_t bytes = 0; bytes < file.bytes; bytes += 61) {
        kin_part part;
        assert_int_not_equal(kin_part_parse(&part, file.data, bytes, "part", NULL), KIN_OK);
    }
    kin_buffer_fini(&file);
}

/* Sections with right checksums whose numbers contradict each other. */
static void contradictions_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *section;
        size_t at;
        uint8_t value;
    } lies[] = {
        {"head", 24, 5},        {"head", 24, 0}, {"head", 27, 1}, {"head", 28, 2},
        {"head", 32, 65},       {"head", 36, 1}, {"head", 36, 5}, {"head", 63, 1},
        {"rows", 0, 13},        {"rows", 0, 1},  {"rows", 4, 1},  {"rows", 16, 1},
        {"rows", 24, 11},       {"rows", 27, 1}, {"rows", 28, 1}, {"rows", 40 + 4, 0},
        {"rows", 40 + 32, 200}, {"rows", 36, 1},
    };
    kin_part_head head = head_of(KIN_PART_CODES, 128);
    kin_buffer file = {0};
    build(&head, words, &file);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        kin_container container;
        kin_error error = {0};
        assert_int_equal(kin_container_parse(&container, file.data, file.bytes, KIN_FILE_PART, 1,
                                             "part", &error),
                         KIN_OK);
        kin_section_source sources[KIN_CONTAINER_SECTIONS_MAX];
        uint8_t *lie = NULL;
        for (uint32_t s = 0; s < container.section_count; s++) {
            const kin_section *section = &container.section[s];
            sources[s] =
                (kin_section_source){section->name, file.data + section->offset, section->bytes};
            if (strcmp(section->name, lies[i].section) != 0) continue;
            lie = kin_malloc(section->bytes);
            memcpy(lie, sources[s].data, section->bytes);
            lie[lies[i].at] = lies[i].value;
            sources[s].data = lie;
        }
        kin_buffer other = {0};
        kin_part part;
        kin_container_build(&other, KIN_FILE_PART, 1, sources, container.section_count);
        assert_int_equal(kin_part_parse(&part, other.data, other.bytes, "part", &error),
                         KIN_CORRUPT);
        kin_buffer_fini(&other);
        free(lie);
    }
    kin_buffer_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_come_back),
        cmocka_unit_test(vectors_come_back),
        cmocka_unit_test(values_come_back_and_say_the_code),
        cmocka_unit_test(the_golden_file_stays),
        cmocka_unit_test(flipped_bytes_are_refused),
        cmocka_unit_test(contradictions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
