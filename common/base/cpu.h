/* Which instruction set the kernels may use; chosen once a process. */
#ifndef COMMON_BASE_CPU_H
#define COMMON_BASE_CPU_H

typedef enum kin_cpu_level {
    KIN_CPU_SCALAR,
    KIN_CPU_NEON,   /* every AArch64 */
    KIN_CPU_AVX2,   /* x86-64-v3: AVX2, FMA, POPCNT */
    KIN_CPU_AVX512, /* AVX-512 F, BW, VL and VPOPCNTDQ */
    KIN_CPU_LEVELS
} kin_cpu_level;

/* The best level of this machine, or the one that KINDRED_CPU=scalar|neon|avx2|avx512 names; a
 * level that the machine lacks, or an unknown word, ends the program with one sentence. */
kin_cpu_level kin_cpu_level_get(void);

/* Whether this machine can run code of that level. */
int kin_cpu_supports(kin_cpu_level level);

const char *kin_cpu_level_name(kin_cpu_level level);

#endif
