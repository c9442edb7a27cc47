/* The segment walk of JPEG against segments written out by hand. */
#include <stdbool.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "tests/support/test.h"
#include "worker/decode/jpeg_walk.h"

static void add_segment(kin_buffer *jpeg, uint8_t marker, const void *data, size_t bytes)
{
    const uint8_t start[] = {0xff, marker, (uint8_t)((bytes + 2) >> 8), (uint8_t)(bytes + 2)};
    kin_buffer_append(jpeg, start, sizeof start);
    kin_buffer_append(jpeg, data, bytes);
}

static void add_quantization(kin_buffer *jpeg, uint8_t number)
{
    uint8_t table[65] = {number};
    memset(table + 1, 1, 64);
    add_segment(jpeg, 0xdb, table, sizeof table);
}

/* A table of two codes: 1 bit for 0, 2 bits for 1. */
static void add_huffman(kin_buffer *jpeg, uint8_t class_and_number)
{
    uint8_t table[19] = {class_and_number, 1, 1};
    table[18] = 1;
    add_segment(jpeg, 0xc4, table, sizeof table);
}

static void add_frame(kin_buffer *jpeg, uint8_t marker, unsigned width, unsigned height,
                      uint8_t components)
{
    uint8_t frame[6 + 3 * 8] = {
        8,         (uint8_t)(height >> 8), (uint8_t)height, (uint8_t)(width >> 8), (uint8_t)width,
        components};
    for (uint8_t i = 0; i < components; i++) {
        frame[6 + 3 * i] = (uint8_t)(i + 1);
        frame[7 + 3 * i] = 0x11;
    }
    add_segment(jpeg, marker, frame, 6 + 3 * (size_t)components);
}

/* A scan of all components, with tables 0. */
static void add_scan(kin_buffer *jpeg, uint8_t components, uint8_t first, uint8_t last)
{
    uint8_t scan[1 + 2 * 8 + 3] = {components};
    for (uint8_t i = 0; i < components; i++)
        scan[1 + 2 * i] = (uint8_t)(i + 1);
    scan[1 + 2 * components] = first;
    scan[2 + 2 * components] = last;
    add_segment(jpeg, 0xda, scan, 4 + 2 * (size_t)components);
}

/* Up to the frame: start marker and all tables 0. */
static void start_jpeg(kin_buffer *jpeg)
{
    kin_buffer_append(jpeg, "\xff\xd8", 2);
    add_quantization(jpeg, 0);
    add_huffman(jpeg, 0x00);
    add_huffman(jpeg, 0x10);
}

static void end_jpeg(kin_buffer *jpeg)
{
    kin_buffer_append(jpeg, "data\xff\0\xff\xd0more\xff\xd9", 14);
}

/* Walks and forgets the picture; the reason must be `reason` and the detail hold `detail`. */
static kin_jpeg_facts expect(kin_buffer *jpeg, kin_reason reason, const char *detail)
{
    kin_jpeg_facts facts;
    kin_verdict verdict = {0};
    kin_reason got = kin_jpeg_walk(jpeg->data, jpeg->bytes, KIN_JPEG_PIXELS_MAX, &facts, &verdict);
    if (got != reason || strstr(verdict.detail, detail) == NULL)
        fail_msg("%s '%s' instead of %s '%s'", kin_reason_word(got), verdict.detail,
                 kin_reason_word(reason), detail);
    kin_buffer_fini(jpeg);
    return facts;
}

static void build(kin_buffer *jpeg, uint8_t frame, unsigned width, unsigned height,
                  uint8_t components)
{
    start_jpeg(jpeg);
    add_frame(jpeg, frame, width, height, components);
    add_scan(jpeg, components, 0, frame == 0xc2 ? 0 : 63);
    end_jpeg(jpeg);
}

static void test_good(void **unused)
{
    (void)unused;
    kin_buffer jpeg = {0};
    kin_buffer_append(&jpeg, "\xff\xd8\xff\xff", 4); /* a marker may have many FFs */
    add_segment(&jpeg, 0xe1, "Exif\0\0II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\6\0\0\0", 28);
    add_segment(&jpeg, 0xe1, "Exif\0\0II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\3\0\0\0", 28);
    add_segment(&jpeg, 0xfe, "a comment with \xff\xd9", 17);
    add_quantization(&jpeg, 0);
    add_huffman(&jpeg, 0x00);
    add_huffman(&jpeg, 0x10);
    add_frame(&jpeg, 0xc0, 17, 33, 3);
    add_scan(&jpeg, 3, 0, 63);
    end_jpeg(&jpeg);
    kin_buffer_append(&jpeg, "garbage", 7);
    kin_jpeg_facts facts = expect(&jpeg, KIN_REASON_NONE, "");
    assert_int_equal(facts.width, 17);
    assert_int_equal(facts.height, 33);
    assert_int_equal(facts.components, 3);
    assert_int_equal(facts.orientation, 6); /* the first counts */
}

