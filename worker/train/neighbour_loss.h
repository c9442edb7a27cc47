/* The loss of neighbourhood-contrastive codes over a mini-batch that is spread over ranks.
 *
 * Each slice of the batch has anchors in its first half and their partners, in the same order, in
 * its second. With u = z / |z| for the codes z of all rows, row i's loss is
 *
 *     -log(e^(u_i . u_partner / T) / sum over j != i of e^(u_i . u_j / T))
 *         + quantization * (mean over bits of (|z| - 1)^2)
 *         + geometry * (mean over j of (u_i . u_j - clip(stretch x_i . x_j))^2)
 *
 * and the batch's is the mean over rows. The first term is the normalised-temperature cross entropy
 * of Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML
 * 2020; the second draws codes of a hyperbolic tangent to their corners; the third keeps the
 * cosines of the inputs' directions x, stretched and clipped to [-1, 1], as in Kulis and Darrell,
 * "Learning to Hash with Binary Reconstructive Embeddings", NIPS 2009. */
#ifndef WORKER_TRAIN_NEIGHBOUR_LOSS_H
#define WORKER_TRAIN_NEIGHBOUR_LOSS_H

#include <stddef.h>

#include "worker/train/context.h"

typedef struct kin_neighbour_loss kin_neighbour_loss;

typedef struct kin_neighbour_loss_options {
    size_t rows;  /* of a batch, anchors and partners: a multiple of 2 KIN_BATCH_SLICES */
    size_t bits;  /* of a code */
    size_t width; /* of a direction; unused without geometry */
    double temperature, quantization, geometry, stretch;
} kin_neighbour_loss_options;

kin_neighbour_loss *kin_neighbour_loss_new(const kin_train_context *context,
                                           const kin_neighbour_loss_options *options);
void kin_neighbour_loss_destroy(kin_neighbour_loss **loss);
size_t kin_neighbour_loss_bytes(const kin_neighbour_loss_options *options);

/* Where the directions of all rows of the batch go, on every rank: [rows][width], of length 1 (or
 * zero), in the order of the codes. NULL without geometry. */
float *kin_neighbour_loss_directions(kin_neighbour_loss *loss);

/* Where the codes of an owned slice go: [its rows][bits]. */
float *kin_neighbour_loss_codes(kin_neighbour_loss *loss, size_t slice);

/* When the codes of all owned slices are there: exchanges them, and computes. Collective. */
KIN_MUST_USE kin_status kin_neighbour_loss_run(kin_neighbour_loss *loss, kin_error *error);

/* Then: an owned slice's share of the loss, and the gradient of the whole batch's with respect to
 * its codes, gradient [its rows][bits]. */
double kin_neighbour_loss_gradient(kin_neighbour_loss *loss, size_t slice, float *gradient);

#endif
