/* Decoding JPEG: by libjpeg-turbo, whose state and buffers are kept from picture to picture. */
#ifndef WORKER_DECODE_PICTURE_JPEG_H
#define WORKER_DECODE_PICTURE_JPEG_H

#include "worker/decode/picture.h"

/* The bytes have passed kin_jpeg_walk, and picture->width and height are set. A large picture is
 * decoded at 1/2, 1/4 or 1/8 (scaled DCT) while both sides keep at least twice what the wish
 * resizes them to. Fills picture->pixels. */
kin_reason kin_picture_jpeg(const uint8_t *data, size_t bytes, const kin_picture_wish *wish,
                            kin_pixel_store *store, kin_picture *picture, kin_verdict *verdict);

#endif
