#include "tests/support/read_sum.h"

#if defined(__x86_64__)
typedef uint64_t vector_32 __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint64_t vector_64 __attribute__((vector_size(64), aligned(8), may_alias));

/* words [count], count a multiple of 32. Four sums, so that no addition waits for the one before.
 */
__attribute__((target("avx2"))) static uint64_t sum_32(const uint64_t *words, uint64_t count)
{
    vector_32 a = {0}, b = {0}, c = {0}, d = {0};
    for (uint64_t i = 0; i < count; i += 16) {
        a += *(const vector_32 *)(words + i);
        b += *(const vector_32 *)(words + i + 4);
        c += *(const vector_32 *)(words + i + 8);
        d += *(const vector_32 *)(words + i + 12);
    }
    a += b + c + d;
    return a[0] + a[1] + a[2] + a[3];
}

__attribute__((target("avx512f"))) static uint64_t sum_64(const uint64_t *words, uint64_t count)
{
    vector_64 a = {0}, b = {0}, c = {0}, d = {0};
    for (uint64_t i = 0; i < count; i += 32) {
        a += *(const vector_64 *)(words + i);
        b += *(const vector_64 *)(words + i + 8);
        c += *(const vector_64 *)(words + i + 16);
        d += *(const vector_64 *)(words + i + 24);
    }
    a += b + c + d;
    return a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7];
}
#endif

static uint64_t sum_plain(const uint64_t *words, uint64_t count)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (uint64_t i = 0; i < count; i += 4) {
        a += words[i];
        b += words[i + 1];
        c += words[i + 2];
        d += words[i + 3];
    }
    return a + b + c + d;
}

uint64_t read_sum(const uint64_t *words, uint64_t count, kin_cpu_level level)
{
#if defined(__x86_64__)
    if (level == KIN_CPU_AVX512) return sum_64(words, count);
    if (level == KIN_CPU_AVX2) return sum_32(words, count);
#endif
    (void)level;
    return sum_plain(words, count);
}
