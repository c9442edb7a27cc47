/* Mean and covariance of a sample that is spread over ranks. */
#ifndef WORKER_TRAIN_MOMENTS_H
#define WORKER_TRAIN_MOMENTS_H

#include "worker/train/context.h"
#include "worker/train/source.h"

/* Rows of a slice that go into one call of BLAS, padded with zeros: one shape for all. */
#define KIN_TRAIN_BLOCK_ROWS 256

/* How many slices this rank owns: those s with s % ranks == rank. */
size_t kin_train_owned_slices(const kin_train_context *context);

/* The i-th of them, of a sample of count rows. */
kin_train_run kin_train_slice(const kin_train_context *context, uint64_t count, size_t i);

/* vectors [count][dimensions] minus mean [dimensions], as doubles into
 * block [KIN_TRAIN_BLOCK_ROWS][dimensions], zeros beyond count. */
void kin_train_centre_block(const float *vectors, size_t count, size_t dimensions,
                            const double *mean, double *block);

/* The mean [dimensions] of the sample, the same on every rank. Vectors that are not finite, or none
 * at all, are KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_train_mean(const kin_train_context *context,
                                       const kin_train_source *source, double *mean,
                                       kin_error *error);

/* The covariance's upper triangle into covariance [dimensions][dimensions] on rank 0 (NULL on the
 * others), times the number of vectors. Exchanged in bands of rows, so that a rank holds no matrix
 * a slice; ticks from start to end. */
KIN_MUST_USE kin_status kin_train_covariance(const kin_train_context *context,
                                             const kin_train_source *source, const double *mean,
                                             double *covariance, double start, double end,
                                             kin_error *error);

/* Doubles that kin_train_covariance allocates on a rank that owns `slices` slices. */
size_t kin_train_covariance_numbers(size_t dimensions, size_t slices);

#endif
