/* Resizing by the cubic filter, whose sums leave the range of levels: they are clipped after each
 * pass, so that the order of the passes matters. */
#ifndef COMMON_IMAGE_RESIZE_BICUBIC_H
#define COMMON_IMAGE_RESIZE_BICUBIC_H

#include "common/image/resize_filter.h"

/* part has its sides; its pixels are written. Columns are blended before rows, as Pillow does;
 * rows_first: the other way round. */
void kin_resize_bicubic(const kin_image *source, const kin_resize_filter *columns,
                        const kin_resize_filter *rows, bool rows_first, kin_image *part);

#endif
