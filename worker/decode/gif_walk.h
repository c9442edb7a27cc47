/* The blocks of a GIF (GIF89a specification) up to its first picture, looked at before a decoder
 * does. Pure; allocates nothing. */
#ifndef WORKER_DECODE_GIF_WALK_H
#define WORKER_DECODE_GIF_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "worker/decode/verdict.h"

/* data starts with "GIF87a" or "GIF89a". Later pictures and bytes are ignored. */
kin_reason kin_gif_walk(const uint8_t *data, size_t bytes, uint32_t *width, uint32_t *height,
                        kin_verdict *verdict);

#endif
