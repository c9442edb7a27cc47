/* The threads that search, and read thumbnails as they are stored. */
#ifndef WORKER_SERVE_SEARCHER_H
#define WORKER_SERVE_SEARCHER_H

#include <stdint.h>

#include "common/base/queue.h"
#include "common/base/status.h"
#include "worker/serve/holding.h"
#include "worker/serve/job.h"

typedef struct kin_searchers kin_searchers;

/* Starts `threads` threads that take SCAN and THUMBNAILS jobs from queue until it is closed and
 * empty. Up to KIN_SEARCH_QUERIES_PER_PASS scans of the same shards that wait together are
 * answered in one pass over the codes. queue, holding and returns are borrowed. */
KIN_MUST_USE kin_status kin_searchers_start(kin_searchers **searchers, uint32_t threads,
                                            kin_queue *queue, kin_holding *holding,
                                            kin_job_returns *returns, kin_error *error);

/* Waits for the threads; the queue was closed. NULL is fine. */
void kin_searchers_join(kin_searchers **searchers);

#endif
