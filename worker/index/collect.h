/* After the last chunk: this rank's share of the codes, and the sums of the whole build. */
#ifndef WORKER_INDEX_COLLECT_H
#define WORKER_INDEX_COLLECT_H

#include "common/base/reason.h"
#include "worker/index/build_state.h"
#include "worker/index/rows.h"

typedef struct kin_collected {
    kin_rows rows; /* of this rank's chunks, sorted */
    /* Of all ranks. */
    uint64_t indexed, picture_bytes;
    uint64_t rejected[KIN_REASON_COUNT];
    uint64_t *chunk_rejected; /* [chunk_count] */
    uint64_t *pairs;          /* [kin_health_pairs] */
} kin_collected;

/* All ranks together. Codes of parts that hold vectors are computed here. Ends the job where
 * a part cannot be read. */
void kin_collect(kin_build_state *build, kin_collected *collected);
void kin_collected_fini(kin_collected *collected);

#endif
