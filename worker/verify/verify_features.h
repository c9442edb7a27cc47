/* Checks of the vectors that a generation keeps of its pictures (proto/INDEX.md). */
#ifndef WORKER_VERIFY_VERIFY_FEATURES_H
#define WORKER_VERIFY_VERIFY_FEATURES_H

#include "proto/manifest.h"
#include "worker/shard/shard_reader.h"
#include "worker/verify/verify.h"

/* A note for each features-NNNN.npy, where there are any: one a shard, of the shard's count and the
 * manifest's dimensions, all numbers finite, and each vector's code the one that the shard has for
 * it. A .npy has no checksum: its codes are what ties it to its shard, so that all are computed
 * anew. shards [manifest->shard_count]; NULL where one was refused. */
void kin_verify_features(const char *folder, const kin_manifest *manifest,
                         kin_shard_reader *const *shards, kin_verify_report *report);

#endif
