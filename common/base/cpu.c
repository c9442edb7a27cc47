#include "common/base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[KIN_CPU_LEVELS] = {"scalar", "neon", "avx2", "avx512"};

int kin_cpu_supports(kin_cpu_level level)
{
    switch (level) {
    case KIN_CPU_SCALAR:
        return 1;
#if defined(__aarch64__)
    case KIN_CPU_NEON:
        return 1;
#endif
#if defined(__x86_64__)
    case KIN_CPU_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("popcnt");
    case KIN_CPU_AVX512:
        return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vpopcntdq");
#endif
    default:
        return 0;
    }
}

const char *kin_cpu_level_name(kin_cpu_level level)
{
    return level_names[level];
}

kin_cpu_level kin_cpu_level_get(void)
{
    const char *wanted = getenv("KINDRED_CPU");
    for (int level = KIN_CPU_LEVELS - 1; level >= 0; level--) {
        if (wanted != NULL && *wanted != 0 && strcmp(wanted, level_names[level]) != 0) continue;
        if (kin_cpu_supports((kin_cpu_level)level)) return (kin_cpu_level)level;
    }
    fprintf(stderr,
            "kindred: KINDRED_CPU is '%s'; it takes one of scalar|neon|avx2|avx512 that this "
            "machine has\n",
            wanted);
    exit(2);
}
