/* The hasher's products for AVX-512. */
#if defined(__x86_64__)
#include "worker/encode/hash_body.h"

void kin_hash_avx512(const float *weights, size_t stride, size_t outputs, const float *vectors,
                     size_t vector_stride, size_t rows, float *results, size_t result_stride)
{
    hash_products(weights, stride, outputs, vectors, vector_stride, rows, results, result_stride);
}
#endif
