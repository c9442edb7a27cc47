#include "worker/search/groups.h"

#include <stddef.h>

kin_group_kernel kin_group_kernel_get(const kin_code_table *table, kin_cpu_level level)
{
    static const kin_group_kernel(*const kernels[KIN_CPU_LEVELS])[3] = {
        [KIN_CPU_SCALAR] = kin_groups_scalar,
        [KIN_CPU_NEON] = kin_groups_neon,
        [KIN_CPU_AVX2] = kin_groups_avx2,
        [KIN_CPU_AVX512] = kin_groups_avx512,
    };
    unsigned width = table->bits / 128, tail = table->tail_bytes / 2;
    kin_group_kernel kernel = kernels[level][width][tail];
    return kernel != NULL ? kernel : kin_groups_scalar[width][tail];
}
