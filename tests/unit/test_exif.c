/* EXIF directories written out by hand. */
#include <stdbool.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/bytes.h"
#include "tests/support/test.h"
#include "worker/decode/exif.h"

typedef struct entry {
    uint16_t tag, type;
    uint32_t count, value;
} entry;

static void add16(kin_buffer *tiff, bool big, uint16_t value)
{
    kin_buffer_append_byte(tiff, (uint8_t)(big ? value >> 8 : value));
    kin_buffer_append_byte(tiff, (uint8_t)(big ? value : value >> 8));
}

static void add32(kin_buffer *tiff, bool big, uint32_t value)
{
    add16(tiff, big, (uint16_t)(big ? value >> 16 : value));
    add16(tiff, big, (uint16_t)(big ? value : value >> 16));
}

/* A TIFF structure whose directory starts at byte 8 + gap. A SHORT's value comes first in its four
 * bytes. */
static void build(kin_buffer *tiff, bool big, uint32_t gap, const entry *entries, uint16_t count)
{
    kin_buffer_clear(tiff);
    kin_buffer_append(tiff, big ? "MM\0*" : "II*\0", 4);
    add32(tiff, big, 8 + gap);
    for (uint32_t i = 0; i < gap; i++)
        kin_buffer_append_byte(tiff, 0xee);
    add16(tiff, big, count);
    for (uint16_t i = 0; i < count; i++) {
        add16(tiff, big, entries[i].tag);
        add16(tiff, big, entries[i].type);
        add32(tiff, big, entries[i].count);
        if (entries[i].type == 3) {
            add16(tiff, big, (uint16_t)entries[i].value);
            add16(tiff, big, 0);
        } else {
            add32(tiff, big, entries[i].value);
        }
    }
}

static int orientation_of(const kin_buffer *tiff)
{
    return kin_exif_orientation(tiff->data, tiff->bytes);
}

static void test_all_orientations(void **unused)
{
    (void)unused;
    kin_buffer tiff = {0};
    for (int big = 0; big < 2; big++)
        for (uint32_t value = 0; value < 300; value++) {
            const entry entries[] = {{271, 2, 9, 77}, {274, 3, 1, value}, {282, 5, 1, 99}};
            build(&tiff, big, big ? 0 : 6, entries, 3);
            assert_int_equal(orientation_of(&tiff), value >= 1 && value <= 8 ? value : 1);
        }
    build(&tiff, true, 0, &(entry){274, 4, 1, 5}, 1); /* as a LONG, which some write */
    assert_int_equal(orientation_of(&tiff), 5);
    kin_buffer_fini(&tiff);
}

static void test_nonsense(void **unused)
{
    (void)unused;
    static const entry entries[] = {
        {274, 3, 2, 6}, /* two values */
        {274, 2, 1, 6}, /* a text */
        {275, 3, 1, 6}, /* another tag */
    };
    kin_buffer tiff = {0};
    for (int i = 0; i < 3; i++) {
        build(&tiff, false, 0, &entries[i], 1);
        assert_int_equal(orientation_of(&tiff), 1);
    }
    build(&tiff, false, 0, &(entry){274, 3, 1, 6}, 1);
    assert_int_equal(orientation_of(&tiff), 6);
    tiff.data[0] = 'M'; /* neither order of bytes */
    assert_int_equal(orientation_of(&tiff), 1);
    kin_buffer_fini(&tiff);
}

/* Cut anywhere, or pointing anywhere: read within its bytes (the sanitizer looks on). */
static void test_bounds(void **unused)
{
    (void)unused;
    kin_buffer tiff = {0};
    build(&tiff, true, 0, &(entry){274, 3, 1, 6}, 1);
    for (size_t bytes = 0; bytes < tiff.bytes; bytes++) {
        uint8_t *exact = test_malloc(bytes + !bytes);
        memcpy(exact, tiff.data, bytes);
        assert_int_equal(kin_exif_orientation(exact, bytes), 1);
        test_free(exact);
    }
    static const uint32_t offsets[] = {0, 1, 9, 20, 21, 22, 0x7fffffff, 0xfffffffe, 0xffffffff};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        kin_store_be32(tiff.data + 4, offsets[i]);
        assert_int_equal(orientation_of(&tiff), 1);
    }
    kin_store_be32(tiff.data + 4, 8);
    kin_store_be16(tiff.data + 8, 0xffff); /* entries that are not there */
    assert_int_equal(orientation_of(&tiff), 6);
    kin_store_be16(tiff.data + 10, 1);
    assert_int_equal(orientation_of(&tiff), 1);
    kin_buffer_fini(&tiff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_orientations),
                                       cmocka_unit_test(test_nonsense),
                                       cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
