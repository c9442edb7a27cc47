/* Training without MPI, for tests: the exchange of a job of one rank, and of several ranks run in
 * threads. */
#ifndef TESTS_SUPPORT_LONE_RANK_H
#define TESTS_SUPPORT_LONE_RANK_H

#include "worker/encode/encoder.h"
#include "worker/train/train.h"

/* Cuts vectors [count][dimensions] into KIN_TRAIN_SLICES runs of nearly equal length. */
void kin_lone_rank_slices(const float *vectors, uint64_t count, uint32_t dimensions,
                          kin_train_slice slices[KIN_TRAIN_SLICES]);

kin_train_context kin_lone_rank_context(void);

/* Trains as each of `ranks` ranks at once, a thread each, on slices [KIN_TRAIN_SLICES]; rank r's
 * file, status and sentence are in files[r], statuses[r] and errors[r]. */
void kin_rank_threads_train(int ranks, const kin_train_options *options,
                            const kin_train_slice *slices, kin_buffer *files, kin_status *statuses,
                            kin_error *errors);

/* An encoder for the builtin features learned from vectors [count][their dimensions]; aborts where
 * that fails. */
kin_encoder *kin_lone_rank_encoder(const char *method, unsigned bits, const float *vectors,
                                   uint64_t count);

#endif
