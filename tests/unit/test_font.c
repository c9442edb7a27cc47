/* Letters: widths add up, shortening keeps the end and whole characters, drawing stays inside. */
#include <stdio.h>
#include <string.h>

#include "common/base/random.h"
#include "common/base/text.h"
#include "common/image/canvas.h"
#include "common/image/font.h"
#include "tests/support/test.h"

static const kin_font *const fonts[] = {&kin_font_text, &kin_font_strong, &kin_font_title};

static uint32_t width_of(const kin_font *font, const char *text)
{
    return kin_font_width(font, text, strlen(text));
}

/* Every glyph has as many digits as its box has pixels: nothing reads beyond a string. */
static void test_tables(void **state)
{
    (void)state;
    for (size_t f = 0; f < 3; f++)
        for (size_t i = 0; i < KIN_FONT_GLYPHS; i++) {
            const kin_glyph *glyph = &fonts[f]->glyphs[i];
            assert_int_equal(strlen(glyph->coverage), glyph->width * glyph->height);
            assert_int_equal(strspn(glyph->coverage, "0123456789abcdef"), strlen(glyph->coverage));
            assert_true(glyph->top + glyph->height <= fonts[f]->height);
            assert_true(glyph->advance > 0 || i == 0x7f - 0x20 + 0xad - 0xa0); /* soft hyphen */
        }
}

static void test_width(void **state)
{
    (void)state;
    const kin_font *font = &kin_font_text;
    assert_int_equal(width_of(font, ""), 0);
    assert_int_equal(width_of(font, "ab"), width_of(font, "a") + width_of(font, "b"));
    assert_true(width_of(font, "W") > width_of(font, "i"));
    /* A character without a glyph is one box, an invalid byte one box. */
    uint32_t box = width_of(font, "\xe4\xbd\xa0");
    assert_true(box > 0);
    assert_int_equal(width_of(font, "\xff"), box);
    assert_int_equal(width_of(font, "\xe4\xbd"), 2 * box); /* cut off: two bytes, two boxes */
    assert_int_equal(width_of(font, "\xf0\x9f\x98\x80"), box);
}

/* What is drawn is as wide as said, and ink is where a letter is. */
static void test_draw(void **state)
{
    (void)state;
    kin_image image;
    kin_image_init(&image, 120, 30);
    kin_canvas_fill(&image, 0xffffff);
    int32_t end = kin_font_draw(&kin_font_title, &image, 4, 4, 0x102030, "Hg\xc3\xa9", 4);
    assert_int_equal(end, 4 + (int32_t)width_of(&kin_font_title, "Hg\xc3\xa9"));
    size_t inked = 0, beyond = 0, full = 0;
    for (uint32_t y = 0; y < image.height; y++)
        for (uint32_t x = 0; x < image.width; x++) {
            const uint8_t *pixel = image.pixels + 3 * (y * image.width + x);
            if (pixel[0] == 255) continue;
            inked++;
            beyond += (int32_t)x > end;
            full += pixel[0] == 0x10 && pixel[1] == 0x20 && pixel[2] == 0x30;
        }
    assert_true(inked > 60 && full > 10);
    assert_int_equal(beyond, 0);
    kin_image_fini(&image);
}

/* Outside the image nothing happens (the sanitizer watches). */
static void test_clipping(void **state)
{
    (void)state;
    kin_image image;
    kin_image_init(&image, 9, 7);
    for (int32_t y = -20; y < 12; y += 3)
        for (int32_t x = -40; x < 14; x += 5) {
            kin_font_draw(&kin_font_text, &image, x, y, 0xffffff, "clip\xff me", 8);
            kin_canvas_rounded(&image, (kin_rectangle){x, y, 20, 9}, 4, 0x00ff00);
        }
    kin_image_fini(&image);
}

static void check_shortened(const kin_font *font, const char *text, size_t bytes, uint32_t width)
{
    kin_buffer out = {0};
    kin_font_shorten(font, text, bytes, width, &out);
    const char *result = (const char *)out.data;
    uint32_t got = kin_font_width(font, result, out.bytes);
    if (kin_font_width(font, text, bytes) <= width) {
        assert_int_equal(out.bytes, bytes);
        assert_memory_equal(result, text, bytes);
    } else {
        assert_true(got <= width || out.bytes == 3); /* the ellipsis alone may be wider */
        assert_non_null(memmem(result, out.bytes, "\xe2\x80\xa6", 3));
        if (kin_text_is_utf8(text, bytes)) assert_true(kin_text_is_utf8(result, out.bytes));
    }
    kin_buffer_fini(&out);
}

static void test_shorten(void **state)
{
    (void)state;
    kin_buffer out = {0};
    const char *name = "a_very_long_name_of_a_picture_0042.jpeg";
    kin_font_shorten(&kin_font_text, name, strlen(name), 110, &out);
    kin_buffer_append_byte(&out, 0);
    const char *text = (const char *)out.data;
    assert_int_equal(strncmp(text, "a_v", 3), 0);
    assert_string_equal(text + strlen(text) - 9, "0042.jpeg");
    kin_buffer_fini(&out);

    static const char *const parts[] = {"a", "W", ".", "\xc3\xa9", "\xe4\xbd\xa0", "\xff", "i"};
    kin_random random = {.state = 7};
    for (int round = 0; round < 2000; round++) {
        kin_buffer input = {0};
        for (uint64_t i = kin_random_below(&random, 40); i > 0; i--) {
            uint64_t limit = round % 2 == 0 ? 5 : 7; /* half of them valid UTF-8 */
            kin_buffer_append_string(&input, parts[kin_random_below(&random, limit)]);
        }
        kin_buffer_append_byte(&input, 0);
        check_shortened(fonts[round % 3], (const char *)input.data, input.bytes - 1,
                        (uint32_t)kin_random_below(&random, 200));
        kin_buffer_fini(&input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),  cmocka_unit_test(test_width),
        cmocka_unit_test(test_draw),    cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_shorten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
