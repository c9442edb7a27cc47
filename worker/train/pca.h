/* Principal directions of a sample that is spread over ranks, and the sample on them. */
#ifndef WORKER_TRAIN_PCA_H
#define WORKER_TRAIN_PCA_H

#include "worker/train/itq.h"
#include "worker/train/source.h"

/* The principal directions [bits][dimensions] of the sample, the same on every rank; the component
 * of largest magnitude of each is positive. Ticks from start to end. */
KIN_MUST_USE kin_status kin_pca_learn(const kin_train_context *context,
                                      const kin_train_source *source, const double *mean,
                                      size_t bits, double *directions, double start, double end,
                                      kin_error *error);

/* The centred rows of a run on directions [bits][dimensions]; the caller frees projected. */
kin_itq_slice kin_pca_project(const kin_train_source *source, kin_train_run run, size_t bits,
                              const double *mean, const double *directions);

#endif
