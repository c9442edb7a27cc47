#include "worker/serve/holding.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"

struct kin_holding {
    pthread_mutex_t lock;
    kin_held_shard *shards[KIN_SHARDS_MAX];
};

kin_holding *kin_holding_new(void)
{
    kin_holding *holding = kin_calloc(1, sizeof *holding);
    KIN_CHECK(pthread_mutex_init(&holding->lock, NULL) == 0);
    return holding;
}

void kin_holding_destroy(kin_holding **holding)
{
    if (*holding == NULL) return;
    for (uint32_t shard = 0; shard < KIN_SHARDS_MAX; shard++)
        kin_holding_drop(*holding, shard);
    pthread_mutex_destroy(&(*holding)->lock);
    free(*holding);
    *holding = NULL;
}

kin_held_shard *kin_holding_get(kin_holding *holding, uint32_t shard)
{
    KIN_CHECK(shard < KIN_SHARDS_MAX);
    pthread_mutex_lock(&holding->lock);
    kin_held_shard *held = holding->shards[shard];
    if (held != NULL) held->users++;
    pthread_mutex_unlock(&holding->lock);
    return held;
}

void kin_holding_put(kin_holding *holding, kin_held_shard *held)
{
    pthread_mutex_lock(&holding->lock);
    KIN_CHECK(held->users > 0);
    bool last = --held->users == 0;
    pthread_mutex_unlock(&holding->lock);
    if (!last) return;
    kin_shard_reader_close(&held->reader);
    free(held);
}

void kin_holding_add(kin_holding *holding, uint32_t shard, kin_shard_reader *reader)
{
    kin_held_shard *held = kin_calloc(1, sizeof *held);
    held->reader = reader;
    held->users = 1;
    held->codes = *kin_shard_reader_codes(reader);
    held->codes.shard = shard;
    kin_shard_reader_range(reader, &held->first, &held->last);
    pthread_mutex_lock(&holding->lock);
    KIN_CHECK(shard < KIN_SHARDS_MAX && holding->shards[shard] == NULL);
    holding->shards[shard] = held;
    pthread_mutex_unlock(&holding->lock);
}

void kin_holding_drop(kin_holding *holding, uint32_t shard)
{
    pthread_mutex_lock(&holding->lock);
    kin_held_shard *held = holding->shards[shard];
    holding->shards[shard] = NULL;
    pthread_mutex_unlock(&holding->lock);
    if (held != NULL) kin_holding_put(holding, held);
}
