/* Answers that are looked at again by a scan, by a thread that has nothing else to do. */
#ifndef WORKER_SERVE_RECHECK_H
#define WORKER_SERVE_RECHECK_H

#include <stdbool.h>

#include "common/base/cpu.h"
#include "proto/message.h"
#include "worker/serve/holding.h"

/* One thread's. */
typedef struct kin_recheck kin_recheck;

/* One of `every` searches is looked at again; 0: none. */
kin_recheck *kin_recheck_new(kin_cpu_level level, uint32_t every);
void kin_recheck_destroy(kin_recheck **recheck);

/* A search was answered with hits [count]: remembers it, if its turn has come and there is room. */
void kin_recheck_note(kin_recheck *recheck, const kin_message *scan, const kin_hit *hits,
                      uint32_t count);

bool kin_recheck_waits(const kin_recheck *recheck);

/* Looks at the next part of the oldest that is remembered, for about 0.3 ms, so that searches do
 * not wait. One that is wrong is logged, with what it takes to ask it again; one whose shards are
 * not held any more is forgotten. */
void kin_recheck_run(kin_recheck *recheck, kin_holding *holding);

/* How many were looked at, and how many of them were wrong. */
void kin_recheck_counts(const kin_recheck *recheck, uint64_t *checks, uint64_t *mismatches);

#endif
