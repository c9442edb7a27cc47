#include "worker/atlas/filters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/image/canvas.h"
#include "common/image/font.h"

#define BACKGROUND 0xf4f5f7
#define STRONG 0x1d2129
#define MARGIN 24
#define GAP 3
/* Tiles are enlarged by whole pixels to about this side. */
#define SIDE 64
#define ROW_TILES 16

kin_status kin_filter_shape_parse(kin_filter_shape *shape, const char *text, kin_error *error)
{
    int read = 0;
    unsigned height = 0, width = 0, channels = 1;
    bool right = sscanf(text, "%5ux%5u%n", &height, &width, &read) == 2;
    if (right && text[read] == 'x') {
        const char *rest = text + read;
        right = strcmp(rest, "x1") == 0 || strcmp(rest, "x3") == 0;
        channels = rest[1] == '3' ? 3 : 1;
    } else {
        right = right && text[read] == 0;
    }
    if (!right || height < 1 || width < 1 || height > KIN_RASTER_SIDE_MAX ||
        width > KIN_RASTER_SIDE_MAX)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--shape is '%s'; it takes height x width, and x 3 for colour, such as "
                        "28x28 or 32x32x3",
                        text);
    *shape = (kin_filter_shape){.width = width, .height = height, .channels = channels};
    return KIN_OK;
}

bool kin_filter_shape_guess(kin_filter_shape *shape, uint32_t numbers)
{
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        uint32_t side = (uint32_t)lround(sqrt(numbers / (double)channels));
        *shape = (kin_filter_shape){.width = side, .height = side, .channels = channels};
        if (side > 0 && side * side * channels == numbers) return true;
    }
    return false;
}

kin_status kin_filter_shape_choose(kin_filter_shape *shape, const char *text, uint32_t numbers,
                                   const char *name, kin_error *error)
{
    if (text == NULL) {
        if (kin_filter_shape_guess(shape, numbers)) return KIN_OK;
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s takes vectors of %u numbers, which are no square picture; say of which "
                        "pixels they are: --shape",
                        name, (unsigned)numbers);
    }
    kin_status status = kin_filter_shape_parse(shape, text, error);
    if (status == KIN_OK && shape->width * shape->height * shape->channels != numbers)
        status = kin_fail(
            error, KIN_BAD_INPUT, "%s takes vectors of %u numbers, and --shape %s has %u", name,
            (unsigned)numbers, text, (unsigned)(shape->width * shape->height * shape->channels));
    return status;
}

static uint32_t shade(float weight, float largest)
{
    float level = largest > 0 ? 127.5f + 127.5f * weight / largest : 127.5f;
    return (uint32_t)lroundf(level);
}

static void draw_filter(kin_image *image, int32_t left, int32_t top, int32_t scale,
                        const float *weights, kin_filter_shape shape)
{
    float largest = 0;
    for (size_t i = 0; i < (size_t)shape.width * shape.height * shape.channels; i++)
        if (fabsf(weights[i]) > largest) largest = fabsf(weights[i]);
    for (uint32_t y = 0; y < shape.height; y++)
        for (uint32_t x = 0; x < shape.width; x++) {
            const float *at = weights + ((size_t)y * shape.width + x) * shape.channels;
            uint32_t red = shade(at[0], largest);
            uint32_t green = shape.channels == 3 ? shade(at[1], largest) : red;
            uint32_t blue = shape.channels == 3 ? shade(at[2], largest) : red;
            kin_rectangle pixel = {left + (int32_t)x * scale, top + (int32_t)y * scale, scale,
                                   scale};
            kin_canvas_rounded(image, pixel, 0, red << 16 | green << 8 | blue);
        }
}

void kin_filters_draw(const float *weights, uint32_t count, kin_filter_shape shape,
                      const char *title, kin_image *image)
{
    uint32_t larger = shape.width > shape.height ? shape.width : shape.height;
    int32_t scale = larger < SIDE ? (int32_t)(SIDE / larger) : 1;
    int32_t columns = count < ROW_TILES ? (int32_t)count : ROW_TILES;
    int32_t rows = ((int32_t)count + columns - 1) / columns;
    int32_t width = (int32_t)shape.width * scale + GAP,
            height = (int32_t)shape.height * scale + GAP;
    int32_t top = MARGIN + kin_font_title.height + 12;
    int32_t title_width = (int32_t)kin_font_width(&kin_font_title, title, strlen(title));
    int32_t inner = columns * width - GAP > title_width ? columns * width - GAP : title_width;
    kin_image_init(image, (uint32_t)(2 * MARGIN + inner),
                   (uint32_t)(top + rows * height - GAP + MARGIN));
    kin_canvas_fill(image, BACKGROUND);
    kin_font_draw(&kin_font_title, image, MARGIN, MARGIN, STRONG, title, strlen(title));
    for (uint32_t i = 0; i < count; i++)
        draw_filter(image, MARGIN + (int32_t)i % columns * width,
                    top + (int32_t)i / columns * height, scale,
                    weights + (size_t)i * shape.width * shape.height * shape.channels, shape);
}
