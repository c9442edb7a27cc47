/* --keep-features: the vectors of a shard's rows, beside the shard. */
#ifndef WORKER_INDEX_FEATURE_WRITER_H
#define WORKER_INDEX_FEATURE_WRITER_H

#include "worker/index/shard_source.h"

/* Writes folder/features-NNNN.npy (proto/INDEX.md): row i is the vector of row i of the source's
 * shard. One row at a time, there whole or not at all. */
KIN_MUST_USE kin_status kin_feature_writer_run(kin_shard_source *source, const char *folder,
                                               uint32_t shard, uint64_t count, uint32_t dimensions,
                                               kin_error *error);

#endif
