/* Antialiased resizing: separable triangle filter whose support grows with the reduction, as in
 * Pillow's BILINEAR; agrees with it within 1 grey level. Integer arithmetic: the same everywhere.
 */
#ifndef COMMON_IMAGE_RESIZE_H
#define COMMON_IMAGE_RESIZE_H

#include "common/image/image.h"

/* source resized to width x height (>= 1): new pixels in *resized. */
void kin_image_resize(const kin_image *source, uint32_t width, uint32_t height, kin_image *resized);

#endif
