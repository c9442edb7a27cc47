/* The walks of GIF and BMP against headers written out by hand. */
#include <stdbool.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/bytes.h"
#include "tests/support/test.h"
#include "worker/decode/bmp_walk.h"
#include "worker/decode/gif_walk.h"

static void expect_gif(const kin_buffer *gif, kin_reason reason, const char *detail)
{
    uint32_t width, height;
    kin_verdict verdict = {0};
    kin_reason got = kin_gif_walk(gif->data, gif->bytes, &width, &height, &verdict);
    if (got != reason || strstr(verdict.detail, detail) == NULL)
        fail_msg("%s '%s' instead of %s '%s'", kin_reason_word(got), verdict.detail,
                 kin_reason_word(reason), detail);
}

/* A GIF of 4 x 3 with a table of two colours, an extension, and a picture of its whole. */
static void build_gif(kin_buffer *gif)
{
    kin_buffer_clear(gif);
    kin_buffer_append(gif, "GIF89a\4\0\3\0\x80\0\0", 13);
    kin_buffer_append(gif, "\0\0\0\xff\xff\xff", 6);
    kin_buffer_append(gif, "!\xfe\3abc\2de\0", 10);
    kin_buffer_append(gif, ",\0\0\0\0\4\0\3\0\0", 10);
    kin_buffer_append(gif, "\2\3xyz\0;", 7);
}

/* Offsets into that file. */
enum { SCREEN_WIDTH = 6, SCREEN_FLAGS = 10, BLOCK = 19, DESCRIPTOR = 29, CODE_BITS = 39 };

static void test_gif(void **unused)
{
    (void)unused;
    static const struct {
        size_t at;
        uint8_t value;
        kin_reason reason;
        const char *detail;
    } cases[] = {
        {SCREEN_WIDTH, 0, KIN_REASON_CORRUPT, "0 x 3"},
        {SCREEN_WIDTH, 3, KIN_REASON_CORRUPT, "first picture is 4 x 3"},
        {BLOCK, '?', KIN_REASON_CORRUPT, "block 3F at byte 19"},
        {BLOCK, ';', KIN_REASON_CORRUPT, "no picture"},
        {DESCRIPTOR + 1, 1, KIN_REASON_CORRUPT, "first picture"}, /* moved out of the screen */
        {DESCRIPTOR + 5, 0, KIN_REASON_CORRUPT, "first picture"}, /* no width */
        {CODE_BITS, 0, KIN_REASON_CORRUPT, "codes of 0 bits"},
        {CODE_BITS, 9, KIN_REASON_CORRUPT, "codes of 9 bits"},
        {CODE_BITS, 8, KIN_REASON_NONE, ""},
        {DESCRIPTOR + 9, 0x87, KIN_REASON_TRUNCATED, ""}, /* a table that is not there */
        {SCREEN_WIDTH, 200, KIN_REASON_NONE, ""},         /* a larger screen is fine */
    };
    kin_buffer gif = {0};
    build_gif(&gif);
    expect_gif(&gif, KIN_REASON_NONE, "");
    for (size_t bytes = 0; bytes < gif.bytes - 1; bytes++) {
        kin_buffer cut = {.data = gif.data, .bytes = bytes};
        expect_gif(&cut, KIN_REASON_TRUNCATED, "GIF: ends at byte");
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build_gif(&gif);
        gif.data[cases[i].at] = cases[i].value;
        expect_gif(&gif, cases[i].reason, cases[i].detail);
    }
    build_gif(&gif);
    memset(gif.data + SCREEN_WIDTH, 0xff, 4);
    expect_gif(&gif, KIN_REASON_TOO_LARGE, "65535 x 65535");
    build_gif(&gif); /* 3 bytes of codes for 36 million pixels */
    memcpy(gif.data + SCREEN_WIDTH, "\x70\x17\x70\x17", 4);
    memcpy(gif.data + DESCRIPTOR + 5, "\x70\x17\x70\x17", 4);
    expect_gif(&gif, KIN_REASON_CORRUPT, "cannot hold 6000 x 6000");
    kin_buffer_fini(&gif);
}

/* A BMP with an info header of header_bytes, masks and palette as they must be, all rows there. */
static void build_bmp(kin_buffer *bmp, uint32_t header_bytes, uint32_t bits, uint32_t compression)
{
    uint8_t headers[14 + 124 + 12 + 4 * 256] = "BM";
    size_t offset = 14 + header_bytes;
    kin_store_le32(headers + 14, header_bytes);
    if (header_bytes == 12) {
        memcpy(headers + 18, "\5\0\3\0\1\0", 6);
        kin_store_le16(headers + 24, (uint16_t)bits);
    } else {
        kin_store_le32(headers + 18, 5);
        kin_store_le32(headers + 22, 3);
        kin_store_le16(headers + 26, 1);
        kin_store_le16(headers + 28, (uint16_t)bits);
        kin_store_le32(headers + 30, compression);
    }
    if (compression == 3) {
        kin_store_le32(headers + 54, bits == 16 ? 0xf800 : 0xff0000);
        kin_store_le32(headers + 58, bits == 16 ? 0x07e0 : 0x00ff00);
        kin_store_le32(headers + 62, bits == 16 ? 0x001f : 0x0000ff);
        if (header_bytes == 40) offset += 12;
        if (header_bytes >= 108 && bits == 32) kin_store_le32(headers + 66, 0xff000000);
    }
    if (bits <= 8) offset += (size_t)4 << bits;
    kin_store_le32(headers + 10, (uint32_t)offset);
    kin_buffer_clear(bmp);
    kin_buffer_append(bmp, headers, offset);
    static const uint8_t rows[3 * 20];
    kin_buffer_append(bmp, rows, (5 * (size_t)bits + 31) / 32 * 4 * 3);
}

