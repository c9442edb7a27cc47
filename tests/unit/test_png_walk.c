/* The chunk walk of PNG against chunks written out by hand. */
#include <stdbool.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/bytes.h"
#include "tests/support/test.h"
#include "worker/decode/png_walk.h"

/* CRC-32 bit by bit, as annex D of the specification defines it. */
static uint32_t slow_crc(const uint8_t *data, size_t bytes)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void add_be32(kin_buffer *png, uint32_t value)
{
    uint8_t bytes[4];
    kin_store_be32(bytes, value);
    kin_buffer_append(png, bytes, 4);
}

static void add_chunk(kin_buffer *png, const char *type, const void *data, size_t bytes)
{
    add_be32(png, (uint32_t)bytes);
    size_t start = png->bytes;
    kin_buffer_append(png, type, 4);
    kin_buffer_append(png, data, bytes);
    add_be32(png, slow_crc(png->data + start, png->bytes - start));
}

static void start_png(kin_buffer *png, uint32_t width, uint32_t height, uint8_t depth,
                      uint8_t colour)
{
    uint8_t header[13] = {[8] = depth, [9] = colour};
    kin_store_be32(header, width);
    kin_store_be32(header + 4, height);
    kin_buffer_append(png, KIN_PNG_SIGNATURE, 8);
    add_chunk(png, "IHDR", header, sizeof header);
}

/* Walks and forgets the picture; the reason must be `reason` and the detail hold `detail`. */
static kin_png_facts expect(kin_buffer *png, kin_reason reason, const char *detail)
{
    kin_png_facts facts;
    kin_verdict verdict = {0};
    assert_int_equal(kin_png_walk(png->data, png->bytes, &facts, &verdict), reason);
    if (strstr(verdict.detail, detail) == NULL) fail_msg("'%s' lacks '%s'", verdict.detail, detail);
    kin_buffer_fini(png);
    return facts;
}

static void test_good(void **unused)
{
    (void)unused;
    kin_buffer png = {0};
    start_png(&png, 640, 480, 8, 2);
    add_chunk(&png, "tEXt", "a\0b", 3);
    add_chunk(&png, "IDAT", "xyz", 3);
    add_chunk(&png, "IDAT", "", 0);
    add_chunk(&png, "eXIf", "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\6\0\0\0", 22);
    add_chunk(&png, "IEND", "", 0);
    kin_buffer_append(&png, "garbage", 7);
    kin_png_facts facts = expect(&png, KIN_REASON_NONE, "");
    assert_int_equal(facts.width, 640);
    assert_int_equal(facts.height, 480);
    assert_int_equal(facts.orientation, 6);
}

static void test_crc(void **unused)
{
    (void)unused;
    for (size_t wrong = 8 + 4; wrong < 8 + 25; wrong++) { /* type, contents or CRC of IHDR */
        kin_buffer png = {0};
        start_png(&png, 1, 1, 8, 0);
        png.data[wrong] ^= 0x20;
        add_chunk(&png, "IDAT", "x", 1);
        add_chunk(&png, "IEND", "", 0);
        expect(&png, KIN_REASON_CORRUPT, "CRC of chunk");
    }
    kin_buffer png = {0};
    start_png(&png, 1, 1, 8, 0);
    add_chunk(&png, "IDAT", "x", 1);
    png.data[png.bytes - 1] ^= 1;
    expect(&png, KIN_REASON_CORRUPT, "PNG: CRC of chunk IDAT at byte 33 is wrong");
}

/* A picture that is cut anywhere is truncated, whatever its last bytes say. */
static void test_truncated(void **unused)
{
    (void)unused;
    kin_buffer whole = {0};
    start_png(&whole, 1, 1, 8, 0);
    add_chunk(&whole, "IDAT", "pixels", 6);
    add_chunk(&whole, "IEND", "", 0);
    for (size_t bytes = 8; bytes < whole.bytes; bytes++) {
        kin_buffer png = {0};
        kin_buffer_append(&png, whole.data, bytes);
        expect(&png, KIN_REASON_TRUNCATED, "PNG: ");
    }
    kin_buffer_fini(&whole);
}

/* 49 bytes that make stb_image map 1.8 GB: a chunk that says it has them. */
static void test_length_of_a_chunk(void **unused)
{
    (void)unused;
    const uint32_t lengths[] = {7, 0x6fffffff, 0x7fffffff};
    for (int i = 0; i < 3; i++) {
        kin_buffer png = {0};
        start_png(&png, 1, 1, 8, 0);
        add_be32(&png, lengths[i]);
        kin_buffer_append(&png, "IDATxxxxyy", 10);
        expect(&png, KIN_REASON_TRUNCATED, "IDAT at byte 33 has");
    }
    kin_buffer png = {0};
    start_png(&png, 1, 1, 8, 0);
    add_be32(&png, 0x80000000);
    kin_buffer_append(&png, "IDATxxxxyy", 10);
    expect(&png, KIN_REASON_CORRUPT, "IDAT at byte 33 has");
}