static void test_frames(void **unused)
{
    (void)unused;
    for (int marker = 0xc0; marker <= 0xcf; marker++) {
        kin_buffer jpeg = {0};
        if (marker == 0xc4 || marker == 0xc8) continue; /* a table; reserved */
        build(&jpeg, (uint8_t)marker, 8, 8, 1);
        expect(&jpeg, marker <= 0xc2 ? KIN_REASON_NONE : KIN_REASON_UNSUPPORTED, "");
    }
    for (uint8_t components = 1; components <= 8; components++) {
        kin_buffer jpeg = {0};
        build(&jpeg, 0xc0, 8, 8, components);
        bool good = components == 1 || components == 3 || components == 4;
        expect(&jpeg, good ? KIN_REASON_NONE : KIN_REASON_UNSUPPORTED, "");
    }
}

static void test_sides(void **unused)
{
    (void)unused;
    static const struct {
        unsigned width, height;
        kin_reason reason;
        const char *detail;
    } cases[] = {
        {0, 8, KIN_REASON_CORRUPT, "0 x 8"},
        {8, 0, KIN_REASON_UNSUPPORTED, "DNL"},
        {65535, 65535, KIN_REASON_TOO_LARGE, "million"},
        {50001, 5000, KIN_REASON_TOO_LARGE, "million"},
        {50000, 5000, KIN_REASON_CORRUPT, "cannot hold"}, /* of 10 bytes */
        {48, 48, KIN_REASON_NONE, ""},                    /* 36 blocks: 72 bits */
        {64, 64, KIN_REASON_CORRUPT, "cannot hold"},      /* 64 blocks: 128 bits */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_buffer jpeg = {0};
        build(&jpeg, 0xc0, cases[i].width, cases[i].height, 1);
        expect(&jpeg, cases[i].reason, cases[i].detail);
    }
}

/* Counts of codes by length, with as many symbols behind them. */
static kin_reason walk_huffman(uint8_t class_and_number, const uint8_t counts[16], uint8_t symbol,
                               int missing)
{
    uint8_t table[17 + 16 * 255] = {class_and_number};
    size_t symbols = 0;
    for (int i = 0; i < 16; i++)
        symbols += counts[i];
    memcpy(table + 1, counts, 16);
    memset(table + 17, symbol, symbols);
    kin_buffer jpeg = {0};
    kin_verdict verdict = {0};
    kin_jpeg_facts facts;
    kin_buffer_append(&jpeg, "\xff\xd8", 2);
    add_segment(&jpeg, 0xc4, table, 17 + symbols - (size_t)missing);
    kin_reason reason = kin_jpeg_walk(jpeg.data, jpeg.bytes, KIN_JPEG_PIXELS_MAX, &facts, &verdict);
    kin_buffer_fini(&jpeg);
    return reason;
}

/* The table that makes stb_image write beyond its own, and its relatives. A good table is told by
 * the walk's going on to the end, which is missing. */
static void test_huffman_tables(void **unused)
{
    (void)unused;
    const uint8_t all[16] = {255, 255, 255, 255}, full[16] = {2}, over[16] = {3},
                  deep[16] = {1, 1, 1, 3}, most[16] = {[8] = 1, [15] = 255},
                  too_many[16] = {[8] = 2, [15] = 255};
    assert_int_equal(walk_huffman(0x00, full, 11, 0), KIN_REASON_TRUNCATED);
    assert_int_equal(walk_huffman(0x00, full, 16, 0), KIN_REASON_CORRUPT); /* no DC size */
    assert_int_equal(walk_huffman(0x10, full, 0xff, 0), KIN_REASON_TRUNCATED);
    assert_int_equal(walk_huffman(0x10, over, 0, 0), KIN_REASON_CORRUPT);
    assert_int_equal(walk_huffman(0x10, deep, 0, 0), KIN_REASON_CORRUPT);
    assert_int_equal(walk_huffman(0x10, all, 0, 0), KIN_REASON_CORRUPT);
    assert_int_equal(walk_huffman(0x10, most, 0, 0), KIN_REASON_TRUNCATED); /* 256 symbols */
    assert_int_equal(walk_huffman(0x10, too_many, 0, 0), KIN_REASON_CORRUPT);
    assert_int_equal(walk_huffman(0x10, most, 0, 1), KIN_REASON_CORRUPT);
    assert_int_equal(walk_huffman(0x20, full, 0, 0), KIN_REASON_CORRUPT);
    assert_int_equal(walk_huffman(0x04, full, 0, 0), KIN_REASON_CORRUPT);
}

