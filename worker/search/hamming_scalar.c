/* The kernels that every other is tested against. */
#include "worker/search/hamming.h"

static inline uint32_t scan(const uint64_t *codes, uint32_t count, const uint64_t *query,
                            uint32_t bound, kin_candidate *candidates, unsigned words)
{
    uint32_t found = 0;
    for (uint32_t row = 0; row < count; row++) {
        uint32_t distance = 0;
        for (unsigned i = 0; i < words; i++)
            distance += (uint32_t)__builtin_popcountll(codes[row * words + i] ^ query[i]);
        candidates[found] = (kin_candidate){row, distance};
        found += distance <= bound;
    }
    return found;
}

static uint32_t scan_1(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    return scan(codes, count, query, bound, candidates, 1);
}

static uint32_t scan_2(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    return scan(codes, count, query, bound, candidates, 2);
}

static uint32_t scan_4(const uint64_t *codes, uint32_t count, const uint64_t *query, uint32_t bound,
                       kin_candidate *candidates)
{
    return scan(codes, count, query, bound, candidates, 4);
}

const kin_hamming_kernel kin_hamming_scalar[3] = {scan_1, scan_2, scan_4};
