/* Checkpoints of a training of several phases: what is kept is the same for every number of ranks,
 * and what goes on from it gives the file of a run that was never disturbed. */
#ifndef WORKER_TRAIN_KEEPER_H
#define WORKER_TRAIN_KEEPER_H

#include "worker/train/train.h"

#define KIN_KEEPER_PHASES_MAX 16

typedef struct kin_keeper kin_keeper;

/* Collective: what options->load gives on rank 0, if it is of this job. */
KIN_MUST_USE kin_status kin_keeper_open(kin_keeper **keeper, const kin_train_context *context,
                                        const kin_train_options *options,
                                        const kin_train_source *source, kin_error *error);
void kin_keeper_close(kin_keeper **keeper);

/* What is kept of a phase; empty: nothing. Borrowed until it is put. */
const kin_buffer *kin_keeper_get(const kin_keeper *keeper, unsigned phase);

/* Collective: whether to put now: rank 0's clock says so. */
KIN_MUST_USE kin_status kin_keeper_due(kin_keeper *keeper, bool *due, kin_error *error);

/* Keeps state (moved: it is empty then) as a phase's, and saves all. */
KIN_MUST_USE kin_status kin_keeper_put(kin_keeper *keeper, unsigned phase, kin_buffer *state,
                                       kin_error *error);

#endif
