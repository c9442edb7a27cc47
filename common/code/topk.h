/* The k first hits of a stream of hits, in a bounded max-heap. Merging partial lists is pushing
 * them all. */
#ifndef COMMON_CODE_TOPK_H
#define COMMON_CODE_TOPK_H

#include <stdint.h>

#include "common/code/hit.h"

typedef struct kin_topk {
    kin_hit *heap; /* [k], the caller's memory; the last of the kept hits is heap[0] */
    uint32_t k;
    uint32_t count;
} kin_topk;

/* heap [k], k >= 1: borrowed until the last use. */
void kin_topk_init(kin_topk *topk, kin_hit *heap, uint32_t k);

/* Keeps hit if it is among the k first so far. */
void kin_topk_push(kin_topk *topk, const kin_hit *hit);

/* The largest distance that can still get in (given a small enough id): UINT32_MAX until full. */
static inline uint32_t kin_topk_bound(const kin_topk *topk)
{
    return topk->count < topk->k ? UINT32_MAX : topk->heap[0].distance;
}

/* Sorts heap[0..count) into the order of hits and returns count; pushing ends here. */
uint32_t kin_topk_finish(kin_topk *topk);

#endif
