/* The end of an import: shard files are completed, and the generation gets its name. */
#ifndef WORKER_INDEX_IMPORT_PUBLISH_H
#define WORKER_INDEX_IMPORT_PUBLISH_H

#include "proto/manifest.h"
#include "worker/index/import_state.h"

/* All ranks together, once every task has its record. Rank 0's manifest is filled in. */
void kin_import_publish(kin_import_state *import, kin_manifest *manifest);

#endif
