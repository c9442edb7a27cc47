/* Antialiased resizing: separable triangle filter whose support grows with the reduction, as in
 * Pillow's BILINEAR; agrees with it within 1 grey level. Integer arithmetic: the same everywhere.
 */
#ifndef COMMON_IMAGE_RESIZE_H
#define COMMON_IMAGE_RESIZE_H

#include "common/image/image.h"

/* source resized to width x height (>= 1): new pixels in *resized. */
void kin_image_resize(const kin_image *source, uint32_t width, uint32_t height, kin_image *resized);

/* A part of a resized picture: of all its pixels only those are computed. */
typedef struct kin_resize_window {
    uint32_t full_width, full_height; /* of the whole resized picture */
    uint32_t x, y;                    /* the part's upper left corner in it */
    uint32_t width, height;           /* of the part, >= 1 */
} kin_resize_window;

/* Exactly the pixels that kin_image_resize to the full size has there: new pixels in *part. Memory
 * besides them is one row of the source, so that a picture of 1 x 65,535 costs nothing. */
void kin_image_resize_window(const kin_image *source, const kin_resize_window *window,
                             kin_image *part);

#endif
