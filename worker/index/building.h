/* INDEX/building: the folder of a build that is not finished, from its lock to its last step.
 *
 *   lock, ranks           held (flock) by rank 0, and by all others
 *   number                of the generation to come, one line
 *   origin                of kept features: the generation that they are of, and its digest
 *   list.kin              the frozen list of inputs: with it, the build has begun
 *   unpacked/             members of compressed archives
 *   parts/                part-00000000.kin ...: one a chunk, the checkpoints
 *   network.kin           networks whose taps are centred, once the means are learned
 *   encoder.kin           what was learned from the sample
 *   generation/           what will be INDEX/generation-NNNNNN
 *
 * A build is over when INDEX/generation-NNNNNN is there: what remains is to name it in CURRENT and
 * to clean up, which every later run does first. */
#ifndef WORKER_INDEX_BUILDING_H
#define WORKER_INDEX_BUILDING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "proto/generation.h"
#include "proto/list_format.h"

typedef struct kin_building {
    const char *index_path; /* borrowed */
    char *folder;
    int lock, ranks_lock; /* descriptors; -1 where not held */
    kin_mapping mapping;  /* of list.kin */
    kin_list list;
    kin_digest job; /* says of a part that it belongs to this list */
    char generation[KIN_GENERATION_NAME_BYTES];
    uint32_t chunk_pictures;
    uint64_t chunk_count;
} kin_building;

/* Rank 0: makes the folder and locks it, waiting a little for an earlier job to end. */
KIN_MUST_USE kin_status kin_building_lock(kin_building *building, const char *index_path,
                                          void (*tick)(void *user), void *user, kin_error *error);
/* Rank 0: whether a list is there; KIN_BAD_INPUT where it is of another command. */
KIN_MUST_USE kin_status kin_building_find(const kin_building *building, const kin_digest *options,
                                          bool *found, kin_error *error);
/* Rank 0: removes all but the locks. */
KIN_MUST_USE kin_status kin_building_wipe(const kin_building *building, kin_error *error);
/* Rank 0: begins: the number of the generation, then the list. */
KIN_MUST_USE kin_status kin_building_begin(const kin_building *building, const void *list,
                                           size_t bytes, kin_error *error);
/* Every rank, once the list is there: locks (but rank 0) and maps it. */
KIN_MUST_USE kin_status kin_building_open(kin_building *building, const char *index_path, int rank,
                                          kin_error *error);
/* Whether the generation is already in its place. */
bool kin_building_is_published(const kin_building *building);
/* Rank 0: the folder, too, goes; the build is over. */
KIN_MUST_USE kin_status kin_building_remove(kin_building *building, kin_error *error);
/* Forgets locks and mapping; the folder stays. */
void kin_building_close(kin_building *building);

/* Paths within the folder; the caller frees. */
char *kin_building_path(const kin_building *building, const char *name);
char *kin_building_part_path(const kin_building *building, uint64_t chunk);

/* The first id of a chunk, and its inputs. */
uint64_t kin_building_chunk_first(const kin_building *building, uint64_t chunk);
uint32_t kin_building_chunk_inputs(const kin_building *building, uint64_t chunk);

#endif
