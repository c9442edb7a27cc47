/* The last steps of a build, from codes to a generation that CURRENT names. */
#ifndef WORKER_INDEX_PUBLISH_H
#define WORKER_INDEX_PUBLISH_H

#include "proto/manifest.h"
#include "worker/index/build_state.h"

/* All ranks together: shards, ledger and manifest into building/generation, then the generation
 * into its place. Ends the job where that fails, and where no picture was indexed. Rank 0 gets the
 * manifest. */
void kin_publish_generation(kin_build_state *build, kin_manifest *manifest);

/* Rank 0: a complete folder becomes INDEX/generation-NNNNNN: synced, renamed, synced. */
KIN_MUST_USE kin_status kin_publish_place(const kin_building *building, const char *folder,
                                          kin_error *error);

/* Rank 0: writes CURRENT, removes the oldest generations beyond options->keep, and the building
 * folder. Again after a crash is harmless. */
KIN_MUST_USE kin_status kin_publish_finish(kin_building *building, uint32_t keep, kin_error *error);

#endif
