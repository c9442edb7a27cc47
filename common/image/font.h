/* Text on pictures: three antialiased faces that are part of the program (font_text.c,
 * font_strong.c, font_title.c). Knows ASCII, Latin-1 and the ellipsis; anything else is a box. */
#ifndef COMMON_IMAGE_FONT_H
#define COMMON_IMAGE_FONT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/image/image.h"

/* ASCII from the space, Latin-1 from the no-break space, the ellipsis. */
#define KIN_FONT_GLYPHS (0x7f - 0x20 + 0x100 - 0xa0 + 1)

typedef struct kin_glyph {
    uint8_t advance;
    int8_t left;           /* from the pen to the first column */
    uint8_t top;           /* from the top of the line to the first row */
    uint8_t width, height; /* of the inked part */
    const char *coverage;  /* [height][width] hexadecimal digits, f is full */
} kin_glyph;

typedef struct kin_font {
    uint8_t ascent;          /* top of the line to the baseline */
    uint8_t height;          /* of a line */
    const kin_glyph *glyphs; /* [KIN_FONT_GLYPHS] */
} kin_font;

extern const kin_font kin_font_text;   /* captions */
extern const kin_font kin_font_strong; /* captions, bold */
extern const kin_font kin_font_title;  /* headers */

/* The width in pixels of UTF-8 text; bytes that are none are boxes. */
uint32_t kin_font_width(const kin_font *font, const char *text, size_t bytes);

/* Draws text with the top left of its line at (x, y), 0xRRGGBB. What falls outside the image is
 * cut. Returns the x behind it. */
int32_t kin_font_draw(const kin_font *font, kin_image *image, int32_t x, int32_t y, uint32_t colour,
                      const char *text, size_t bytes);

/* Appends text, with an ellipsis for its middle if it is wider than width pixels: the end, which
 * tells names apart, keeps the larger part. */
void kin_font_shorten(const kin_font *font, const char *text, size_t bytes, uint32_t width,
                      kin_buffer *out);

#endif
