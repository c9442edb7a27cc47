/* A hit, and the one order of hits: distance, then picture id. */
#ifndef COMMON_CODE_HIT_H
#define COMMON_CODE_HIT_H

#include <stdbool.h>
#include <stdint.h>

/* shard and row say where the picture's key and thumbnail are; they do not take part in the order
 * (an id is in one place only). */
typedef struct kin_hit {
    uint64_t id;
    uint32_t distance; /* bits */
    uint32_t shard;    /* number within the generation */
    uint64_t row;      /* within the shard */
} kin_hit;

static inline bool kin_hit_before(const kin_hit *a, const kin_hit *b)
{
    return a->distance != b->distance ? a->distance < b->distance : a->id < b->id;
}

/* Sorts count hits into the order. */
void kin_hits_sort(kin_hit *hits, uint64_t count);

#endif
