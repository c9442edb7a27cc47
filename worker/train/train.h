/* Learning a hasher from feature vectors, in a job of any number of ranks. Knows no MPI: the
 * caller brings the exchange. */
#ifndef WORKER_TRAIN_TRAIN_H
#define WORKER_TRAIN_TRAIN_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "common/base/status.h"
#include "proto/encoder_file.h"
#include "worker/train/context.h"
#include "worker/train/neighbour_options.h"
#include "worker/train/source.h"

/* One epoch, as it is told to whoever watches. Numbers that a phase does not have are NaN. */
typedef struct kin_train_epoch {
    const char *phase; /* "rbm 1", "fine-tuning", ... */
    uint32_t epoch, epochs;
    double loss;
    double error;    /* of reconstruction: mean squared, a value; or the share of wrong classes */
    double balance;  /* mean distance of the bits' shares of ones from one half */
    double rate;     /* of learning, at the epoch's end */
    double held_out; /* loss on the held-out part */
} kin_train_epoch;

/* In place of a zero, which asks for the default: none, of a real option; no pretraining at all. */
#define KIN_TRAIN_ZERO (-HUGE_VAL)
#define KIN_TRAIN_NO_EPOCHS UINT32_MAX

/* What the code layer of an autoencoder is while it learns. */
typedef enum kin_code_layer {
    KIN_CODE_LINEAR,  /* as in Hinton and Salakhutdinov, Science 2006; then turned so that signs
                         lose little (worker/train/code_rotation.h) */
    KIN_CODE_LOGISTIC /* with noise before it, as in Salakhutdinov and Hinton, 2009 */
} kin_code_layer;

/* What is zero takes its default (worker/train/train.c). */
typedef struct kin_train_options {
    const char *method; /* kin_train_methods */
    unsigned bits;      /* 16 to 256 in steps of 8 */
    uint64_t seed;
    uint32_t iterations;  /* of itq: 50 in the paper */
    const char *features; /* kin_features_name, for the card */
    const char *decoder;  /* kin_decoder_name, for the card */
    uint32_t dimensions;
    kin_digest data;     /* of the sample, for the card */
    const char *quality; /* text for the card, NULL for none */

    /* autoencoder, supervised */
    const uint32_t *layers; /* widths between features and code; borrowed */
    size_t layer_count;     /* up to KIN_HASHER_LAYERS_MAX - 1 */
    bool no_layers;         /* none: the code layer alone */
    uint32_t epochs, pretrain_epochs, batch;
    double rate, pretrain_rate; /* of learning */
    double noise;               /* deviation of what is added before the code's logistic */
    double dropout, input_dropout;
    double decay;              /* of weights */
    double held_out;           /* share of the sample */
    uint32_t patience;         /* epochs without a better held-out loss before it stops */
    kin_head_kind head;        /* supervised: what tells the classes; softmax unless told */
    kin_code_layer code_layer; /* autoencoder */
    double whitening;          /* of a linear code layer: 0 none, 1/2 all */

    /* neighbour, and the graph and walks of autoencoder (neighbours, walk, components, evening);
     * borrowed, NULL: KIN_NEIGHBOUR_OPTIONS_DEFAULT */
    const kin_neighbour_options *neighbour;

    /* On rank 0 only; NULL: nobody. */
    void (*log)(void *user, const kin_train_epoch *epoch);
    /* Keeps state (opaque) in place of the one before it; whole or not at all. */
    kin_status (*save)(void *user, const void *state, size_t bytes, kin_error *error);
    bool save_often; /* after every epoch; else 10 s and more are between two calls */
    /* Appends the state that was kept last, if any. One of another job is told apart and ignored.
     */
    void (*load)(void *user, kin_buffer *state);
    void *user;
} kin_train_options;

/* "autoencoder, itq, lsh, ...": for sentences and --help. */
const char *kin_train_methods(void);

bool kin_train_is_method(const char *name);

/* Whether kin_train takes the options, as far as they say without a sample; dimensions are set. */
KIN_MUST_USE kin_status kin_train_check(const kin_train_options *options, kin_error *error);

/* Bytes that kin_train allocates at most, on a rank that owns `slices` slices of `vectors` vectors
 * in all; the vectors themselves not counted. */
size_t kin_train_memory(const kin_train_options *options, int rank, size_t slices, size_t vectors);

/* Trains on the source, which is the same on every rank, and writes the encoder file into *file,
 * the same bytes on every rank. A sample smaller than the code, constant dimensions and identical
 * vectors are fine. Vectors that are not finite, labels that are missing or of one class only, a
 * loss that is not finite any more: KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_train(const kin_train_context *context,
                                  const kin_train_options *options, const kin_train_source *source,
                                  kin_buffer *file, kin_error *error);

#endif
