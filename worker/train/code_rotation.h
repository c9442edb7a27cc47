/* The turn of a layer of numbers before its signs are taken: principal directions, each divided by
 * a power of its variance (0: as they are, 1/2: all alike), then the rotation whose signs lose
 * least. Gong and Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary
 * Codes", CVPR 2011; how much whitening helps retrieval: Jegou and Chum, "Negative Evidences and
 * Co-occurences in Image Retrieval: The Benefit of PCA and Whitening", ECCV 2012. */
#ifndef WORKER_TRAIN_CODE_ROTATION_H
#define WORKER_TRAIN_CODE_ROTATION_H

#include "worker/train/context.h"
#include "worker/train/source.h"
#include "worker/train/train.h"

/* Where the rotation starts. */
typedef enum kin_code_rotation_start {
    KIN_ROTATION_RANDOM, /* of the seed */
    KIN_ROTATION_AXES    /* where bits are the layer's own: of a layer that has learned to have
                            something to say by signs */
} kin_code_rotation_start;

/* What is learned: bit i is the sign of planes[i] . (code - mean). */
typedef struct kin_code_rotation {
    double *mean;   /* [bits] */
    double *planes; /* [bits][bits] */
    double loss;    /* |B - V R|^2 a number, before the last rotation */
    double balance; /* mean distance of the bits' shares of ones from one half */
} kin_code_rotation;

/* whitening: of the directions; negative where those of much variance are to count more.
 * From codes: a source whose vectors are what the layer makes of the sample; their dimensions are
 * the bits. The same on every rank; collective. Zeros in *rotation before; the caller calls fini,
 * after a failure, too. Ticks from start to end. */
KIN_MUST_USE kin_status kin_code_rotation_learn(const kin_train_context *context,
                                                const kin_train_source *codes, double whitening,
                                                kin_code_rotation_start first, uint64_t seed,
                                                kin_code_rotation *rotation, double start,
                                                double end, kin_error *error);
/* A layer's parameters, weights [bits][inputs] and biases [bits], whose outputs were the codes: its
 * outputs become planes (code - mean), and bits their signs. */
void kin_code_rotation_apply(const kin_code_rotation *rotation, size_t bits, size_t inputs,
                             float *parameters);
/* Says it as an epoch, on rank 0, and appends its line to the curve. */
void kin_code_rotation_tell(const kin_code_rotation *rotation, const kin_train_context *context,
                            const kin_train_options *options, kin_buffer *curve);
void kin_code_rotation_fini(kin_code_rotation *rotation);

/* Bytes that learning takes at most, on a rank that owns `slices` slices of `vectors` codes. */
size_t kin_code_rotation_bytes(size_t bits, size_t slices, size_t vectors);

#endif
