/* Which of several ranges of the code space a code is in. */
#ifndef WORKER_INDEX_IMPORT_ROUTE_H
#define WORKER_INDEX_IMPORT_ROUTE_H

#include <stdint.h>

#include "common/code/code.h"

/* Zeroed is empty. Method: the first bits of a code say most of it; a binary search says the rest.
 */
typedef struct kin_import_route {
    uint32_t count;
    unsigned words;
    uint64_t *starts; /* [count][words], ascending strictly; a range ends where the next starts */
    uint32_t *guide;  /* the range of the first code that starts with these bits */
} kin_import_route;

/* starts [count >= 1]: where ranges start, ascending strictly. */
void kin_import_route_init(kin_import_route *route, unsigned bits, const kin_code *starts,
                           uint32_t count);
void kin_import_route_fini(kin_import_route *route);

#define KIN_ROUTE_BITS 14

static inline int kin_route_compare(const uint64_t *a, const uint64_t *b, unsigned words)
{
    for (unsigned w = 0; w < words; w++)
        if (a[w] != b[w]) return a[w] < b[w] ? -1 : 1;
    return 0;
}

/* The last range that starts at or before code [words]; the first one where none does. */
static inline uint32_t kin_import_route_find(const kin_import_route *route, const uint64_t *code)
{
    uint64_t prefix = code[0] >> (64 - KIN_ROUTE_BITS);
    uint32_t low = route->guide[prefix], high = route->guide[prefix + 1];
    if (route->words == 1) { /* without branches that nobody can foretell */
        for (uint32_t count = high - low + 1, half; count > 1; count -= half) {
            half = count / 2;
            low += route->starts[low + half] <= code[0] ? half : 0;
        }
        return low;
    }
    while (low < high) { /* the range is one of [low, high] */
        uint32_t middle = low + (high - low + 1) / 2;
        if (kin_route_compare(route->starts + (uint64_t)middle * route->words, code,
                              route->words) <= 0)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* So many codes are looked up together. */
#define KIN_ROUTE_LANES 16

/* The same of count <= KIN_ROUTE_LANES codes, which lie `stride` words apart: one word each is
 * looked up in step, so that no search waits for another one's memory, and none is foretold. */
static inline void kin_import_route_find_some(const kin_import_route *route, const uint64_t *codes,
                                              unsigned stride, unsigned count, uint32_t *found)
{
    uint32_t left[KIN_ROUTE_LANES], most = 1;
    if (route->words > 1 || count > KIN_ROUTE_LANES) {
        for (unsigned i = 0; i < count; i++)
            found[i] = kin_import_route_find(route, codes + (size_t)i * stride);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t prefix = codes[i * stride] >> (64 - KIN_ROUTE_BITS);
        found[i] = route->guide[prefix];
        left[i] = route->guide[prefix + 1] - found[i] + 1;
        if (left[i] > most) most = left[i];
    }
    for (; most > 1; most -= most / 2)
        for (unsigned i = 0; i < count; i++) {
            uint32_t half = left[i] / 2;
            found[i] += route->starts[found[i] + half] <= codes[i * stride] ? half : 0;
            left[i] -= half;
        }
}

#endif
