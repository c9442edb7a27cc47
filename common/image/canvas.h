/* Drawing on an image: the few shapes that a contact sheet is made of. What falls outside is cut.
 * Colours are 0xRRGGBB. */
#ifndef COMMON_IMAGE_CANVAS_H
#define COMMON_IMAGE_CANVAS_H

#include <stdint.h>

#include "common/image/image.h"

typedef struct kin_rectangle {
    int32_t x, y;
    int32_t width, height;
} kin_rectangle;

/* Mixes colour over the pixel at (x, y); coverage 0..255. */
void kin_canvas_mix(kin_image *image, int32_t x, int32_t y, uint32_t colour, uint32_t coverage);

void kin_canvas_fill(kin_image *image, uint32_t colour);

/* A filled rectangle with antialiased corners of that radius (0 for square ones). */
void kin_canvas_rounded(kin_image *image, kin_rectangle where, int32_t radius, uint32_t colour);

/* Copies picture with its top left at (x, y). */
void kin_canvas_picture(kin_image *image, int32_t x, int32_t y, const kin_image *picture);

#endif
