/* How sure a picture's bits are, by its code alone: whether the codes nearest to it agree. */
#ifndef WORKER_ATLAS_SURENESS_H
#define WORKER_ATLAS_SURENESS_H

#include <stddef.h>
#include <stdint.h>

/* Neighbours that are asked: one of so many, so that a few near copies do not decide. */
#define KIN_SURENESS_PART 20

static inline size_t kin_sureness_near(size_t count)
{
    return (count - 1 + KIN_SURENESS_PART - 1) / KIN_SURENESS_PART;
}

/* sure [count][bits]: of the kin_sureness_near nearest other codes, by (distance, row), the share
 * that has a 1, from -1 (none) to 1 (all); where the code itself says otherwise, 0. words
 * [count][width], width 1 to 4. Compares every two codes. */
void kin_sureness(const uint64_t *words, size_t count, size_t width, unsigned bits, float *sure);

#endif
