/* The features that need no download: a descriptor of gradient histograms and of the layout of
 * colours. What it is made of, and why: worker/encode/README.md. */
#ifndef WORKER_ENCODE_FEATURES_BUILTIN_H
#define WORKER_ENCODE_FEATURES_BUILTIN_H

#include <stdint.h>

#define KIN_BUILTIN_SIDE 64 /* of the raster, pixels */
#define KIN_BUILTIN_CELLS 8 /* along a side */
#define KIN_BUILTIN_AXES 9  /* of a gradient without its sign: every 20 degrees */
#define KIN_BUILTIN_DIRECTIONS (2 * KIN_BUILTIN_AXES)
#define KIN_BUILTIN_SHAPE_DIMENSIONS \
    (KIN_BUILTIN_CELLS * KIN_BUILTIN_CELLS * KIN_BUILTIN_DIRECTIONS)
#define KIN_BUILTIN_COLOUR_DIMENSIONS (KIN_BUILTIN_CELLS * KIN_BUILTIN_CELLS * 3)
#define KIN_BUILTIN_DIMENSIONS (KIN_BUILTIN_SHAPE_DIMENSIONS + KIN_BUILTIN_COLOUR_DIMENSIONS)

/* Working memory of one run. Plain data. */
typedef struct kin_builtin_scratch {
    /* A frame of one cell all around takes what pixels at the border give to cells outside. */
    float histogram[KIN_BUILTIN_CELLS + 2][KIN_BUILTIN_CELLS + 2][KIN_BUILTIN_DIRECTIONS];
    float energy[KIN_BUILTIN_CELLS][KIN_BUILTIN_CELLS];
} kin_builtin_scratch;

/* pixels [64][64][3], RGB -> vector [KIN_BUILTIN_DIMENSIONS] of length 1, or zero for a white
 * picture: the directions cell by cell, rows first, then the colours in the same order. The same on
 * every machine: integers, then additions in a fixed order, divisions and square roots as IEEE 754
 * has them. */
void kin_builtin_run(kin_builtin_scratch *scratch, const uint8_t *pixels, float *vector);

#endif
