/* How far hits are from a question by their values: the second round of a search that re-ranks. */
#ifndef WORKER_SERVE_SCORE_H
#define WORKER_SERVE_SCORE_H

#include "worker/serve/holding.h"
#include "worker/serve/job.h"

/* Answers a SCORE job and returns it with its SCORED, or with an error: KIN_NOT_FOUND for a shard
 * that is not open, KIN_BAD_INPUT for places and values that are none of this index, KIN_MISMATCH
 * where it has no values. Any thread. */
void kin_score_run(kin_job *job, kin_holding *holding, kin_job_returns *returns);

#endif
