/* A hasher under construction: what every method makes, and one function writes. */
#ifndef WORKER_TRAIN_DRAFT_H
#define WORKER_TRAIN_DRAFT_H

#include "worker/train/mlp.h"
#include "worker/train/train.h"

/* A layer that owns its numbers. */
typedef struct kin_draft_layer {
    uint32_t inputs, outputs;
    kin_layer_activation activation;
    float *weights; /* [outputs][inputs] */
    float *biases;  /* [outputs] */
} kin_draft_layer;

/* Zeroed is empty. */
typedef struct kin_draft {
    kin_hasher_input input;
    uint32_t layer_count;
    kin_draft_layer layers[KIN_HASHER_LAYERS_MAX];
    float *thresholds; /* [bits] */
    uint32_t back_count;
    kin_draft_layer back[KIN_HASHER_LAYERS_MAX]; /* the way from bits to features, if it is kept */
    kin_head_kind head_kind;
    kin_draft_layer head;
    uint32_t iterations;
    kin_buffer options, curve; /* texts of the card, without a NUL */
} kin_draft;

void kin_draft_fini(kin_draft *draft);

/* A layer of zeros, to be filled. */
kin_draft_layer *kin_draft_add(kin_draft *draft, uint32_t inputs, uint32_t outputs,
                               kin_layer_activation activation);

/* planes [bits][dimensions] through mean [dimensions]: one layer, its thresholds. */
void kin_draft_planes(kin_draft *draft, size_t bits, size_t dimensions, const double *planes,
                      const double *mean);

/* The layers [first, until) of a chain that has learned: batch norms go into the affine layers
 * before them, dropout and noise go. Each activation follows an affine layer, and so does each
 * batch norm; a sign at the end becomes tanh. */
void kin_draft_add_mlp(kin_draft *draft, const kin_mlp *mlp, const float *parameters,
                       const float *statistics, size_t first, size_t until);

/* The layers of a whole chain that has no statistics become the way back; its last activation is
 * `last`. */
void kin_draft_set_back(kin_draft *draft, const kin_mlp *mlp, const float *parameters,
                        kin_layer_activation last);

/* The first layer takes (vector - mean [inputs]) * scale instead of the vector. */
void kin_draft_standardize(kin_draft *draft, const double *mean, double scale);

/* The encoder file. KIN_BAD_INPUT where a text does not fit, KIN_CORRUPT for numbers that are not
 * finite. */
KIN_MUST_USE kin_status kin_draft_write(const kin_draft *draft, const kin_train_options *options,
                                        const kin_train_source *source, kin_buffer *file,
                                        kin_error *error);

#endif
