/* Pixels to file bytes: PNG for sheets, JPEG for thumbnails. The only home of stb_image_write. */
#ifndef COMMON_IMAGE_ENCODE_IMAGE_H
#define COMMON_IMAGE_ENCODE_IMAGE_H

#include "common/base/buffer.h"
#include "common/image/image.h"

/* Appends a PNG (8-bit RGB) or a baseline JPEG; the same pixels give the same bytes. */
void kin_image_append_png(const kin_image *image, kin_buffer *out);
void kin_image_append_jpeg(const kin_image *image, int quality, kin_buffer *out);

#endif
