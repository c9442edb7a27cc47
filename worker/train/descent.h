/* Stochastic gradient descent over ranks: sums of gradients over the slices of a mini-batch, and
 * steps. Values have the same bytes for every number of ranks.
 *
 * A mini-batch is cut into KIN_BATCH_SLICES slices. A rank owns a run of them; gradients are added
 * along one fixed binary tree, inner nodes within a rank where it owns all of one. Each rank then
 * sums and updates its part of the values, and the parts are shared: of each gradient and of the
 * values, a rank sends and receives about as much as there are values, whatever the number of
 * ranks. */
#ifndef WORKER_TRAIN_DESCENT_H
#define WORKER_TRAIN_DESCENT_H

#include "common/base/buffer.h"
#include "worker/train/context.h"

/* Four keep products large (128 rows at batches of 512: with 64, OpenBLAS runs at half its speed);
 * further ranks only take part in the sums. A power of two. */
#define KIN_BATCH_SLICES 4

/* The slices that this rank owns. */
kin_span kin_batch_owned(const kin_train_context *context);
/* Rows of slice k of a batch of rows: shapes depend on nothing else. */
kin_span kin_batch_rows(size_t rows, size_t k);

/* rows [batch rows][width], of which each rank has those of its slices: all of them, on all. */
KIN_MUST_USE kin_status kin_batch_gather(const kin_train_context *context, size_t batch_rows,
                                         size_t width, float *rows, kin_error *error);

typedef enum kin_descent_method {
    KIN_DESCENT_MOMENTUM, /* v = momentum v + g, x -= rate v */
    KIN_DESCENT_ADAM      /* Kingma and Ba, ICLR 2015, with beta1 = momentum */
} kin_descent_method;

/* Values are one array: [parameters][statistics][extras]. Parameters descend; statistics move
 * towards the mean of the slices'; extras become the sum over the slices (losses, counts). */
typedef struct kin_descent_options {
    kin_descent_method method;
    double momentum;      /* 0.9 */
    double second;        /* Adam's beta2: 0.999 */
    double decay;         /* of weights: L2, with Adam decoupled (Loshchilov and Hutter 2019) */
    double statistics_at; /* share of the new statistics: 0.1 */
    size_t parameters, statistics, extras;
    const kin_span *decayed; /* parameters that decay; borrowed */
    size_t decayed_count;
} kin_descent_options;

typedef struct kin_descent kin_descent;

kin_descent *kin_descent_new(const kin_train_context *context, const kin_descent_options *options);
void kin_descent_destroy(kin_descent **descent);

/* Room [parameters + statistics + extras] for the gradient, statistics and extras of the next of
 * the slices that this rank owns; all of it has to be written, then pushed. */
float *kin_descent_slice(kin_descent *descent);
void kin_descent_push(kin_descent *descent);

/* After all owned slices: sums, moves values (the same on every rank) at that rate. */
KIN_MUST_USE kin_status kin_descent_step(kin_descent *descent, float *values, double rate,
                                         kin_error *error);

/* The state beside the values, for a checkpoint: the same bytes on every rank, for every number of
 * ranks. Collective. */
KIN_MUST_USE kin_status kin_descent_save(kin_descent *descent, kin_buffer *state, kin_error *error);
size_t kin_descent_state_bytes(const kin_descent *descent);
/* state [kin_descent_state_bytes]. */
void kin_descent_load(kin_descent *descent, const uint8_t *state);

#endif
