/* Hyperplanes to bits: the inner loop of the hasher. */
#ifndef WORKER_ENCODE_HASH_H
#define WORKER_ENCODE_HASH_H

#include <stddef.h>

#include "common/code/code.h"

/* Products are summed in this many partial sums, by position modulo it. */
#define KIN_HASH_LANES 16

/* dimensions rounded up to whole lanes: the length of a plane in memory. */
static inline size_t kin_hash_padded(size_t dimensions)
{
    return (dimensions + KIN_HASH_LANES - 1) / KIN_HASH_LANES * KIN_HASH_LANES;
}

/* Bit i of *code is whether dot(planes[i], vector) > thresholds[i].
 *
 * planes  [bits][kin_hash_padded(dimensions)], zeros beyond dimensions
 * vector  [dimensions], finite
 *
 * The partial sums are added pairwise at the end. No step depends on the instruction set: the same
 * bits on every machine. Allocates nothing. */
void kin_hash(const float *planes, const float *thresholds, unsigned bits, size_t dimensions,
              const float *vector, kin_code *code);

#endif
