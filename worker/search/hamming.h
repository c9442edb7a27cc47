/* Kernels: which codes of a block are near enough. One file an instruction set; all give the same
 * result. */
#ifndef WORKER_SEARCH_HAMMING_H
#define WORKER_SEARCH_HAMMING_H

#include <stdint.h>

#include "common/base/cpu.h"

/* Codes that a kernel looks at in one call: their candidates fit into the first-level cache. */
#define KIN_HAMMING_BLOCK 1024

/* A code of a block that is near enough. */
typedef struct kin_candidate {
    uint32_t row; /* within the block */
    uint32_t distance;
} kin_candidate;

/* codes [count][words], count <= KIN_HAMMING_BLOCK; query [words] -> candidates [count at most],
 * ascending by row, whose distance is <= bound. Returns how many. */
typedef uint32_t (*kin_hamming_kernel)(const uint64_t *codes, uint32_t count, const uint64_t *query,
                                       uint32_t bound, kin_candidate *candidates);

/* The kernel for codes of words (1, 2 or 4) 64-bit words. A level that this build lacks falls back
 * to scalar. */
kin_hamming_kernel kin_hamming_kernel_get(unsigned words, kin_cpu_level level);

/* [words / 2]: kernels of 1, 2 and 4 words; all NULL where the machine's kind is another. */
extern const kin_hamming_kernel kin_hamming_scalar[3];
extern const kin_hamming_kernel kin_hamming_neon[3];
extern const kin_hamming_kernel kin_hamming_avx2[3];
extern const kin_hamming_kernel kin_hamming_avx512[3];

#endif
