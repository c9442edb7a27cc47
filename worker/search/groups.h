/* Kernels over a table's groups: which entries of a run are near enough. One file an instruction
 * set; all give the same result. */
#ifndef WORKER_SEARCH_GROUPS_H
#define WORKER_SEARCH_GROUPS_H

#include <stdint.h>

#include "common/base/cpu.h"
#include "common/code/code_table.h"
#include "worker/search/hamming.h"

/* Entries that a kernel looks at in one call: the candidates of a piece of a scan are 16 KB. */
#define KIN_RUN_MAX 2048

/* A query as a table's entries are: turned, by planes, the last of them the tail. */
typedef struct kin_group_query {
    uint32_t value[KIN_CODE_BITS_MAX / 32];
} kin_group_query;

/* A code as it is turned for the table, whose entries' values are by planes. */
static inline void kin_group_query_set(kin_group_query *query, const kin_code_table *table,
                                       const kin_code *turned)
{
    uint32_t words = table->bits / 64, numbers = table->bits / 32;
    for (uint32_t i = 0; i < numbers; i++)
        query->value[i] = (uint32_t)(turned->word[words - 1 - i / 2] >> 32 * (i % 2));
    query->value[numbers - 1] &= kin_table_tail_mask(table->bucket_bits);
}

/* group: the first one of the run, whose first entry is its entry `lane`; count <= KIN_RUN_MAX
 * entries. candidates [count at most], ascending by row (0: the run's first entry), whose distance
 * without their buckets' bits is <= limit. Returns how many. Reads whole groups. */
typedef uint32_t (*kin_group_kernel)(const uint8_t *group, uint32_t lane, uint32_t count,
                                     const kin_group_query *query, uint32_t limit,
                                     kin_candidate *candidates);

/* The kernel for the table's kind of groups. A level that this build lacks falls back to scalar. */
kin_group_kernel kin_group_kernel_get(const kin_code_table *table, kin_cpu_level level);

/* [bits / 128][tail bytes / 2]; all NULL where the machine's kind is another. */
extern const kin_group_kernel kin_groups_scalar[3][3];
extern const kin_group_kernel kin_groups_neon[3][3];
extern const kin_group_kernel kin_groups_avx2[3][3];
extern const kin_group_kernel kin_groups_avx512[3][3];

/* Defines the nine kernels of an instruction set from `run`, an inline function that takes the
 * number of planes and tail bytes as constants behind a kernel's arguments. */
#define KIN_GROUP_KERNEL(planes, tail)                                                         \
    static uint32_t run_##planes##_##tail(const uint8_t *group, uint32_t lane, uint32_t count, \
                                          const kin_group_query *query, uint32_t limit,        \
                                          kin_candidate *candidates)                           \
    {                                                                                          \
        return run(group, lane, count, query, limit, candidates, planes, tail);                \
    }
#define KIN_GROUP_KERNELS(table)           \
    KIN_GROUP_KERNEL(1, 1)                 \
    KIN_GROUP_KERNEL(1, 2)                 \
    KIN_GROUP_KERNEL(1, 4)                 \
    KIN_GROUP_KERNEL(3, 1)                 \
    KIN_GROUP_KERNEL(3, 2)                 \
    KIN_GROUP_KERNEL(3, 4)                 \
    KIN_GROUP_KERNEL(7, 1)                 \
    KIN_GROUP_KERNEL(7, 2)                 \
    KIN_GROUP_KERNEL(7, 4)                 \
    const kin_group_kernel table[3][3] = { \
        {run_1_1, run_1_2, run_1_4}, {run_3_1, run_3_2, run_3_4}, {run_7_1, run_7_2, run_7_4}};

#endif
