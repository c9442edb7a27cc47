#include "worker/search/hamming.h"

#include <stddef.h>

#include "common/base/check.h"

kin_hamming_kernel kin_hamming_kernel_get(unsigned words, kin_cpu_level level)
{
    static const kin_hamming_kernel *const kernels[KIN_CPU_LEVELS] = {
        [KIN_CPU_SCALAR] = kin_hamming_scalar,
        [KIN_CPU_NEON] = kin_hamming_neon,
        [KIN_CPU_AVX2] = kin_hamming_avx2,
        [KIN_CPU_AVX512] = kin_hamming_avx512,
    };
    KIN_CHECK(words == 1 || words == 2 || words == 4);
    kin_hamming_kernel kernel = kernels[level][words / 2];
    return kernel != NULL ? kernel : kin_hamming_scalar[words / 2];
}
