/* The headers of a BMP (Microsoft's BITMAPFILEHEADER and its info headers), looked at before a
 * decoder does: sizes, bits, masks, and that all rows are there. Pure; allocates nothing. */
#ifndef WORKER_DECODE_BMP_WALK_H
#define WORKER_DECODE_BMP_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/decode/verdict.h"

/* data starts with "BM". Uncompressed pictures of 1, 4, 8, 16, 24 and 32 bits pass. *has_alpha:
 * the fourth byte of a pixel counts, because a mask says so. */
kin_reason kin_bmp_walk(const uint8_t *data, size_t bytes, uint32_t *width, uint32_t *height,
                        bool *has_alpha, kin_verdict *verdict);

#endif
