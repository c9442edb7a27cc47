/* Products of a hasher: its inner loop, and the functions of its layers. Every step is one that
 * IEEE 754 rounds alone, in one fixed order (proto/ENCODER.md): the same bits on every machine, for
 * every instruction set, alone or among others. */
#ifndef WORKER_ENCODE_HASH_H
#define WORKER_ENCODE_HASH_H

#include <stddef.h>

#include "common/base/cpu.h"
#include "proto/encoder_file.h"

/* Products are summed in this many partial sums, by position modulo it. */
#define KIN_HASH_LANES 16

/* dimensions rounded up to whole lanes: the length of a row in memory. */
static inline size_t kin_hash_padded(size_t dimensions)
{
    return (dimensions + KIN_HASH_LANES - 1) / KIN_HASH_LANES * KIN_HASH_LANES;
}

/* results [rows][result_stride] = the dot products of vectors [rows][vector_stride] with
 * weights [outputs][stride]; both have zeros from their length to stride, which is whole lanes. The
 * 16 partial sums are added pairwise at the end. Allocates nothing. */
typedef void kin_hash_function(const float *weights, size_t stride, size_t outputs,
                               const float *vectors, size_t vector_stride, size_t rows,
                               float *results, size_t result_stride);

kin_hash_function kin_hash_scalar, kin_hash_avx2, kin_hash_avx512;

/* The one for a level; that of this process. */
kin_hash_function *kin_hash_get(kin_cpu_level level);
kin_hash_function *kin_hash_here(void);

/* values [count] = activation(values). */
void kin_hash_activate(kin_layer_activation activation, float *values, size_t count);

/* e^x of a double, for |x| <= 700; beyond, that of 700. Relative error below 1e-14. */
double kin_hash_exponential(double x);

#endif
