/* Two waves of a search over large shards: the leg with the shard that the question's code lies in
 * goes ahead, and the other workers look for nothing farther than the k-th hit that it found. */
#ifndef COORDINATOR_SERVE_INQUIRY_WAVE_H
#define COORDINATOR_SERVE_INQUIRY_WAVE_H

#include "coordinator/serve/inquiry.h"

/* The code is known: chooses the shard that goes ahead, where that pays. */
void kin_wave_begin(kin_inquiry *inquiry, const kin_inquiry_scope *scope);

/* Whether what was not asked yet waits for the shard ahead. When that has answered, its hits bound
 * the others, and those that cannot have a nearer one are not needed any more; when it takes long
 * or fails, nobody waits for it. */
bool kin_wave_waits(kin_inquiry *inquiry, const kin_inquiry_scope *scope, int64_t now_ns);

/* Leaves of worker_of [shard_count] only the shards of the worker that is asked ahead; given:
 * shards by worker. */
void kin_wave_restrict(kin_inquiry *inquiry, kin_fleet *fleet, uint32_t *worker_of, uint32_t *given,
                       int64_t now_ns);

#endif
