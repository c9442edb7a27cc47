/* A hasher: feature vectors to codes, real-valued code layers and classes. Loaded from a parsed
 * encoder file (proto/ENCODER.md). */
#ifndef WORKER_ENCODE_HASHER_H
#define WORKER_ENCODE_HASHER_H

#include <stddef.h>
#include <stdint.h>

#include "common/code/code.h"
#include "proto/encoder_file.h"

/* Immutable; any thread. */
typedef struct kin_hasher kin_hasher;

/* Copies what it needs. */
kin_hasher *kin_hasher_new(const kin_encoder_file *file);
/* The way back of an autoencoder, as a hasher whose vectors are the bits of codes (numbers 0 and 1,
 * [bits]), and whose values are the features that they stand for [dimensions]. NULL where the file
 * has none. */
kin_hasher *kin_hasher_new_back(const kin_encoder_file *file);
void kin_hasher_destroy(kin_hasher **hasher);

uint32_t kin_hasher_dimensions(const kin_hasher *hasher);
/* Bits that are learned; a code in storage has kin_stored_bits of them. */
unsigned kin_hasher_bits(const kin_hasher *hasher);

/* The functions below: vectors [count][dimensions], finite; results depend on each vector alone and
 * are the same bits on every machine. They take memory for a few vectors while they run. */

/* The code layer before thresholds: values [count][bits]. */
void kin_hasher_values(const kin_hasher *hasher, const float *vectors, size_t count, float *values);

/* What re-ranking compares (common/code/values.h): stored [count][bits] is kept beside a picture's
 * code, which its signs are; asked [count][bits] is a question's. */
void kin_hasher_store(const kin_hasher *hasher, const float *vectors, size_t count, int8_t *stored);
void kin_hasher_ask(const kin_hasher *hasher, const float *vectors, size_t count, int16_t *asked);

/* Bit i is whether value i is greater than threshold i. */
void kin_hasher_hash(const kin_hasher *hasher, const float *vectors, size_t count, kin_code *codes);

/* 0 where there is no head. */
uint32_t kin_hasher_classes(const kin_hasher *hasher);
const char *kin_hasher_class_name(const kin_hasher *hasher, uint32_t i);

/* probabilities [count][classes], of each vector summing to 1: a softmax head's own; a logistic
 * head's, divided by their sum; a linear head's outputs, clipped to [0, 1] and divided by their sum
 * (all equal where that is 0). Of two classes, a logistic head's number is the second one's. */
void kin_hasher_classify(const kin_hasher *hasher, const float *vectors, size_t count,
                         float *probabilities);

/* The class of the largest of probabilities [classes], the first of equal ones. */
uint32_t kin_hasher_likeliest(const float *probabilities, uint32_t classes);

#endif
