/* The thread that opens and checks the shards a worker is told to serve. */
#ifndef WORKER_SERVE_OPENER_H
#define WORKER_SERVE_OPENER_H

#include "common/base/status.h"
#include "proto/manifest.h"
#include "worker/serve/holding.h"
#include "worker/serve/job.h"

typedef struct kin_opener kin_opener;

/* folder: of the generation. All arguments are borrowed. */
typedef struct kin_opener_options {
    const char *folder;
    const kin_manifest_shard *shards; /* [shard_count] */
    uint32_t shard_count;
    unsigned bits;
    bool lazy;     /* reads no more than headers: a damaged block is not found */
    bool resident; /* keeps shards in memory, where the system allows it */
} kin_opener_options;

KIN_MUST_USE kin_status kin_opener_start(kin_opener **opener, const kin_opener_options *options,
                                         kin_holding *holding, kin_job_returns *returns,
                                         kin_error *error);

/* Takes an ASSIGN job: opens what is new, drops what is not named, and returns the job with a
 * READY that says how each shard of the list went. Of assignments that wait, the last one counts;
 * those before it are returned without a reply. */
void kin_opener_assign(kin_opener *opener, kin_job *job);

/* Finishes the shard at hand and ends the thread. NULL is fine. */
void kin_opener_stop(kin_opener **opener);

#endif
