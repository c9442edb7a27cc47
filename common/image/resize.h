/* Antialiased resizing: separable filters whose support grows with the reduction, as Pillow's;
 * agrees with it within 1 grey level. The same bytes on every machine. */
#ifndef COMMON_IMAGE_RESIZE_H
#define COMMON_IMAGE_RESIZE_H

#include <stdbool.h>

#include "common/image/image.h"

typedef enum kin_interpolation {
    KIN_BILINEAR, /* triangle; integer arithmetic throughout */
    KIN_BICUBIC,  /* Keys' cubic, a = -1/2: sharper, with overshoot that is clipped */
    KIN_INTERPOLATIONS
} kin_interpolation;

/* source resized to width x height (>= 1), bilinear: new pixels in *resized. */
void kin_image_resize(const kin_image *source, uint32_t width, uint32_t height, kin_image *resized);

/* A part of a resized picture: of all its pixels only those are computed. */
typedef struct kin_resize_window {
    uint32_t full_width, full_height; /* of the whole resized picture */
    uint32_t x, y;                    /* the part's upper left corner in it */
    uint32_t width, height;           /* of the part, >= 1 */
    kin_interpolation interpolation;
    bool lies_on_side; /* will be turned by a quarter: what is clipped between the passes is that of
                        * the upright picture */
} kin_resize_window;

/* Exactly the pixels that resizing to the full size has there: new pixels in *part. Memory besides
 * them is a row of the source, or four numbers a pixel of the part, so that a picture of 1 x 65,535
 * costs nothing. */
void kin_image_resize_window(const kin_image *source, const kin_resize_window *window,
                             kin_image *part);

#endif
