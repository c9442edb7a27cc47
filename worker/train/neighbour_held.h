/* The held-out loss of neighbourhood-contrastive hashing: mini-batches whose anchors are never
 * learned from, with the partners that the same walks give every time. */
#ifndef WORKER_TRAIN_NEIGHBOUR_HELD_H
#define WORKER_TRAIN_NEIGHBOUR_HELD_H

#include <stddef.h>
#include <stdint.h>

#include "worker/train/mlp.h"
#include "worker/train/neighbour_loss.h"
#include "worker/train/neighbour_options.h"
#include "worker/train/neighbour_sample.h"

typedef struct kin_neighbour_held kin_neighbour_held;

/* Plain data; all borrowed. */
typedef struct kin_neighbour_held_options {
    const kin_mlp *mlp; /* components to codes */
    const kin_neighbour_sample *sample;
    const kin_neighbour_options *options;
    const uint64_t *ids; /* [count]: the pictures that are held out */
    uint64_t count;
    size_t anchors; /* of a mini-batch, as in learning */
    size_t bits;
    uint64_t seed;
} kin_neighbour_held_options;

kin_neighbour_held *kin_neighbour_held_new(const kin_neighbour_held_options *options);
void kin_neighbour_held_destroy(kin_neighbour_held **held);

/* The mean loss a row, without dropout and by the running statistics of batch norms. On one rank:
 * nothing is exchanged. Up to eight mini-batches, of few pictures some of them twice. */
KIN_MUST_USE kin_status kin_neighbour_held_loss(kin_neighbour_held *held, const float *parameters,
                                                const float *statistics, double *loss,
                                                kin_error *error);

#endif
