/* Learning a hasher from feature vectors, in a job of any number of ranks. Knows no MPI: the
 * caller brings the exchange. */
#ifndef WORKER_TRAIN_TRAIN_H
#define WORKER_TRAIN_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

/* The sample is cut into this many virtual slices whatever the number of ranks; sums are formed
 * within a slice in order, then over slices in order, so that every rank count adds alike. */
#define KIN_TRAIN_SLICES 16

/* What training asks of its surroundings. rank r works on the slices s with s % ranks == r. */
typedef struct kin_train_context {
    int rank, ranks;
    void *user;
    /* slice_sums [slices owned by this rank, ascending][count] -> total [count] on every rank, the
     * slices added in ascending order 0..KIN_TRAIN_SLICES-1 starting from zero. */
    kin_status (*sum_slices)(void *user, const double *slice_sums, size_t count, double *total,
                             kin_error *error);
    /* data [bytes] of rank 0 to every rank. */
    kin_status (*broadcast)(void *user, void *data, size_t bytes, kin_error *error);
    /* Calls so that the surroundings see life (heartbeat, progress): fraction done in [0, 1]. */
    void (*tick)(void *user, double fraction);
} kin_train_context;

/* One slice's vectors [count][dimensions], in sample order; count may be 0. */
typedef struct kin_train_slice {
    const float *vectors;
    uint64_t count;
} kin_train_slice;

typedef struct kin_train_options {
    const char *method; /* "itq" or "lsh" */
    unsigned bits;      /* 64, 128, 256 */
    uint64_t seed;
    uint32_t iterations;  /* of ITQ; 50 in the paper */
    const char *features; /* kin_features_name, for the card */
    const char *decoder;  /* kin_decoder_name, for the card */
    uint32_t dimensions;
} kin_train_options;

/* Bytes that kin_train allocates at most, on a rank that owns `slices` slices of `vectors` vectors
 * in all; the vectors themselves not counted. */
size_t kin_train_memory(const kin_train_options *options, int rank, size_t slices, size_t vectors);

/* Trains on the slices that this rank owns (slices [owned count], ascending) and writes the encoder
 * file into *file, the same bytes on every rank. A sample smaller than the code, constant
 * dimensions and identical vectors are fine. */
KIN_MUST_USE kin_status kin_train(const kin_train_context *context,
                                  const kin_train_options *options, const kin_train_slice *slices,
                                  kin_buffer *file, kin_error *error);

#endif
