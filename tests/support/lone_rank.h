/* Training without MPI, for tests: the exchange of a job of one rank, and of several ranks run in
 * threads. */
#ifndef TESTS_SUPPORT_LONE_RANK_H
#define TESTS_SUPPORT_LONE_RANK_H

#include "worker/encode/encoder.h"
#include "worker/train/train.h"

/* vectors [count][dimensions] as what training reads; borrowed. */
kin_train_source kin_lone_rank_source(const float *vectors, uint64_t count, uint32_t dimensions);

kin_train_context kin_lone_rank_context(void);

/* Runs work as each of `ranks` ranks at once, a thread each, with a context of its own; user is
 * passed on. */
void kin_rank_threads_run(int ranks, void (*work)(const kin_train_context *context, void *user),
                          void *user);

/* Trains as each of `ranks` ranks; rank r's file, status and sentence are in files[r], statuses[r]
 * and errors[r]. */
void kin_rank_threads_train(int ranks, const kin_train_options *options,
                            const kin_train_source *source, kin_buffer *files, kin_status *statuses,
                            kin_error *errors);

/* An encoder for the builtin features learned from vectors [count][their dimensions]; aborts where
 * that fails. */
kin_encoder *kin_lone_rank_encoder(const char *method, unsigned bits, const float *vectors,
                                   uint64_t count);

#endif
