/* Picture bytes to pixels, inside the sandboxed child. */
#ifndef WORKER_DECODE_PICTURE_H
#define WORKER_DECODE_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/image/image.h"
#include "common/image/raster.h"
#include "worker/decode/pixel_store.h"
#include "worker/decode/verdict.h"

/* A decoded picture, as stored (not yet upright). A JPEG may be decoded at a reduced scale: then
 * pixels has smaller sides than the picture. Zeroed is none. */
typedef struct kin_picture {
    kin_image pixels; /* borrowed, from the store or from `owned` */
    void *owned;      /* freed with the picture */
    uint32_t width, height;
    int orientation; /* EXIF, 1..8 */
} kin_picture;

void kin_picture_fini(kin_picture *picture);

/* What the caller wants to make of the picture, by which the scale of a JPEG is chosen: the raster
 * alone where there is one, so that it has the same pixels whatever thumbnail is made besides. */
typedef struct kin_picture_wish {
    kin_raster_spec raster;  /* mode NONE for none */
    uint32_t thumbnail_side; /* 0 for none */
} kin_picture_wish;

/* Checks the bytes against their format and the limits, then decodes them. The verdict's reason is
 * returned; for KIN_REASON_NONE *picture is filled and valid until the store is used again. */
kin_reason kin_picture_decode(const uint8_t *data, size_t bytes, const kin_picture_wish *wish,
                              kin_pixel_store *store, kin_picture *picture, kin_verdict *verdict);

#endif
