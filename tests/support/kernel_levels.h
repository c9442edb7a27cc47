/* The kernels that this machine can run, for tests that compare them. */
#ifndef TESTS_SUPPORT_KERNEL_LEVELS_H
#define TESTS_SUPPORT_KERNEL_LEVELS_H

#include "worker/encode/gemm_kernel.h"

/* kernels [KIN_CPU_LEVELS]: each once, scalar first. Returns how many. */
static inline size_t kernel_levels(const kin_kernels **kernels)
{
    size_t count = 0;
    for (int level = 0; level < KIN_CPU_LEVELS; level++) {
        if (!kin_cpu_supports((kin_cpu_level)level)) continue;
        const kin_kernels *found = kin_kernels_get((kin_cpu_level)level);
        if (count == 0 || found != kernels[count - 1]) kernels[count++] = found;
    }
    return count;
}

#endif
