/* The loss of neighbourhood-contrastive codes over a mini-batch that is spread over ranks.
 *
 * Each slice of the batch has anchors in its first half and their partners, in the same order, in
 * its second. With u = z / |z| for the codes z of all rows, row i's loss is
 *
 *     -log(e^(u_i . u_partner / T) / sum over j != i of e^(u_i . u_j / T))
 *         + quantization * (mean over bits of (|z| - 1)^2)
 *
 * and the batch's is the mean over rows. The first term is the normalised-temperature cross entropy
 * of Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML
 * 2020; the second draws codes of a hyperbolic tangent to their corners. */
#ifndef WORKER_TRAIN_NEIGHBOUR_LOSS_H
#define WORKER_TRAIN_NEIGHBOUR_LOSS_H

#include <stddef.h>

#include "worker/train/context.h"

typedef struct kin_neighbour_loss kin_neighbour_loss;

/* For batches of rows (anchors and partners), a multiple of 2 KIN_BATCH_SLICES. */
kin_neighbour_loss *kin_neighbour_loss_new(const kin_train_context *context, size_t rows,
                                           size_t bits, double temperature, double quantization);
void kin_neighbour_loss_destroy(kin_neighbour_loss **loss);
size_t kin_neighbour_loss_bytes(size_t rows, size_t bits);

/* Where the codes of an owned slice go: [its rows][bits]. */
float *kin_neighbour_loss_codes(kin_neighbour_loss *loss, size_t slice);

/* When the codes of all owned slices are there: exchanges them, and computes. Collective. */
KIN_MUST_USE kin_status kin_neighbour_loss_run(kin_neighbour_loss *loss, kin_error *error);

/* Then: an owned slice's share of the loss, and the gradient of the whole batch's with respect to
 * its codes, gradient [its rows][bits]. */
double kin_neighbour_loss_gradient(kin_neighbour_loss *loss, size_t slice, float *gradient);

#endif
