/* Pixels in memory: 8-bit RGB, rows top to bottom, no padding. */
#ifndef COMMON_IMAGE_IMAGE_H
#define COMMON_IMAGE_IMAGE_H

#include <stdint.h>

/* pixels [height][width][3]; owned unless said otherwise. Zeroed is no image. */
typedef struct kin_image {
    uint8_t *pixels;
    uint32_t width;
    uint32_t height;
} kin_image;

/* New pixels, black; sides >= 1. */
void kin_image_init(kin_image *image, uint32_t width, uint32_t height);
void kin_image_fini(kin_image *image);

#endif
