/* How a picture becomes the small raster that features are computed from, and a thumbnail. */
#ifndef COMMON_IMAGE_RASTER_H
#define COMMON_IMAGE_RASTER_H

#include <stdint.h>

#include "common/image/image.h"
#include "common/image/resize.h"

typedef enum kin_raster_mode {
    KIN_RASTER_NONE,    /* no raster wanted */
    KIN_RASTER_STRETCH, /* whole picture to width x height, whatever its shape */
    KIN_RASTER_CROP,    /* shorter side to `shorter_side`, then the central width x height, to the
                         * pixel as torchvision's Resize and CenterCrop */
    KIN_RASTER_PAD,     /* whole picture within width x height, white around it, to the pixel as
                         * Pillow's ImageOps.pad */
    KIN_RASTER_FIT      /* whole picture within width x height, the sides as they come (>= 1);
                         * never enlarged */
} kin_raster_mode;

typedef struct kin_raster_spec {
    kin_raster_mode mode;
    uint32_t width, height; /* up to KIN_RASTER_SIDE_MAX */
    uint32_t shorter_side;  /* of CROP, before cropping; at least width and height */
    kin_interpolation interpolation;
} kin_raster_spec;

/* Makes the raster of a picture: new pixels in *raster. Antialiased (kin_image_resize_window). */
void kin_raster_make(const kin_image *picture, const kin_raster_spec *spec, kin_image *raster);

/* A picture as a decoder gives it. */
typedef struct kin_raster_source {
    const kin_image *pixels; /* possibly reduced, as JPEG decoders can */
    uint32_t width, height;  /* of the picture as stored */
    int orientation;         /* EXIF, 1..8 */
} kin_raster_source;

/* The same of a decoded picture: the raster is upright, and its sides are those that the unreduced
 * picture gives. Turns the few pixels of the result, not those of the picture. */
void kin_raster_make_upright(const kin_raster_source *source, const kin_raster_spec *spec,
                             kin_image *raster);

/* What the whole upright picture of width x height is resized to, before CROP cuts it. */
void kin_raster_full_size(uint32_t width, uint32_t height, const kin_raster_spec *spec,
                          uint32_t *full_width, uint32_t *full_height);

#endif
