/* Copies between tensors whose elements lie in different orders: what Transpose, Slice, Expand,
 * Tile and their like come down to. */
#ifndef WORKER_ENCODE_STRIDED_H
#define WORKER_ENCODE_STRIDED_H

#include <stddef.h>
#include <stdint.h>

#include "worker/encode/tensor.h"

/* A Tile walks every dimension twice: its repeats, and its elements. */
#define KIN_STRIDED_RANK_MAX (2 * KIN_TENSOR_RANK_MAX)

/* Nested loops, the outermost first. Starts zeroed: one element. */
typedef struct kin_strided {
    uint32_t rank;
    int64_t dims[KIN_STRIDED_RANK_MAX];
    int64_t from[KIN_STRIDED_RANK_MAX], to[KIN_STRIDED_RANK_MAX]; /* strides in elements; may be
                                                               negative or 0 */
} kin_strided;

/* Adds the next inner loop; it becomes one with the loop around it where that makes no difference.
 */
void kin_strided_add(kin_strided *walk, int64_t dim, int64_t from, int64_t to);

/* Copies every element of the walk; from and to are those of its first one, and do not overlap. */
void kin_strided_copy(const kin_strided *walk, const void *from, void *to, size_t element_bytes);

/* count copies of a value of that many bytes. */
void kin_fill(void *to, const void *value, int64_t count, size_t bytes);

/* The coordinates of an element of a shape of these dimensions (1 or more each). */
void kin_unravel(int64_t index, const int64_t *dims, uint32_t rank, int64_t *at);

#endif