static void test_sides(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t width, height;
        kin_reason reason;
    } cases[] = {
        {0, 5, KIN_REASON_CORRUPT},          {5, 0, KIN_REASON_CORRUPT},
        {65536, 1, KIN_REASON_TOO_LARGE},    {1, 0xffffffff, KIN_REASON_TOO_LARGE},
        {40000, 1001, KIN_REASON_TOO_LARGE}, {65535, 65535, KIN_REASON_TOO_LARGE},
        {40000, 1000, KIN_REASON_NONE},      {1, 65535, KIN_REASON_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_buffer png = {0};
        start_png(&png, cases[i].width, cases[i].height, 8, 0);
        add_chunk(&png, "IDAT", "x", 1);
        add_chunk(&png, "IEND", "", 0);
        expect(&png, cases[i].reason, "");
    }
}

/* Table 11.1: the depths of each colour type, and no others. */
static void test_depths(void **unused)
{
    (void)unused;
    static const uint32_t depths_of_colour[8] = {1u << 1 | 1u << 2 | 1u << 4 | 1u << 8 | 1u << 16,
                                                 0,
                                                 1u << 8 | 1u << 16,
                                                 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8,
                                                 1u << 8 | 1u << 16,
                                                 0,
                                                 1u << 8 | 1u << 16,
                                                 0};
    for (uint8_t colour = 0; colour < 8; colour++)
        for (uint8_t depth = 0; depth < 32; depth++) {
            kin_buffer png = {0};
            start_png(&png, 3, 3, depth, colour);
            if (colour == 3) add_chunk(&png, "PLTE", "rgb", 3);
            add_chunk(&png, "IDAT", "x", 1);
            add_chunk(&png, "IEND", "", 0);
            bool good = (depths_of_colour[colour] >> depth & 1) != 0;
            expect(&png, good ? KIN_REASON_NONE : KIN_REASON_CORRUPT, "");
        }
}

/* Chunks as words: each list is a picture behind its header. */
static void test_order(void **unused)
{
    (void)unused;
    static const struct {
        uint8_t colour;
        const char *chunks;
        kin_reason reason;
    } cases[] = {
        {3, "PLTE tRNS IDAT IEND", KIN_REASON_NONE},
        {3, "gAMA PLTE IDAT tEXt IEND", KIN_REASON_NONE},
        {2, "PLTE IDAT IEND", KIN_REASON_NONE}, /* a suggestion */
        {3, "IDAT IEND", KIN_REASON_CORRUPT},
        {3, "IDAT PLTE IEND", KIN_REASON_CORRUPT},
        {3, "PLTE PLTE IDAT IEND", KIN_REASON_CORRUPT},
        {3, "tRNS PLTE IDAT IEND", KIN_REASON_CORRUPT},
        {3, "PLTE IDAT tRNS IEND", KIN_REASON_CORRUPT},
        {0, "PLTE IDAT IEND", KIN_REASON_CORRUPT},
        {4, "tRNS IDAT IEND", KIN_REASON_CORRUPT},
        {0, "IDAT tEXt IDAT IEND", KIN_REASON_CORRUPT},
        {0, "IEND", KIN_REASON_CORRUPT},
        {0, "IHDR IDAT IEND", KIN_REASON_CORRUPT},
        {0, "IDAT FAKE IEND", KIN_REASON_UNSUPPORTED},
        {0, "IDAT", KIN_REASON_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_buffer png = {0};
        start_png(&png, 2, 2, 8, cases[i].colour);
        for (const char *at = cases[i].chunks; *at != 0; at += at[4] == ' ' ? 5 : 4)
            add_chunk(&png, at, "rgb", memcmp(at, "tRNS", 4) == 0 ? 1 : 3);
        expect(&png, cases[i].reason, "");
    }
}

static void test_palette_sizes(void **unused)
{
    (void)unused;
    static const uint8_t colours[771];
    for (size_t bytes = 0; bytes <= 771; bytes++) {
        kin_buffer png = {0};
        start_png(&png, 2, 2, 8, 3);
        add_chunk(&png, "PLTE", colours, bytes);
        add_chunk(&png, "IDAT", "x", 1);
        add_chunk(&png, "IEND", "", 0);
        bool good = bytes % 3 == 0 && bytes > 0 && bytes <= 768;
        expect(&png, good ? KIN_REASON_NONE : KIN_REASON_CORRUPT, "");
    }
}

static void test_varieties(void **unused)
{
    (void)unused;
    kin_buffer png = {0};
    kin_buffer_append(&png, KIN_PNG_SIGNATURE, 8);
    add_chunk(&png, "CgBI", "\x50\0\x20\2", 4);
    expect(&png, KIN_REASON_UNSUPPORTED, "CgBI");
    kin_buffer_append(&png, KIN_PNG_SIGNATURE, 8);
    add_chunk(&png, "IDAT", "x", 1);
    expect(&png, KIN_REASON_CORRUPT, "out of order");
    start_png(&png, 1, 1, 8, 0);
    add_chunk(&png, "IDAT", "", 0);
    add_chunk(&png, "IEND", "", 0);
    expect(&png, KIN_REASON_CORRUPT, "no pixels");
    kin_buffer_append(&png, "\x89PNG\r\n\x1a\r", 8);
    expect(&png, KIN_REASON_NOT_AN_IMAGE, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_crc),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_length_of_a_chunk),
        cmocka_unit_test(test_sides),     cmocka_unit_test(test_depths),
        cmocka_unit_test(test_order),     cmocka_unit_test(test_palette_sizes),
        cmocka_unit_test(test_varieties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
