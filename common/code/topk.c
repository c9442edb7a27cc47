#include "common/code/topk.h"

#include "common/base/check.h"

void kin_topk_init(kin_topk *topk, kin_hit *heap, uint32_t k)
{
    KIN_CHECK(k >= 1);
    *topk = (kin_topk){.heap = heap, .k = k};
}

static void sift_up(kin_hit *heap, uint32_t child, const kin_hit *hit)
{
    while (child > 0) {
        uint32_t parent = (child - 1) / 2;
        if (!kin_hit_before(&heap[parent], hit)) break;
        heap[child] = heap[parent];
        child = parent;
    }
    heap[child] = *hit;
}

static void sift_down(kin_hit *heap, uint32_t count, const kin_hit *hit)
{
    uint32_t parent = 0;
    for (;;) {
        uint64_t child = 2 * (uint64_t)parent + 1;
        if (child >= count) break;
        if (child + 1 < count && kin_hit_before(&heap[child], &heap[child + 1])) child++;
        if (!kin_hit_before(hit, &heap[child])) break;
        heap[parent] = heap[child];
        parent = (uint32_t)child;
    }
    heap[parent] = *hit;
}

void kin_topk_push(kin_topk *topk, const kin_hit *hit)
{
    if (topk->count < topk->k)
        sift_up(topk->heap, topk->count++, hit);
    else if (kin_hit_before(hit, &topk->heap[0]))
        sift_down(topk->heap, topk->k, hit);
}

uint32_t kin_topk_finish(kin_topk *topk)
{
    kin_hits_sort(topk->heap, topk->count);
    return topk->count;
}
