/* Learning by mini-batches: epochs, held-out part, early stopping, checkpoints, what is told to who
 * watches. A problem says what the gradient of a slice is. */
#ifndef WORKER_TRAIN_FIT_H
#define WORKER_TRAIN_FIT_H

#include "worker/train/descent.h"
#include "worker/train/keeper.h"

/* Extras of the values: sums over the rows of a batch slice, divided by the batch's rows. Behind
 * them comes each bit's share of ones [bits]. */
enum { KIN_FIT_LOSS, KIN_FIT_ERROR, KIN_FIT_ONES };

typedef struct kin_fit_slice {
    const float *rows; /* [count][dimensions] of the source */
    const uint64_t *ids;
    size_t count, batch_rows;
    uint64_t seed;
} kin_fit_slice;

typedef struct kin_fit_problem {
    void *user;
    size_t parameters, statistics, bits; /* values: [parameters][statistics][extras] */
    const kin_span *decayed;
    size_t decayed_count;
    double decay;
    /* Writes gradient [parameters + statistics + KIN_FIT_ONES + bits], weighted so that slices add
     * up to the batch's mean. count is at least 1. */
    void (*slice)(void *user, const float *values, const kin_fit_slice *slice, float *gradient);
    /* The held-out loss: its sum over the rows of the slice. NULL: there is none. */
    double (*measure)(void *user, const float *values, const kin_fit_slice *slice);
} kin_fit_problem;

/* Rows of a slice that measure is given at most. */
#define KIN_FIT_MEASURE_ROWS 256

typedef struct kin_fit_plan {
    const char *name;
    unsigned phase; /* of the keeper */
    uint32_t epochs, batch, patience;
    double rate;
    bool constant_rate; /* else it falls to 0 along half a cosine (Loshchilov and Hutter 2017) */
    kin_descent_method method;
    double momentum;
    double start, end; /* fractions of all work, for tick */
} kin_fit_plan;

/* Ids that are learned from and those that are held out, the same for every number of ranks. */
typedef struct kin_fit_split {
    uint64_t *learned, *held_out;
    uint64_t learned_count, held_out_count;
} kin_fit_split;

void kin_fit_split_init(kin_fit_split *split, uint64_t count, double held_out, uint64_t seed);
void kin_fit_split_fini(kin_fit_split *split);

/* What learning from count vectors with these options (not yet resolved) holds out, of *taken
 * vectors: vector i of them is vector i * count / *taken. False: nothing; the split is there, too,
 * the caller calls fini. */
bool kin_train_held_out(const kin_train_options *given, uint64_t count, kin_fit_split *split,
                        uint64_t *taken);

/* Rows of a batch, and of its largest slice. */
size_t kin_fit_batch_rows(const kin_fit_split *split, uint32_t batch);
size_t kin_fit_slice_rows(const kin_fit_split *split, uint32_t batch);

/* From values (the start) to those of the epoch with the smallest held-out loss (the last one
 * where nothing is held out). Appends lines to curve. Collective. A loss that is not finite:
 * KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_fit(const kin_train_context *context, const kin_train_options *options,
                                const kin_train_source *source, const kin_fit_split *split,
                                const kin_fit_problem *problem, const kin_fit_plan *plan,
                                kin_keeper *keeper, float *values, kin_buffer *curve,
                                kin_error *error);

#endif
