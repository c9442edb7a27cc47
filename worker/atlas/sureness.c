#include "worker/atlas/sureness.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"

static unsigned bit_of(const uint64_t *code, unsigned i)
{
    return (unsigned)(code[i / 64] >> (63 - i % 64)) & 1;
}

/* Distances of row to all; itself is as far as can be. Returns the distance within which the
 * nearest `near` others are, and in *within how many are strictly nearer. */
static unsigned measure(const uint64_t *words, size_t count, size_t width, size_t row, size_t near,
                        uint16_t *distances, size_t *within)
{
    uint32_t at[KIN_CODE_BITS_MAX + 2] = {0};
    for (size_t i = 0; i < count; i++) {
        unsigned distance = 0;
        for (size_t w = 0; w < width; w++)
            distance +=
                (unsigned)__builtin_popcountll(words[i * width + w] ^ words[row * width + w]);
        distances[i] = (uint16_t)distance;
    }
    distances[row] = KIN_CODE_BITS_MAX + 1;
    for (size_t i = 0; i < count; i++)
        at[distances[i]]++;
    unsigned distance = 0;
    for (*within = 0; *within + at[distance] < near; distance++)
        *within += at[distance];
    return distance;
}

static void ask(const uint64_t *words, size_t count, size_t width, unsigned bits, size_t row,
                size_t near, uint16_t *distances, float *sure)
{
    uint32_t ones[KIN_CODE_BITS_MAX] = {0};
    size_t nearer;
    unsigned limit = measure(words, count, width, row, near, distances, &nearer);
    size_t at_limit = near - nearer; /* of those, the first rows */
    for (size_t i = 0; i < count; i++) {
        if (distances[i] > limit || (distances[i] == limit && at_limit == 0)) continue;
        if (distances[i] == limit) at_limit--;
        for (unsigned b = 0; b < bits; b++)
            ones[b] += bit_of(words + i * width, b);
    }
    for (unsigned b = 0; b < bits; b++) {
        float share = near == 0 ? 0 : 2 * (float)ones[b] / (float)near - 1;
        sure[b] = (share > 0) == (bit_of(words + row * width, b) == 1) ? share : 0;
    }
}

void kin_sureness(const uint64_t *words, size_t count, size_t width, unsigned bits, float *sure)
{
    uint16_t *distances = kin_malloc(count * sizeof *distances);
    size_t near = kin_sureness_near(count);
    for (size_t row = 0; row < count; row++)
        ask(words, count, width, bits, row, near, distances, sure + row * bits);
    free(distances);
}