/* A scan asks for what has not been defined. */
static void test_missing_tables(void **unused)
{
    (void)unused;
    for (int missing = 0; missing < 3; missing++) {
        kin_buffer jpeg = {0};
        kin_buffer_append(&jpeg, "\xff\xd8", 2);
        if (missing != 0) add_quantization(&jpeg, 0);
        if (missing != 1) add_huffman(&jpeg, 0x00);
        if (missing != 2) add_huffman(&jpeg, 0x10);
        add_frame(&jpeg, 0xc0, 8, 8, 1);
        add_scan(&jpeg, 1, 0, 63);
        end_jpeg(&jpeg);
        expect(&jpeg, KIN_REASON_CORRUPT,
               missing == 0 ? "quantization table that is not there"
                            : "Huffman table that is not there");
    }
    kin_buffer jpeg = {0}; /* the first scan of a progressive picture needs no AC table */
    kin_buffer_append(&jpeg, "\xff\xd8", 2);
    add_quantization(&jpeg, 0);
    add_huffman(&jpeg, 0x00);
    add_frame(&jpeg, 0xc2, 8, 8, 1);
    add_scan(&jpeg, 1, 0, 0);
    end_jpeg(&jpeg);
    expect(&jpeg, KIN_REASON_NONE, "");
}

static void test_order(void **unused)
{
    (void)unused;
    kin_buffer jpeg = {0};
    start_jpeg(&jpeg);
    add_scan(&jpeg, 1, 0, 63);
    end_jpeg(&jpeg);
    expect(&jpeg, KIN_REASON_CORRUPT, "scan before any frame");
    start_jpeg(&jpeg);
    end_jpeg(&jpeg);
    expect(&jpeg, KIN_REASON_CORRUPT, "has no frame");
    start_jpeg(&jpeg);
    add_frame(&jpeg, 0xc0, 8, 8, 1);
    end_jpeg(&jpeg);
    expect(&jpeg, KIN_REASON_CORRUPT, "has no scan");
    start_jpeg(&jpeg);
    add_frame(&jpeg, 0xc0, 8, 8, 1);
    add_frame(&jpeg, 0xc0, 9000, 9000, 1);
    end_jpeg(&jpeg);
    expect(&jpeg, KIN_REASON_CORRUPT, "second frame");
    start_jpeg(&jpeg);
    add_frame(&jpeg, 0xc0, 8, 8, 3);
    add_scan(&jpeg, 1, 0, 63);
    end_jpeg(&jpeg);
    expect(&jpeg, KIN_REASON_CORRUPT, "a component is in no scan");
    start_jpeg(&jpeg);
    add_frame(&jpeg, 0xc2, 8, 8, 1);
    add_scan(&jpeg, 1, 0, 63); /* DC and AC together */
    end_jpeg(&jpeg);
    expect(&jpeg, KIN_REASON_CORRUPT, "progressive scan");
}

/* A picture that is cut anywhere is truncated. */
static void test_truncated(void **unused)
{
    (void)unused;
    kin_buffer whole = {0};
    build(&whole, 0xc0, 8, 8, 3);
    for (size_t bytes = 2; bytes < whole.bytes; bytes++) {
        kin_buffer jpeg = {0};
        kin_buffer_append(&jpeg, whole.data, bytes);
        expect(&jpeg, KIN_REASON_TRUNCATED, "JPEG: ends at byte");
    }
    kin_buffer_fini(&whole);
}

static void test_impossible_lengths(void **unused)
{
    (void)unused;
    for (uint8_t length = 0; length < 2; length++) {
        kin_buffer jpeg = {0};
        const uint8_t segment[] = {0xff, 0xd8, 0xff, 0xe0, 0, length, 0, 0};
        kin_buffer_append(&jpeg, segment, sizeof segment);
        end_jpeg(&jpeg);
        expect(&jpeg, KIN_REASON_CORRUPT, "impossible length");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),           cmocka_unit_test(test_frames),
        cmocka_unit_test(test_sides),          cmocka_unit_test(test_huffman_tables),
        cmocka_unit_test(test_missing_tables), cmocka_unit_test(test_order),
        cmocka_unit_test(test_truncated),      cmocka_unit_test(test_impossible_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
