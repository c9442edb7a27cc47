/* Several questions to the same shards, answered in one pass. */
#ifndef WORKER_SERVE_SCAN_BATCH_H
#define WORKER_SERVE_SCAN_BATCH_H

#include "common/base/cpu.h"
#include "worker/serve/holding.h"
#include "worker/serve/job.h"
#include "worker/serve/recheck.h"

/* The memory of one thread; grows to the largest k asked and then stays. */
typedef struct kin_scan_batch kin_scan_batch;

/* recheck: told of every search that was answered; borrowed. */
kin_scan_batch *kin_scan_batch_new(kin_cpu_level level, kin_recheck *recheck);
void kin_scan_batch_destroy(kin_scan_batch **batch);
const kin_search_counters *kin_scan_batch_counters(const kin_scan_batch *batch);

/* Whether both name the same shards, and can be one batch. */
bool kin_scan_batch_matches(const kin_job *a, const kin_job *b);

/* Answers jobs [count], 1 to KIN_SEARCH_QUERIES_PER_PASS SCANs that match each other, and returns
 * each with its FOUND, or with an error. */
void kin_scan_batch_run(kin_scan_batch *batch, kin_job **jobs, uint32_t count, kin_holding *holding,
                        kin_job_returns *returns);

#endif
