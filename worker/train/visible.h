/* What the first layer of a learned network sees: vectors brought to the scale that learning rates
 * are made for. */
#ifndef WORKER_TRAIN_VISIBLE_H
#define WORKER_TRAIN_VISIBLE_H

#include <stdbool.h>

#include "worker/train/context.h"
#include "worker/train/source.h"

/* visible = (vector - mean) scale. Binary ones are left as they are. */
typedef struct kin_visible {
    bool binary;        /* all numbers of the sample are in [0, 1], and spread over it */
    double scale;       /* one for all dimensions: distances keep their proportions */
    const double *mean; /* [dimensions], or NULL for zeros */
} kin_visible;

/* mean [dimensions]: the sample's, borrowed. binary_allowed: whether numbers in [0, 1] are taken as
 * probabilities, unless their variance is below a tenth of that of coins of the same means.
 * Collective. */
KIN_MUST_USE kin_status kin_visible_look(kin_visible *visible, const kin_train_context *context,
                                         const kin_train_source *source, const double *mean,
                                         bool binary_allowed, kin_error *error);

/* rows [count][dimensions] -> visible. */
void kin_visible_rows(const kin_visible *visible, const float *rows, size_t count,
                      size_t dimensions, float *out);

#endif
