/* Training a hasher in this process, alone, for a measurement. */
#ifndef WORKER_EVAL_TRIAL_H
#define WORKER_EVAL_TRIAL_H

#include "worker/encode/encoder.h"
#include "worker/eval/split.h"

typedef struct kin_trial_options {
    const char *method;
    unsigned bits;
    uint64_t seed;
    uint64_t rows_max;                         /* of the database, evenly drawn, to learn from */
    void (*tick)(void *user, double fraction); /* NULL: none */
    void *user;
} kin_trial_options;

/* A hasher that was learned or read. Zeroed is none. */
typedef struct kin_trial {
    kin_encoder *encoder;
    kin_features *features; /* a name and a length, for the encoder */
    float *thresholds;      /* [bits] of the code layer */
} kin_trial;

void kin_trial_fini(kin_trial *trial);

/* Learns from rows of the database, never from queries. What kin_train refuses is passed on. */
KIN_MUST_USE kin_status kin_trial_train(kin_trial *trial, const kin_split *split,
                                        const kin_trial_options *options, kin_error *error);

/* The hasher of an encoder file, whatever features it was made for: only their length matters. */
KIN_MUST_USE kin_status kin_trial_open(kin_trial *trial, const char *path, kin_error *error);

#endif
