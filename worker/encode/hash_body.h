/* The hasher's products for the instruction set that a file is compiled for. A vector of LANES
 * floats is a part of the 16 partial sums; where it is smaller, the depth is passed several times.
 */
#ifndef WORKER_ENCODE_HASH_BODY_H
#define WORKER_ENCODE_HASH_BODY_H

#include "worker/encode/hash.h"
#include "worker/encode/lanes.h"

/* Vectors and outputs of a tile: their sums fit the registers. */
#define HASH_ROWS (LANES == 16 ? 4 : 2)
#define HASH_OUTPUTS 4
/* A vector alone: all parts of as many outputs in one pass as keep the adders busy; more rows of
 * weights at a time come slower from the second cache. */
#define HASH_PARTS (KIN_HASH_LANES / LANES)
#define HASH_ALONE (LANES == 4 ? 2 : 4)

typedef float quad __attribute__((vector_size(16)));

/* l is added with l + 8, l + 4, l + 2 and l + 1. */
KIN_INLINE float hash_sum(const float *part)
{
    quad a, b, c, d;
    memcpy(&a, part, sizeof a);
    memcpy(&b, part + 4, sizeof b);
    memcpy(&c, part + 8, sizeof c);
    memcpy(&d, part + 12, sizeof d);
    quad four = (a + c) + (b + d);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

KIN_INLINE void hash_tile(const int rows, const int outputs, const float *weights, size_t stride,
                          const float *vectors, size_t vector_stride, float *results,
                          size_t result_stride)
{
    float part[HASH_ROWS * HASH_OUTPUTS][KIN_HASH_LANES];
    for (size_t first = 0; first < KIN_HASH_LANES; first += LANES) {
        lanes sum[HASH_ROWS * HASH_OUTPUTS];
#pragma GCC unroll 16
        for (int t = 0; t < rows * outputs; t++)
            sum[t] = lanes_all(0);
        for (size_t i = first; i < stride; i += KIN_HASH_LANES) {
            lanes w[HASH_OUTPUTS];
#pragma GCC unroll 4
            for (int o = 0; o < outputs; o++)
                w[o] = lanes_load(weights + (size_t)o * stride + i);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                lanes v = lanes_load(vectors + (size_t)r * vector_stride + i);
#pragma GCC unroll 4
                for (int o = 0; o < outputs; o++)
                    sum[r * outputs + o] = sum[r * outputs + o] + w[o] * v;
            }
        }
#pragma GCC unroll 16
        for (int t = 0; t < rows * outputs; t++)
            lanes_store(part[t] + first, sum[t]);
    }
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < outputs; o++)
            results[(size_t)r * result_stride + (size_t)o] = hash_sum(part[r * outputs + o]);
}

/* One vector: the weights come from far, once. */
KIN_INLINE void hash_row(const int outputs, const float *weights, size_t stride,
                         const float *vector, float *results)
{
    lanes sum[HASH_ALONE * HASH_PARTS];
#pragma GCC unroll 8
    for (int t = 0; t < outputs * HASH_PARTS; t++)
        sum[t] = lanes_all(0);
    for (size_t i = 0; i < stride; i += KIN_HASH_LANES) {
#pragma GCC unroll 4
        for (int p = 0; p < HASH_PARTS; p++) {
            lanes v = lanes_load(vector + i + (size_t)p * LANES);
#pragma GCC unroll 8
            for (int o = 0; o < outputs; o++) {
                lanes w = lanes_load(weights + (size_t)o * stride + i + (size_t)p * LANES);
                sum[o * HASH_PARTS + p] = sum[o * HASH_PARTS + p] + w * v;
            }
        }
    }
    float part[HASH_ALONE][KIN_HASH_LANES];
#pragma GCC unroll 8
    for (int t = 0; t < outputs * HASH_PARTS; t++)
        lanes_store(part[t / HASH_PARTS] + t % HASH_PARTS * LANES, sum[t]);
    for (int o = 0; o < outputs; o++)
        results[o] = hash_sum(part[o]);
}

KIN_INLINE void hash_outputs(const int outputs, const float *weights, size_t stride,
                             const float *vectors, size_t vector_stride, size_t rows,
                             float *results, size_t result_stride)
{
    size_t r = 0;
    for (; r + HASH_ROWS <= rows; r += HASH_ROWS)
        hash_tile(HASH_ROWS, outputs, weights, stride, vectors + r * vector_stride, vector_stride,
                  results + r * result_stride, result_stride);
    for (; r < rows; r++)
        hash_tile(1, outputs, weights, stride, vectors + r * vector_stride, vector_stride,
                  results + r * result_stride, result_stride);
}

/* The weights of a few outputs stay in the nearest cache while all vectors pass. */
KIN_INLINE void hash_products(const float *weights, size_t stride, size_t outputs,
                              const float *vectors, size_t vector_stride, size_t rows,
                              float *results, size_t result_stride)
{
    size_t o = 0;
    if (rows == 1) {
        for (; o + HASH_ALONE <= outputs; o += HASH_ALONE)
            hash_row(HASH_ALONE, weights + o * stride, stride, vectors, results + o);
        for (; o < outputs; o++)
            hash_row(1, weights + o * stride, stride, vectors, results + o);
        return;
    }
    for (; o + HASH_OUTPUTS <= outputs; o += HASH_OUTPUTS)
        hash_outputs(HASH_OUTPUTS, weights + o * stride, stride, vectors, vector_stride, rows,
                     results + o, result_stride);
    for (; o < outputs; o++)
        hash_outputs(1, weights + o * stride, stride, vectors, vector_stride, rows, results + o,
                     result_stride);
}

#endif
