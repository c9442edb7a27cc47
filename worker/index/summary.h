/* What a build says when it starts and when it is done, on standard error. */
#ifndef WORKER_INDEX_SUMMARY_H
#define WORKER_INDEX_SUMMARY_H

#include <stdint.h>

#include "common/base/reason.h"
#include "proto/manifest.h"
#include "worker/index/build_state.h"

/* The memory that a rank will use at most, from what is known when a build starts; README.md has
 * the formula. */
uint64_t kin_summary_memory_bound(const kin_build_state *build);

/* Rank 0: "12 of 6,912 inputs rejected: not-an-image 10, truncated 2". */
void kin_summary_rejected(uint64_t inputs, const uint64_t rejected[KIN_REASON_COUNT]);

/* All ranks together; rank 0 prints pictures, stages, balance, memory. seconds: of the whole run.
 */
void kin_summary_print(kin_build_state *build, const kin_manifest *manifest, double seconds);

/* The most memory that this process has had in use, files that are mapped not counted where the
 * system tells them apart. A stage that has mapped much calls it while that is still mapped, and
 * lets the system forget its peak once it is not any more. One thread. */
uint64_t kin_summary_memory_used(void);
void kin_summary_memory_forget(void);

#endif
