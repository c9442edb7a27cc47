/* The hasher's products for every machine's baseline. */
#include "worker/encode/hash_body.h"

void kin_hash_scalar(const float *weights, size_t stride, size_t outputs, const float *vectors,
                     size_t vector_stride, size_t rows, float *results, size_t result_stride)
{
    hash_products(weights, stride, outputs, vectors, vector_stride, rows, results, result_stride);
}
