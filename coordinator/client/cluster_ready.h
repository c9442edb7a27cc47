/* When a cluster that was just started answers. */
#ifndef COORDINATOR_CLIENT_CLUSTER_READY_H
#define COORDINATOR_CLIENT_CLUSTER_READY_H

#include "common/base/status.h"

/* Asks a search until it is answered, and so every shard served. check is called every now and
 * then; its failure ends the waiting. KIN_PARTIAL: the shards that are not refused are served, and
 * the sentence says what is wrong with the others. */
KIN_MUST_USE kin_status kin_cluster_wait_ready(const char *endpoint, const char *key_file,
                                               unsigned bits,
                                               kin_status (*check)(void *user, kin_error *error),
                                               void *user, kin_error *error);

#endif
