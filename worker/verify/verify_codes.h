/* Checks over all codes of a generation. */
#ifndef WORKER_VERIFY_VERIFY_CODES_H
#define WORKER_VERIFY_VERIFY_CODES_H

#include <stdint.h>

#include "common/base/status.h"
#include "proto/ledger.h"
#include "proto/manifest.h"
#include "worker/shard/shard_reader.h"

/* shards [manifest->shard_count]. Every id from 0 to inputs - 1 is in exactly one of the shards and
 * the ledger. */
KIN_MUST_USE kin_status kin_verify_ids(const kin_manifest *manifest,
                                       kin_shard_reader *const *shards, const kin_ledger *ledger,
                                       kin_error *error);

/* Ones a bit, distinct codes and the largest bucket are what the manifest says. */
KIN_MUST_USE kin_status kin_verify_health(const kin_manifest *manifest,
                                          kin_shard_reader *const *shards, kin_error *error);

/* `searches` queries near stored codes (fixed seed), through the kernels of this machine, against a
 * loop that computes every distance and counts what comes before the last hit. */
KIN_MUST_USE kin_status kin_verify_searches(const kin_manifest *manifest,
                                            kin_shard_reader *const *shards, uint32_t searches,
                                            kin_error *error);

#endif
