/* The first look at the codes of an import: a sample to plan by, then all of them once. All ranks
 * together; each function ends the job where it fails. */
#ifndef WORKER_INDEX_IMPORT_EXAMINE_H
#define WORKER_INDEX_IMPORT_EXAMINE_H

#include "worker/index/import_state.h"

/* How many codes the sample is of: the plan knows the share of one of n tasks to the square root of
 * n / samples. */
uint64_t kin_import_sample_count(const kin_import_state *import);

/* Of so many codes, all over; the same for any number of ranks. words receives [*count]
 * [bits / 64], the caller frees. */
uint64_t *kin_import_sample(kin_import_state *import, uint64_t *count);

/* How many codes are in each unit, how often each bit is 1, and the digest of all codes. Needs the
 * plan and its routes; fills in what the plan wants to know. */
void kin_import_examine(kin_import_state *import);

#endif
