/* The way back from bits to a linear code layer that was turned (code_rotation.h): what the layer's
 * numbers are likely to be, by least squares on a sample, folded into the first layer of what
 * follows. For looking at reconstructions; codes do not depend on it. */
#ifndef WORKER_TRAIN_WAY_BACK_H
#define WORKER_TRAIN_WAY_BACK_H

#include <stddef.h>

#include "worker/train/code_rotation.h"

/* Codes that are enough to learn it from: some dozens for each of 256 bits. */
#define KIN_WAY_BACK_ROWS 8192

/* numbers = offsets + slopes bits, bits of 0 and 1. Zeroed is none. */
typedef struct kin_way_back {
    double *slopes;  /* [bits][bits] */
    double *offsets; /* [bits] */
} kin_way_back;

/* From codes [count][bits] before they are turned; ridge regression, so that bits that say nothing
 * (constant ones, equal ones) do no harm. The caller calls fini. */
void kin_way_back_learn(const float *codes, size_t count, size_t bits,
                        const kin_code_rotation *rotation, kin_way_back *back);
void kin_way_back_fini(kin_way_back *back);

/* weights [outputs][bits] and biases [outputs] that took the numbers now take the bits. */
void kin_way_back_apply(const kin_way_back *back, size_t bits, size_t outputs, float *weights,
                        float *biases);

/* Bytes that learning takes at most. */
size_t kin_way_back_bytes(size_t bits);

#endif
