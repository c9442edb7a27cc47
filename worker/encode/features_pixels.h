/* Pixels as features: the picture, stretched to a small square, is the vector. For networks that
 * learn from pixels themselves, as semantic hashing does. */
#ifndef WORKER_ENCODE_FEATURES_PIXELS_H
#define WORKER_ENCODE_FEATURES_PIXELS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

/* What the shortest vector takes: codes have up to 64 bits of any method then. */
#define KIN_PIXELS_SIDE_MIN 8
/* The longest vectors within KIN_FEATURE_DIMENSIONS_MAX. */
#define KIN_PIXELS_SIDE_MAX_GREY 90
#define KIN_PIXELS_SIDE_MAX_COLOUR 52

#define KIN_PIXELS_NAME_BYTES 24

typedef struct kin_pixels {
    uint32_t side;
    bool grey; /* else red, green and blue of each pixel, in turn */
} kin_pixels;

/* Whether a name means to be of this kind: "pixels:...". */
bool kin_pixels_is_name(const char *name);
/* "pixels:32", "pixels:28:grey", with or without the version "/1". KIN_BAD_INPUT says what there
 * is. */
KIN_MUST_USE kin_status kin_pixels_parse(kin_pixels *pixels, const char *name, kin_error *error);
/* The full name, for the fingerprint: "pixels:28:grey/1". */
void kin_pixels_name(const kin_pixels *pixels, char name[KIN_PIXELS_NAME_BYTES]);
uint32_t kin_pixels_dimensions(const kin_pixels *pixels);

/* raster [side][side][3], RGB -> vector [side][side][1 or 3] of numbers from 0 to 1, level / 255.
 * Grey levels are those of Rec. 601, as Pillow's convert("L") rounds them; a grey picture keeps
 * its own. */
void kin_pixels_run(const kin_pixels *pixels, const uint8_t *raster, float *vector);

#endif
