#include "common/image/canvas.h"

#include <math.h>
#include <string.h>

void kin_canvas_mix(kin_image *image, int32_t x, int32_t y, uint32_t colour, uint32_t coverage)
{
    if (x < 0 || y < 0 || (uint32_t)x >= image->width || (uint32_t)y >= image->height) return;
    uint8_t *pixel = image->pixels + 3 * ((size_t)y * image->width + (size_t)x);
    for (int channel = 0; channel < 3; channel++) {
        uint32_t ink = colour >> (16 - 8 * channel) & 255;
        pixel[channel] =
            (uint8_t)((ink * coverage + pixel[channel] * (255 - coverage) + 127) / 255);
    }
}

void kin_canvas_fill(kin_image *image, uint32_t colour)
{
    kin_canvas_rounded(image, (kin_rectangle){0, 0, (int32_t)image->width, (int32_t)image->height},
                       0, colour);
}

/* How much of the pixel whose centre is that far inside the corner's square is within its circle:
 * the distance to the arc, cut to one pixel. */
static uint32_t corner_coverage(int32_t from_left, int32_t from_top, int32_t radius)
{
    float dx = (float)radius - (float)from_left - 0.5f, dy = (float)radius - (float)from_top - 0.5f;
    if (dx <= 0 || dy <= 0) return 255;
    float inside = (float)radius - sqrtf(dx * dx + dy * dy) + 0.5f;
    return inside <= 0 ? 0 : inside >= 1 ? 255 : (uint32_t)(inside * 255);
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

void kin_canvas_rounded(kin_image *image, kin_rectangle where, int32_t radius, uint32_t colour)
{
    for (int32_t y = 0; y < where.height; y++)
        for (int32_t x = 0; x < where.width; x++)
            kin_canvas_mix(image, where.x + x, where.y + y, colour,
                           corner_coverage(smaller(x, where.width - 1 - x),
                                           smaller(y, where.height - 1 - y), radius));
}

void kin_canvas_picture(kin_image *image, int32_t x, int32_t y, const kin_image *picture)
{
    for (uint32_t row = 0; row < picture->height; row++)
        for (uint32_t column = 0; column < picture->width; column++) {
            const uint8_t *pixel = picture->pixels + 3 * ((size_t)row * picture->width + column);
            kin_canvas_mix(image, x + (int32_t)column, y + (int32_t)row,
                           (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2], 255);
        }
}
