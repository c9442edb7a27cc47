/* Learning a hasher from feature vectors, in a job of any number of ranks. Knows no MPI: the
 * caller brings the exchange. */
#ifndef WORKER_TRAIN_TRAIN_H
#define WORKER_TRAIN_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "worker/train/context.h"
#include "worker/train/source.h"

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

/* Trains on the source, which is the same on every rank, and writes the encoder file into *file,
 * the same bytes on every rank. A sample smaller than the code, constant dimensions and identical
 * vectors are fine. */
KIN_MUST_USE kin_status kin_train(const kin_train_context *context,
                                  const kin_train_options *options, const kin_train_source *source,
                                  kin_buffer *file, kin_error *error);

#endif
