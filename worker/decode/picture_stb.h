/* Decoding by stb_image: PNG, BMP and GIF, and JPEG where libjpeg-turbo is not built in. The bytes
 * have passed the walk of their format. */
#ifndef WORKER_DECODE_PICTURE_STB_H
#define WORKER_DECODE_PICTURE_STB_H

#include <stdbool.h>

#include "worker/decode/picture.h"

/* format is for the detail ("PNG"). Alpha is put on white, or ignored where the file has none that
 * counts (ignore_alpha: 32-bit BMP without an alpha mask). Fills picture->pixels and owned. */
kin_reason kin_picture_stb(const uint8_t *data, size_t bytes, const char *format, bool ignore_alpha,
                           kin_pixel_store *store, kin_picture *picture, kin_verdict *verdict);

#endif
