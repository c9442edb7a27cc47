/* What training asks of its surroundings: the exchange between ranks, and signs of life. */
#ifndef WORKER_TRAIN_CONTEXT_H
#define WORKER_TRAIN_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* The sample is cut into this many virtual slices whatever the number of ranks; sums are formed
 * within a slice in order, then over slices in order, so that every rank count adds alike. Slice s
 * of count rows are those of [count s / 16, count (s + 1) / 16). */
#define KIN_TRAIN_SLICES 16

/* Numbers [at, at + count) of an array. */
typedef struct kin_span {
    size_t at, count;
} kin_span;

/* rank r works on the slices s with s % ranks == r. */
typedef struct kin_train_context {
    int rank, ranks;
    void *user;
    /* slice_sums [slices owned by this rank, ascending][count] -> total [count] on every rank, the
     * slices added in ascending order 0..KIN_TRAIN_SLICES-1 starting from zero. */
    kin_status (*sum_slices)(void *user, const double *slice_sums, size_t count, double *total,
                             kin_error *error);
    /* data [bytes] of rank 0 to every rank. */
    kin_status (*broadcast)(void *user, void *data, size_t bytes, kin_error *error);
    /* Span sent[r] of send goes to rank r; what rank r sends comes to span received[r] of receive;
     * spans [ranks]. This rank's own spans are left alone. Not called where there is one rank. */
    kin_status (*exchange)(void *user, const float *send, const kin_span *sent, float *receive,
                           const kin_span *received, kin_error *error);
    /* Calls so that the surroundings see life (heartbeat, progress): fraction done in [0, 1]. */
    void (*tick)(void *user, double fraction);
} kin_train_context;

/* Of a job of one rank: there is nobody to wait for, and nobody looks for signs of life. */
kin_train_context kin_train_context_alone(void);

#endif
