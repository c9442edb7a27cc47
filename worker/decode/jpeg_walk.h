/* The segments of a JPEG (ITU-T T.81), looked at before a decoder does: lengths, Huffman and
 * quantization tables, frame header, scans, end marker. Pure; allocates nothing.
 *
 * Only what both decoders read passes: 8-bit baseline, extended sequential and progressive Huffman
 * frames of 1, 3 or 4 components. Bytes behind the end marker are ignored. */
#ifndef WORKER_DECODE_JPEG_WALK_H
#define WORKER_DECODE_JPEG_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "worker/decode/verdict.h"

typedef struct kin_jpeg_facts {
    uint32_t width, height; /* as stored; 0 where the frame header was not reached */
    uint32_t components;
    int orientation; /* EXIF, 1..8 */
} kin_jpeg_facts;

/* pixels_max: KIN_JPEG_PIXELS_MAX where the decoder can reduce, else KIN_PICTURE_PIXELS_MAX. */
kin_reason kin_jpeg_walk(const uint8_t *data, size_t bytes, uint32_t pixels_max,
                         kin_jpeg_facts *facts, kin_verdict *verdict);

#endif
