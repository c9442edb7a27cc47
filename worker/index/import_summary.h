/* What an import says before and after, and the memory that it keeps to. */
#ifndef WORKER_INDEX_IMPORT_SUMMARY_H
#define WORKER_INDEX_IMPORT_SUMMARY_H

#include "proto/manifest.h"
#include "worker/index/import_state.h"

/* Rank 0, before the first pass. */
void kin_import_announce(const kin_import_state *import);

/* Rank 0, once it is known what will be done. */
void kin_import_print_plan(const kin_import_state *import);

/* All ranks; rank 0 prints. */
void kin_import_summary_print(kin_import_state *import, const kin_manifest *manifest,
                              double seconds);

#endif
