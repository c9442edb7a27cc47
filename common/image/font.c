#include "common/image/font.h"

#include <string.h>

#include "common/image/canvas.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define ELLIPSIS_CODE 0x2026
#define UNKNOWN 0xfffd

/* Bytes of the character that starts with this one; 0 where none does. */
static size_t character_bytes(uint8_t first)
{
    if (first < 0x80) return 1;
    if (first < 0xc2) return 0;
    if (first < 0xe0) return 2;
    if (first < 0xf0) return 3;
    return first < 0xf5 ? 4 : 0;
}

/* The code point at text, and in *length its bytes (at least 1); UNKNOWN for what is no UTF-8.
 * Overlong and surrogate forms need no care here: none of them has a glyph. */
static uint32_t next_code_point(const char *text, size_t bytes, size_t *length)
{
    const uint8_t *byte = (const uint8_t *)text;
    size_t count = character_bytes(byte[0]);
    *length = 1;
    if (count == 1) return byte[0];
    if (count == 0 || count > bytes) return UNKNOWN;
    uint32_t code = byte[0] & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((byte[i] & 0xc0) != 0x80) return UNKNOWN;
        code = code << 6 | (byte[i] & 0x3f);
    }
    *length = count;
    return code;
}

/* NULL for a character that is shown as a box. */
static const kin_glyph *glyph_of(const kin_font *font, uint32_t code)
{
    if (code >= 0x20 && code < 0x7f) return &font->glyphs[code - 0x20];
    if (code >= 0xa0 && code < 0x100) return &font->glyphs[code - 0xa0 + (0x7f - 0x20)];
    if (code == ELLIPSIS_CODE) return &font->glyphs[KIN_FONT_GLYPHS - 1];
    return NULL;
}

static uint32_t box_width(const kin_font *font)
{
    return font->ascent * 2u / 3;
}

static uint32_t advance_of(const kin_font *font, uint32_t code)
{
    const kin_glyph *glyph = glyph_of(font, code);
    return glyph != NULL ? glyph->advance : box_width(font);
}

uint32_t kin_font_width(const kin_font *font, const char *text, size_t bytes)
{
    uint32_t width = 0;
    for (size_t at = 0, length; at < bytes; at += length)
        width += advance_of(font, next_code_point(text + at, bytes - at, &length));
    return width;
}

static void draw_glyph(const kin_glyph *glyph, kin_image *image, int32_t x, int32_t y,
                       uint32_t colour)
{
    const char *digit = glyph->coverage;
    for (int32_t row = 0; row < glyph->height; row++)
        for (int32_t column = 0; column < glyph->width; column++, digit++)
            kin_canvas_mix(image, x + glyph->left + column, y + glyph->top + row, colour,
                           17u * (uint32_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10));
}

/* A hollow box as high as a capital letter. */
static void draw_box(const kin_font *font, kin_image *image, int32_t x, int32_t y, uint32_t colour)
{
    int32_t right = x + (int32_t)box_width(font) - 2, bottom = y + font->ascent;
    int32_t top = y + font->ascent / 4;
    for (int32_t row = top; row < bottom; row++)
        for (int32_t column = x + 1; column <= right; column++)
            if (row == top || row == bottom - 1 || column == x + 1 || column == right)
                kin_canvas_mix(image, column, row, colour, 128);
}

int32_t kin_font_draw(const kin_font *font, kin_image *image, int32_t x, int32_t y, uint32_t colour,
                      const char *text, size_t bytes)
{
    for (size_t at = 0, length; at < bytes; at += length) {
        uint32_t code = next_code_point(text + at, bytes - at, &length);
        const kin_glyph *glyph = glyph_of(font, code);
        if (glyph != NULL)
            draw_glyph(glyph, image, x, y, colour);
        else
            draw_box(font, image, x, y, colour);
        x += (int32_t)advance_of(font, code);
    }
    return x;
}

/* The first bytes of text that fit within width, whole characters. */
static size_t fitting_start(const kin_font *font, const char *text, size_t bytes, uint32_t width)
{
    size_t at = 0, length;
    for (uint32_t used = 0; at < bytes; at += length) {
        used += advance_of(font, next_code_point(text + at, bytes - at, &length));
        if (used > width) break;
    }
    return at;
}

void kin_font_shorten(const kin_font *font, const char *text, size_t bytes, uint32_t width,
                      kin_buffer *out)
{
    uint32_t left = kin_font_width(font, text, bytes);
    if (left <= width) {
        kin_buffer_append(out, text, bytes);
        return;
    }
    uint32_t ellipsis = advance_of(font, ELLIPSIS_CODE);
    uint32_t room = width > ellipsis ? width - ellipsis : 0;
    size_t start = fitting_start(font, text, bytes, room * 2 / 5);
    uint32_t end_room = room - kin_font_width(font, text, start);
    size_t end = 0, length; /* characters leave at the front until the rest fits */
    while (end < bytes && left > end_room) {
        left -= advance_of(font, next_code_point(text + end, bytes - end, &length));
        end += length;
    }
    kin_buffer_append(out, text, start);
    kin_buffer_append_string(out, ELLIPSIS);
    kin_buffer_append(out, text + end, bytes - end);
}
