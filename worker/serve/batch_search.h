/* A batch of codes, answered code by code. */
#ifndef WORKER_SERVE_BATCH_SEARCH_H
#define WORKER_SERVE_BATCH_SEARCH_H

#include "common/base/cpu.h"
#include "worker/serve/holding.h"
#include "worker/serve/job.h"

/* The memory of one thread; grows to the largest batch asked and then stays. */
typedef struct kin_batch_search kin_batch_search;

kin_batch_search *kin_batch_search_new(kin_cpu_level level);
void kin_batch_search_destroy(kin_batch_search **search);
const kin_search_counters *kin_batch_search_counters(const kin_batch_search *search);

/* Answers a BATCH job and returns it with its RANKED, or with an error. */
void kin_batch_search_run(kin_batch_search *search, kin_job *job, kin_holding *holding,
                          kin_job_returns *returns);

#endif
