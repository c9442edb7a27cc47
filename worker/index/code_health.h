/* Whether the bits of the codes say something: how often each is 1, and which two say the same.
 * Exact counts, so that the sums over ranks are the same for any number of them. */
#ifndef WORKER_INDEX_CODE_HEALTH_H
#define WORKER_INDEX_CODE_HEALTH_H

#include <stdint.h>

#include "proto/manifest.h"
#include "worker/index/rows.h"

/* Numbers in a table of pairs: [a][b] with b <= a, row after row; [a][a] is how often bit a is 1.
 */
static inline uint64_t kin_health_pairs(unsigned bits)
{
    return (uint64_t)bits * (bits + 1) / 2;
}

static inline uint64_t kin_health_pair(unsigned a, unsigned b)
{
    return (uint64_t)a * (a + 1) / 2 + b;
}

/* Adds, for every two bits, the rows in which both are 1 to pairs [kin_health_pairs]. */
void kin_health_count(const kin_rows *rows, uint64_t *pairs, void (*tick)(void *user), void *user);

/* Fills bit_ones and the strongest correlations of the manifest, whose bits and indexed are set.
 * A bit that never changes correlates with none. */
void kin_health_summarize(const uint64_t *pairs, kin_manifest *manifest);

#endif
