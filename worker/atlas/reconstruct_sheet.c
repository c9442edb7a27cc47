/* The drawing of reconstructions. */
#include <math.h>
#include <string.h>

#include "common/image/canvas.h"
#include "common/image/font.h"
#include "worker/atlas/reconstruct.h"

#define BACKGROUND 0xf4f5f7
#define STRONG 0x1d2129
#define TEXT 0x4a505a
#define MARGIN 24
/* Tiles are enlarged by whole pixels to about this side. */
#define SIDE 64
#define ROW_TILES 16
#define COLUMN_GAP 6
#define PAIR_GAP 3
#define ROW_GAP 16

static uint32_t level(float number)
{
    float cut = number < 0 ? 0 : number > 1 ? 1 : number;
    return (uint32_t)lroundf(255 * cut);
}

static void draw_tile(kin_image *image, int32_t left, int32_t top, int32_t scale,
                      const float *numbers, kin_filter_shape shape)
{
    for (uint32_t y = 0; y < shape.height; y++)
        for (uint32_t x = 0; x < shape.width; x++) {
            const float *at = numbers + ((size_t)y * shape.width + x) * shape.channels;
            uint32_t red = level(at[0]);
            uint32_t green = shape.channels == 3 ? level(at[1]) : red;
            uint32_t blue = shape.channels == 3 ? level(at[2]) : red;
            kin_rectangle pixel = {left + (int32_t)x * scale, top + (int32_t)y * scale, scale,
                                   scale};
            kin_canvas_rounded(image, pixel, 0, red << 16 | green << 8 | blue);
        }
}

static int32_t width_of(const kin_font *font, const char *words)
{
    return (int32_t)kin_font_width(font, words, strlen(words));
}

void kin_reconstruct_draw(const float *above, const float *below, uint32_t count,
                          kin_filter_shape shape, const char *title, const char *subtitle,
                          kin_image *image)
{
    uint32_t larger = shape.width > shape.height ? shape.width : shape.height;
    int32_t scale = larger < SIDE ? (int32_t)(SIDE / larger) : 1;
    int32_t columns = count < ROW_TILES ? (int32_t)count : ROW_TILES;
    int32_t rows = ((int32_t)count + columns - 1) / columns;
    int32_t width = (int32_t)shape.width * scale, height = (int32_t)shape.height * scale;
    int32_t row_height = 2 * height + PAIR_GAP + ROW_GAP;
    int32_t top = MARGIN + kin_font_title.height + kin_font_text.height + 16;
    int32_t inner = columns * (width + COLUMN_GAP) - COLUMN_GAP;
    if (width_of(&kin_font_title, title) > inner) inner = width_of(&kin_font_title, title);
    if (width_of(&kin_font_text, subtitle) > inner) inner = width_of(&kin_font_text, subtitle);
    kin_image_init(image, (uint32_t)(2 * MARGIN + inner),
                   (uint32_t)(top + rows * row_height - ROW_GAP + MARGIN));
    kin_canvas_fill(image, BACKGROUND);
    kin_font_draw(&kin_font_title, image, MARGIN, MARGIN, STRONG, title, strlen(title));
    kin_font_draw(&kin_font_text, image, MARGIN, MARGIN + kin_font_title.height + 4, TEXT, subtitle,
                  strlen(subtitle));
    for (uint32_t i = 0; i < count; i++) {
        size_t first = (size_t)i * shape.width * shape.height * shape.channels;
        int32_t x = MARGIN + (int32_t)i % columns * (width + COLUMN_GAP);
        int32_t y = top + (int32_t)i / columns * row_height;
        draw_tile(image, x, y, scale, above + first, shape);
        draw_tile(image, x, y + height + PAIR_GAP, scale, below + first, shape);
    }
}
