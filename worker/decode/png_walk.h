/* The chunks of a PNG (W3C PNG specification, third edition), looked at before a decoder does:
 * lengths, order, the CRC of every chunk, header, palette and end. Pure; allocates nothing. */
#ifndef WORKER_DECODE_PNG_WALK_H
#define WORKER_DECODE_PNG_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "worker/decode/verdict.h"

#define KIN_PNG_SIGNATURE "\x89PNG\r\n\x1a\n"

/* data starts with the signature. Sides in *width and *height where the header could be read (0
 * otherwise). Bytes behind IEND are ignored. */
kin_reason kin_png_walk(const uint8_t *data, size_t bytes, uint32_t *width, uint32_t *height,
                        kin_verdict *verdict);

#endif
