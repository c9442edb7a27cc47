/* What a build is planned to take, from what is known before its first picture, and what it took.
 */
#ifndef WORKER_INDEX_BUILD_REPORT_H
#define WORKER_INDEX_BUILD_REPORT_H

#include "proto/manifest.h"
#include "worker/index/build_state.h"

/* All ranks, once the list is there and before anything is learned or made: build->facts and
 * build->plan of rank 0. */
void kin_build_report_plan(kin_build_state *build);

/* All ranks, once the parts of the sample are made, before they are learned from. */
void kin_build_report_parts(kin_build_state *build, uint64_t memory_before);

/* Rank 0, before the generation is moved to its place: what is there on the disk. */
void kin_build_report_disk(kin_build_state *build);

/* Rank 0: prints plan and fact; writes the report that was asked for. times: sums over ranks;
 * memory: of the rank that took most; seconds: of the whole run. */
void kin_build_report_finish(kin_build_state *build, const kin_manifest *manifest,
                             const kin_work_times *times, uint64_t memory, double seconds);

#endif
