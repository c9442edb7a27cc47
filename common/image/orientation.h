/* The eight ways to hold a camera, as EXIF (CIPA DC-008, tag 274) numbers them. */
#ifndef COMMON_IMAGE_ORIENTATION_H
#define COMMON_IMAGE_ORIENTATION_H

#include <stdbool.h>

#include "common/image/image.h"

/* 1 is upright; 2 mirrored; 3 upside down; 4 upside down and mirrored; 5 transposed; 6 needs a
 * quarter turn clockwise; 7 transposed over the other diagonal; 8 needs a quarter turn back. */
#define KIN_ORIENTATION_UPRIGHT 1
#define KIN_ORIENTATION_MAX 8

/* Whether making it upright exchanges width and height. */
static inline bool kin_orientation_swaps_sides(int orientation)
{
    return orientation >= 5;
}

/* Makes a picture that is stored in an orientation (1..8) upright. Pixels are new unless 1. */
void kin_image_orient(kin_image *image, int orientation);

#endif
