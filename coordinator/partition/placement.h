/* Which workers serve which shard. A pure function of names and numbers: the same workers give the
 * same placement, and few shards move when a worker comes or goes. */
#ifndef COORDINATOR_PARTITION_PLACEMENT_H
#define COORDINATOR_PARTITION_PLACEMENT_H

#include <stdint.h>

/* Places shards 0..shard_count-1 on `replicas` different workers each.
 *
 * workers    [worker_count] a number that stands for each worker's name (kin_checksum); different
 * replicas   1 to worker_count
 * placement  [shard_count][replicas] indices into workers; the caller's memory
 *
 * No worker gets more than ceil(shard_count * replicas / worker_count) shards. The order of
 * workers does not matter. Takes shard_count * worker_count * log(worker_count) steps.
 * Method: rendezvous hashing (Thaler and Ravishankar, IEEE/ACM ToN 1998) with bounded loads
 * (Mirrokni, Thorup and Zadimoghaddam, SODA 2018). */
void kin_placement_compute(const uint64_t *workers, uint32_t worker_count, uint32_t shard_count,
                           uint32_t replicas, uint32_t *placement);

#endif
