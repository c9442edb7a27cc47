/* The shards that a worker has open. A shard is closed when nobody searches it any more. */
#ifndef WORKER_SERVE_HOLDING_H
#define WORKER_SERVE_HOLDING_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/search/search.h"
#include "worker/shard/shard_reader.h"

/* Any thread. */
typedef struct kin_holding kin_holding;

/* An open shard. */
typedef struct kin_held_shard {
    kin_codes_view codes;
    kin_shard_reader *reader;
    kin_code first, last; /* of its range */
    uint32_t users;       /* under the holding's lock; the holding itself is one */
} kin_held_shard;

kin_holding *kin_holding_new(void);
/* Nobody uses a shard any more. NULL is fine. */
void kin_holding_destroy(kin_holding **holding);

/* The shard, until it is put back; NULL if it is not open. */
kin_held_shard *kin_holding_get(kin_holding *holding, uint32_t shard);
void kin_holding_put(kin_holding *holding, kin_held_shard *held);

/* Takes over the reader as shard's; the shard is not open yet. */
void kin_holding_add(kin_holding *holding, uint32_t shard, kin_shard_reader *reader);
/* Closes the shard once its last user has put it back. A shard that is not open is fine. */
void kin_holding_drop(kin_holding *holding, uint32_t shard);

#endif
