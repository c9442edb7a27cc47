/* The threads that search, and read thumbnails as they are stored. */
#ifndef WORKER_SERVE_SEARCHER_H
#define WORKER_SERVE_SEARCHER_H

#include <stdint.h>

#include "common/base/queue.h"
#include "common/base/status.h"
#include "proto/worker_figures.h"
#include "worker/serve/holding.h"
#include "worker/serve/job.h"

typedef struct kin_searchers kin_searchers;

/* Starts `threads` threads that take SCAN, BATCH, SCORE and THUMBNAILS jobs from queue until it is
 * closed and empty. Up to KIN_SEARCH_QUERIES_PER_PASS scans of the same shards that wait together
 * are answered in one pass over the codes. One of recheck_every answers (0: none) is looked at
 * again when there is nothing else to do. queue, holding and returns are borrowed. */
KIN_MUST_USE kin_status kin_searchers_start(kin_searchers **searchers, uint32_t threads,
                                            uint32_t recheck_every, kin_queue *queue,
                                            kin_holding *holding, kin_job_returns *returns,
                                            kin_error *error);

/* What the threads did so far (all but the memory). */
void kin_searchers_figures(const kin_searchers *searchers, uint64_t figures[KIN_FIGURES]);

/* Waits for the threads; the queue was closed. NULL is fine. */
void kin_searchers_join(kin_searchers **searchers);

#endif
