/* The hits of a batch as they travel: 16 bytes each, little-endian, a row of k for each code.
 * Specification: proto/PROTOCOL.md, "batch". */
#ifndef PROTO_RANKED_H
#define PROTO_RANKED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/code/hit.h"

#define KIN_RANKED_BYTES 16

/* hits [count], count up to k -> row [k * KIN_RANKED_BYTES]; what is beyond count is all ones. */
void kin_ranked_build(const kin_hit *hits, uint32_t count, uint32_t k, uint8_t *row);

/* row [k * KIN_RANKED_BYTES] -> hits [k] (row 0); their number in *count. False where they are not
 * in the order of hits, farther than `bits`, or not one behind the other. */
bool kin_ranked_parse(const uint8_t *row, uint32_t k, unsigned bits, kin_hit *hits,
                      uint32_t *count);

#endif
