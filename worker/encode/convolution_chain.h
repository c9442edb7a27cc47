/* Convolutions that run one behind the other in strips of a few lines: what is between them stays
 * in the second-level cache and never becomes a whole map. The results are those of the
 * convolutions one by one, to the last bit. */
#ifndef WORKER_ENCODE_CONVOLUTION_CHAIN_H
#define WORKER_ENCODE_CONVOLUTION_CHAIN_H

#include "worker/encode/convolution.h"

#define KIN_CHAIN_STAGES_MAX 3

typedef struct kin_convolution_chain kin_convolution_chain;

/* A map of fewer bytes stays in a second-level cache, beside weights, from one layer to the next.
 */
#define KIN_CHAIN_MAP_BYTES ((size_t)640 << 10)

/* stages [count], borrowed for as long as it lives; each takes all that the one before it gives.
 * NULL where one of them cannot run in strips, or no map between them has map_bytes. */
kin_convolution_chain *kin_convolution_chain_new(const kin_convolution *const *stages, size_t count,
                                                 size_t map_bytes);
void kin_convolution_chain_destroy(kin_convolution_chain **chain);
size_t kin_convolution_chain_scratch_bytes(const kin_convolution_chain *chain);

/* As kin_convolution_run: the input of the first, output and sum of the last. */
void kin_convolution_chain_run(const kin_convolution_chain *chain, const float *input,
                               size_t input_stride, float *output, size_t output_stride,
                               const float *sum, size_t sum_stride, void *scratch);

#endif
