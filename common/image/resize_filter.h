/* The filters of resizing, one axis at a time: which source positions make a result position, and
 * how much of each, in fixed-point numbers. */
#ifndef COMMON_IMAGE_RESIZE_FILTER_H
#define COMMON_IMAGE_RESIZE_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "common/image/resize.h"

typedef struct kin_resize_span {
    uint32_t first, count;
    size_t weights; /* index of the first */
} kin_resize_span;

/* For `count` results. */
typedef struct kin_resize_filter {
    kin_resize_span *spans; /* [count] */
    int32_t *weights;       /* each span's sum is 1 << fraction_bits, all but of the cubic */
    uint32_t count;
    int fraction_bits;
} kin_resize_filter;

/* Of results [first, first + count) of to_size from sources [0, from_size). Bilinear weights fit 16
 * bits; bicubic ones have 22 fraction bits, as Pillow's. A sum of weighted levels fits 31. */
void kin_resize_filter_init(kin_resize_filter *axis, kin_interpolation interpolation,
                            uint32_t from_size, uint32_t to_size, uint32_t first, uint32_t count);
void kin_resize_filter_fini(kin_resize_filter *axis);

#endif
