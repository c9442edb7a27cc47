/* Pools over lanes.h: one output pixel of the taps that are on the picture. */
#ifndef WORKER_ENCODE_POOL_BODY_H
#define WORKER_ENCODE_POOL_BODY_H

#include <float.h>

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

/* lanes_max takes its second where one is not a number: what was there stays. */
KIN_INLINE lanes pool_take(bool maximum, lanes so_far, lanes tap)
{
    if (maximum) return lanes_max(tap, so_far);
    return so_far + tap;
}

KIN_INLINE void pool_taps(const kin_pool_taps *pool, bool maximum)
{
    const lanes start = lanes_all(maximum ? -FLT_MAX : 0), divisor = lanes_all(pool->divisor);
    size_t whole = pool->channels - pool->channels % LANES;
    for (size_t c = 0; c < whole; c += LANES) {
        lanes value = pool->goes_on ? lanes_load(pool->y + c) : start;
        for (size_t t = 0; t < pool->count; t++)
            value = pool_take(maximum, value, lanes_load(pool->taps[t] + c));
        if (pool->divisor > 0) value = value / divisor;
        lanes_store(pool->y + c, value);
    }
    size_t rest = pool->channels - whole;
    if (rest == 0) return;
    lanes value = pool->goes_on ? lanes_load_part(pool->y + whole, rest) : start;
    for (size_t t = 0; t < pool->count; t++)
        value = pool_take(maximum, value, lanes_load_part(pool->taps[t] + whole, rest));
    if (pool->divisor > 0) value = value / divisor;
    lanes_store_part(pool->y + whole, value, rest);
}

static void pool_run(const kin_pool_taps *pool)
{
    if (pool->maximum)
        pool_taps(pool, true);
    else
        pool_taps(pool, false);
}

#endif
