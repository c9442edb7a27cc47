/* What an import says before and after, and the memory that it keeps to. */
#ifndef WORKER_INDEX_IMPORT_SUMMARY_H
#define WORKER_INDEX_IMPORT_SUMMARY_H

#include "proto/manifest.h"
#include "worker/index/import_state.h"

/* What a rank takes beside the rows that it gathers: program, libraries, MPI (measured 20 to 60 MB
 * on Debian 12), two buffers of an exchange and MPI's copies, spans of a file, a plan. */
#define KIN_IMPORT_RANK_BYTES ((uint64_t)96 << 20)

/* What each of so many ranks may gather; at least 16 MB, however little there is. */
uint64_t kin_import_memory_for_rows(uint64_t memory_bytes, uint64_t ranks);

/* Rank 0, before the first pass. */
void kin_import_announce(const kin_import_state *import);

/* Rank 0, once it is known what will be done. */
void kin_import_print_plan(const kin_import_state *import);

/* All ranks; rank 0 prints. */
void kin_import_summary_print(kin_import_state *import, const kin_manifest *manifest,
                              double seconds);

#endif
