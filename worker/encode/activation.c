/* Which kernels run here, and activations by them. */
#include <math.h>

#include "worker/encode/gemm_kernel.h"

const kin_kernels *kin_kernels_get(kin_cpu_level level)
{
#if defined(__x86_64__)
    /* Every processor with AVX2 that we know can fuse; one that cannot must not die of it. */
    if (level == KIN_CPU_AVX2 && __builtin_cpu_supports("fma")) return &kin_kernels_avx2;
    if (level == KIN_CPU_AVX512) return &kin_kernels_avx512;
#else
    (void)level;
#endif
    return &kin_kernels_scalar;
}

const kin_kernels *kin_kernels_here(void)
{
    /* Threads that race here write the same pointer. */
    static const kin_kernels *here;
    const kin_kernels *kernels = __atomic_load_n(&here, __ATOMIC_RELAXED);
    if (kernels == NULL) {
        kernels = kin_kernels_get(kin_cpu_level_get());
        __atomic_store_n(&here, kernels, __ATOMIC_RELAXED);
    }
    return kernels;
}

bool kin_activation_clips(const kin_activation *activation, float *low, float *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    if (activation == NULL || activation->kind == KIN_ACTIVATION_NONE) return true;
    if (activation->kind == KIN_ACTIVATION_RELU) {
        *low = 0;
        return true;
    }
    if (activation->kind != KIN_ACTIVATION_CLIP) return false;
    *low = activation->low;
    *high = activation->high;
    return true;
}

void kin_kernels_activate(const kin_kernels *kernels, const kin_activation *activation,
                          float *values, size_t rows, size_t columns, size_t stride)
{
    if (stride == columns) {
        kernels->activate(activation, values, rows * columns);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        kernels->activate(activation, values + i * stride, columns);
}

void kin_activation_apply(const kin_activation *activation, float *values, size_t rows,
                          size_t columns, size_t stride)
{
    kin_kernels_activate(kin_kernels_here(), activation, values, rows, columns, stride);
}
