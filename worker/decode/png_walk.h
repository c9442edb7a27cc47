/* The chunks of a PNG (W3C PNG specification, third edition), looked at before a decoder does:
 * lengths, order, the CRC of every chunk, header, palette and end. Pure; allocates nothing. */
#ifndef WORKER_DECODE_PNG_WALK_H
#define WORKER_DECODE_PNG_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "worker/decode/verdict.h"

#define KIN_PNG_SIGNATURE "\x89PNG\r\n\x1a\n"

typedef struct kin_png_facts {
    uint32_t width, height; /* 0 where the header could not be read */
    int orientation;        /* of chunk eXIf, 1..8 */
} kin_png_facts;

/* data starts with the signature. Bytes behind IEND are ignored. */
kin_reason kin_png_walk(const uint8_t *data, size_t bytes, kin_png_facts *facts,
                        kin_verdict *verdict);

#endif
