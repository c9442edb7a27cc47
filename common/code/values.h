/* The real-valued code layer of a picture in few bits, for re-ranking: what is stored, what is
 * asked, and how far apart they are. Specification: proto/SHARD.md, "Values". Integers, and double
 * arithmetic that IEEE 754 rounds step by step: the same on every machine.
 *
 * A vector's scale is its own: values are compared by cosine, so that it need not be kept. The
 * stored side has 8 bits a dimension, the asking side 16 (asymmetric: Gordo and Perronnin,
 * "Asymmetric distances for binary embeddings", CVPR 2011; here the stored side is no bit but a
 * byte). */
#ifndef COMMON_CODE_VALUES_H
#define COMMON_CODE_VALUES_H

#include <stdint.h>

#include "common/code/code.h"

/* The distance of vectors at right angles; opposite ones are twice as far apart. */
#define KIN_VALUES_RIGHT_ANGLE (1u << 30)
#define KIN_VALUES_DISTANCE_MAX (2u * KIN_VALUES_RIGHT_ANGLE)
/* What is largest in a question's vector. */
#define KIN_VALUES_ASKED_MAX 32767

/* values, thresholds [count] of a code layer -> stored [count]: byte b stands for the value b + 1/2
 * in units of 1/128 of the largest one of its vector, and is not negative exactly where the value
 * is above its threshold, which is where the code's bit is 1. NaN is stored as -128. */
void kin_values_store(const float *values, const float *thresholds, uint32_t count, int8_t *stored);

/* The same for a question: asked [count], the largest of them KIN_VALUES_ASKED_MAX by size; zeros
 * where all values are at their thresholds, or are no numbers. */
void kin_values_ask(const float *values, const float *thresholds, uint32_t count, int16_t *asked);

/* The code whose bits the stored bytes have; bits from count on are 0. */
void kin_values_code(const int8_t *stored, uint32_t count, kin_code *code);

/* 1 - cosine, in units of 1 / KIN_VALUES_RIGHT_ANGLE, rounded down; up to KIN_VALUES_DISTANCE_MAX.
 * count is 1 to KIN_CODE_BITS_MAX. A question of zeros is at right angles to everything. */
uint32_t kin_values_distance(const int16_t *asked, const int8_t *stored, uint32_t count);

#endif
