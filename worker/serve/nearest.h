/* In which order a question goes through shards: the one nearest to it first, since what is found
 * there bounds the search of the others, and leaves most of them out. */
#ifndef WORKER_SERVE_NEAREST_H
#define WORKER_SERVE_NEAREST_H

#include "worker/serve/holding.h"

/* Which of shards [count] has the code in its range; where none does, whose range is nearest, of
 * several the first. */
uint32_t kin_nearest_shard(kin_held_shard *const *shards, uint32_t count, const kin_code *code);

/* Whether the shard can have a code that the query does not do without: that is counted, or as near
 * as the last of its k hits so far. */
bool kin_shard_can_help(const kin_held_shard *shard, const kin_search_query *query);

#endif
