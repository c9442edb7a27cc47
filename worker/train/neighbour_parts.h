/* What the parts of neighbourhood-contrastive hashing share: neighbour.c makes a learner and takes
 * from it what was learned, neighbour_course.c runs its steps. */
#ifndef WORKER_TRAIN_NEIGHBOUR_PARTS_H
#define WORKER_TRAIN_NEIGHBOUR_PARTS_H

#include "worker/train/descent.h"
#include "worker/train/fit.h"
#include "worker/train/keeper.h"
#include "worker/train/mlp.h"
#include "worker/train/neighbour_held.h"
#include "worker/train/neighbour_loss.h"
#include "worker/train/neighbour_sample.h"

/* Share of the work that making the sample is, for the fraction that tick is told; roughly. */
#define KIN_NEIGHBOUR_SAMPLE_END 0.3
/* Where the steps end; then the codes are turned. */
#define KIN_NEIGHBOUR_STEPS_END 0.97

typedef struct kin_neighbour_learner {
    const kin_train_context *context;
    const kin_neighbour_options *options;
    const kin_neighbour_sample *sample;
    uint64_t seed;
    size_t bits, anchors, steps; /* anchors of a batch */
    kin_mlp *mlp;
    kin_mlp_work *works[KIN_BATCH_SLICES]; /* of owned slices */
    float *inputs[KIN_BATCH_SLICES];       /* [slice rows][components]: of owned slices */
    float *gradient;                       /* [slice rows][bits] */
    float *values;                         /* [parameters][statistics][loss] */
    kin_descent *descent;
    kin_neighbour_loss *loss;
    uint64_t *order; /* [split's learned_count] */
    uint32_t *ids;   /* [slice rows] */
    kin_fit_split split;
    uint8_t *is_held;         /* [sample count]; NULL where nothing is held out */
    kin_neighbour_held *held; /* rank 0; NULL where nothing is held out */
    /* How far it is: what a checkpoint keeps, beside the values and the descent. */
    size_t points, step, at, pass, summed, best_point;
    double sum, best_loss;
    float *best; /* values of the best point; NULL where nothing is held out */
} kin_neighbour_learner;

/* Rows of a slice of a batch: anchors, then their partners. */
static inline size_t kin_neighbour_slice_rows(const kin_neighbour_learner *l)
{
    return 2 * l->anchors / KIN_BATCH_SLICES;
}

/* Numbers in l->values. */
static inline size_t kin_neighbour_values_of(const kin_neighbour_learner *l)
{
    return kin_mlp_parameters(l->mlp) + kin_mlp_statistics(l->mlp) + 1;
}

/* All steps, or as many as patience has, from the last checkpoint on: l->values. The curve has
 * means of the loss over runs of steps. Collective. */
KIN_MUST_USE kin_status kin_neighbour_descend(kin_neighbour_learner *l,
                                              const kin_train_options *options, kin_keeper *keeper,
                                              kin_buffer *curve, kin_error *error);

/* Turns layer `layer` of the chain, whose signs are the bits, so that its principal directions,
 * each times its variance to the power of options' emphasis, lose little by signs
 * (code_rotation.h). The curve has a line of it. Collective; ticks from where the steps end. */
KIN_MUST_USE kin_status kin_neighbour_turn(kin_neighbour_learner *l,
                                           const kin_train_options *options, size_t layer,
                                           kin_buffer *curve, kin_error *error);

/* Bytes that it takes at most, for count vectors on a rank that owns `slices` slices of them. */
size_t kin_neighbour_turn_bytes(const kin_mlp *mlp, size_t count, size_t slices);

#endif
