/* Products with a matrix that is packed once: one micro-kernel an instruction set. Every element is
 * summed in the order of k, alone, whatever the number of rows: results depend on the row and the
 * weights only, and AVX2 and AVX-512 (which fuse multiply and add) agree to the last bit. */
#ifndef WORKER_ENCODE_GEMM_H
#define WORKER_ENCODE_GEMM_H

#include <stddef.h>

#include "worker/encode/convolution.h"

/* b [depth][columns], packed in panels for the instruction set of this process (common/base/cpu).
 */
typedef struct kin_packed kin_packed;

/* b's element (k, j) is b[k * k_stride + j * j_stride]; bias [columns] or NULL. Borrowed while it
 * is made. */
kin_packed *kin_packed_new(size_t depth, size_t columns, const float *b, size_t k_stride,
                           size_t j_stride, const float *bias);
void kin_packed_destroy(kin_packed **packed);
size_t kin_packed_bytes(const kin_packed *packed);

/* c [rows][columns] (c_stride between rows) = activation(a [rows][depth] (a_stride) times b + bias
 * + sum (sum_stride; NULL for none)). c may be sum. Allocates nothing. */
void kin_gemm(const kin_packed *packed, const float *a, size_t a_stride, size_t rows, float *c,
              size_t c_stride, const float *sum, size_t sum_stride,
              const kin_activation *activation);

/* Both factors known only when it runs (attention): c = a [rows][depth] times b, with b's element
 * (k, j) at b[k * k_stride + j * j_stride]; scratch of kin_gemm_scratch_bytes, 64-aligned. */
size_t kin_gemm_scratch_bytes(size_t depth, size_t columns);
void kin_gemm_unpacked(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b,
                       size_t k_stride, size_t j_stride, size_t columns, float *c, size_t c_stride,
                       void *scratch);

#endif
