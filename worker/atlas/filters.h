/* The first layer of a hasher of pixels, as pictures: what each of its units looks for. */
#ifndef WORKER_ATLAS_FILTERS_H
#define WORKER_ATLAS_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/image/image.h"

#define KIN_FILTERS_MAX 1024

/* How the numbers of a vector are pixels: [height][width][channels]. */
typedef struct kin_filter_shape {
    uint32_t width, height, channels; /* channels: 1 or 3 */
} kin_filter_shape;

/* "28x28" or "32x32x3"; KIN_BAD_INPUT else. */
KIN_MUST_USE kin_status kin_filter_shape_parse(kin_filter_shape *shape, const char *text,
                                               kin_error *error);

/* The square of grey, or else of colour, that has so many numbers; false where there is none. */
bool kin_filter_shape_guess(kin_filter_shape *shape, uint32_t numbers);

/* What text says of `numbers` (NULL: the square there is); KIN_BAD_INPUT, naming `name` whose
 * numbers they are, where that is impossible. */
KIN_MUST_USE kin_status kin_filter_shape_choose(kin_filter_shape *shape, const char *text,
                                                uint32_t numbers, const char *name,
                                                kin_error *error);

/* Draws weights [count][height * width * channels] as tiles into *image, which is new. A weight of
 * 0 is grey; the largest of a filter, whatever its sign, is black or white. */
void kin_filters_draw(const float *weights, uint32_t count, kin_filter_shape shape,
                      const char *title, kin_image *image);

#endif