static kin_reason walk_bmp(const kin_buffer *bmp, bool *has_alpha)
{
    uint32_t width, height;
    kin_verdict verdict = {0};
    return kin_bmp_walk(bmp->data, bmp->bytes, &width, &height, has_alpha, &verdict);
}

/* Which bits go with which header and compression: all combinations. */
static void test_bmp_varieties(void **unused)
{
    (void)unused;
    static const uint32_t headers[] = {12, 40, 56, 108, 124}, bits[] = {1, 2, 4, 8, 16, 24, 32};
    kin_buffer bmp = {0};
    for (int h = 0; h < 5; h++)
        for (int b = 0; b < 7; b++)
            for (uint32_t compression = 0; compression <= 4; compression++) {
                bool masked = compression == 3 && (bits[b] == 16 || bits[b] == 32);
                bool good = compression == 0 ? bits[b] != 2 : masked && headers[h] != 56;
                if (headers[h] == 12) good = bits[b] == 24; /* it has no compression */
                if (headers[h] == 12 && compression != 0) continue;
                bool has_alpha;
                build_bmp(&bmp, headers[h], bits[b], compression);
                kin_reason reason = walk_bmp(&bmp, &has_alpha);
                if (reason != (good ? KIN_REASON_NONE : KIN_REASON_UNSUPPORTED))
                    fail_msg("header %u, %u bits, compression %u: %s", headers[h], bits[b],
                             compression, kin_reason_word(reason));
                assert_int_equal(has_alpha, good && masked && bits[b] == 32 && headers[h] >= 108);
            }
    kin_buffer_fini(&bmp);
}

static void test_bmp_damage(void **unused)
{
    (void)unused;
    static const struct {
        size_t at;
        uint32_t value;
        kin_reason reason;
    } cases[] = {
        {14, 39, KIN_REASON_NOT_AN_IMAGE},      /* header */
        {18, 0, KIN_REASON_CORRUPT},            /* width */
        {18, 0xffffffff, KIN_REASON_CORRUPT},   /* -1 */
        {18, 65536, KIN_REASON_TOO_LARGE},      /* width */
        {18, 6, KIN_REASON_TRUNCATED},          /* a row longer by 4 bytes */
        {22, 0, KIN_REASON_CORRUPT},            /* height */
        {22, 0xfffffffd, KIN_REASON_NONE},      /* -3: from above */
        {22, 0x80000000, KIN_REASON_CORRUPT},   /* has no opposite */
        {22, 4, KIN_REASON_TRUNCATED},          /* a row more */
        {10, 53, KIN_REASON_CORRUPT},           /* pixels within the header */
        {10, 0x7fffffff, KIN_REASON_CORRUPT},   /* far behind it */
        {26, 24u << 16 | 2, KIN_REASON_CORRUPT} /* planes */
    };
    kin_buffer bmp = {0};
    bool has_alpha;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build_bmp(&bmp, 40, 24, 0);
        kin_store_le32(bmp.data + cases[i].at, cases[i].value);
        kin_reason reason = walk_bmp(&bmp, &has_alpha);
        if (reason != cases[i].reason) fail_msg("case %zu: %s", i, kin_reason_word(reason));
    }
    build_bmp(&bmp, 40, 24, 0);
    for (size_t bytes = 18; bytes < bmp.bytes; bytes++) {
        kin_buffer cut = {.data = bmp.data, .bytes = bytes};
        assert_int_equal(walk_bmp(&cut, &has_alpha), KIN_REASON_TRUNCATED);
    }
    kin_buffer_fini(&bmp);
}

static void test_bmp_masks(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t red, green, blue;
        kin_reason reason;
    } cases[] = {
        {0xff000000, 0x00ff0000, 0x0000ff00, KIN_REASON_NONE},
        {0x00000000, 0x00ff0000, 0x0000ff00, KIN_REASON_CORRUPT},
        {0x0000ff00, 0x0000ff00, 0x0000ff00, KIN_REASON_CORRUPT},     /* overlap */
        {0x00ff0001, 0x0000ff00, 0x000000f0, KIN_REASON_CORRUPT},     /* in two pieces */
        {0x3ff00000, 0x000ffc00, 0x000003ff, KIN_REASON_UNSUPPORTED}, /* 10 bits each */
    };
    kin_buffer bmp = {0};
    bool has_alpha;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build_bmp(&bmp, 40, 32, 3);
        kin_store_le32(bmp.data + 54, cases[i].red);
        kin_store_le32(bmp.data + 58, cases[i].green);
        kin_store_le32(bmp.data + 62, cases[i].blue);
        kin_reason reason = walk_bmp(&bmp, &has_alpha);
        if (reason != cases[i].reason) fail_msg("case %zu: %s", i, kin_reason_word(reason));
    }
    kin_buffer_fini(&bmp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gif), cmocka_unit_test(test_bmp_varieties),
        cmocka_unit_test(test_bmp_damage), cmocka_unit_test(test_bmp_masks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
