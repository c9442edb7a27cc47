/* What the codes of an autoencoder of pixels still know of pictures: pictures, and below each what
 * the way back of its encoder file makes of its bits alone. */
#ifndef WORKER_ATLAS_RECONSTRUCT_H
#define WORKER_ATLAS_RECONSTRUCT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/image/image.h"
#include "worker/atlas/filters.h"

#define KIN_RECONSTRUCT_PICTURES_DEFAULT 32
#define KIN_RECONSTRUCT_PICTURES_MAX 1024

/* Plain data; all borrowed. */
typedef struct kin_reconstruct_options {
    const char *encoder; /* an encoder file, or an index */
    char **sources;      /* [source_count]: a data set, or pictures */
    int source_count;
    const char *shape;  /* of the pixels; NULL: a square */
    const char *output; /* a PNG file */
    uint32_t pictures;  /* that are shown of a data set, evenly drawn */
    bool no_sandbox;
} kin_reconstruct_options;

/* Draws the sheet. KIN_BAD_INPUT where the encoder keeps no way back, or the data are not of its
 * features. */
KIN_MUST_USE kin_status kin_reconstruct(const kin_reconstruct_options *options, kin_error *error);

/* Draws pixels above [count] and below [count], each [height][width][channels] of numbers from 0 to
 * 1 (what is outside is cut), into *image, which is new. */
void kin_reconstruct_draw(const float *above, const float *below, uint32_t count,
                          kin_filter_shape shape, const char *title, const char *subtitle,
                          kin_image *image);

#endif
