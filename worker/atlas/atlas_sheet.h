/* The sheet of an atlas: for every bit, the pictures most sure to be 1 and to be 0. */
#ifndef WORKER_ATLAS_ATLAS_SHEET_H
#define WORKER_ATLAS_ATLAS_SHEET_H

#include "common/base/status.h"
#include "common/image/image.h"

#define KIN_ATLAS_TILES_MAX 16
/* The square that holds a picture. */
#define KIN_ATLAS_TILE_SIDE 56

/* A bit; pictures are owned by the caller, zeroed where there is none. */
typedef struct kin_atlas_bit {
    unsigned number;
    double ones;           /* share of the pictures */
    const kin_image *one;  /* [tiles] most sure to be 1, the surest first */
    const kin_image *zero; /* [tiles] */
} kin_atlas_bit;

/* Draws bits [count], in columns, into *image, which is new. */
void kin_atlas_draw(const kin_atlas_bit *bits, uint32_t count, uint32_t tiles, const char *title,
                    const char *subtitle, kin_image *image);

#endif
