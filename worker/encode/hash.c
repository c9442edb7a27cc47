#include "worker/encode/hash.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

kin_hash_function *kin_hash_get(kin_cpu_level level)
{
#if defined(__x86_64__)
    if (level == KIN_CPU_AVX2) return kin_hash_avx2;
    if (level == KIN_CPU_AVX512) return kin_hash_avx512;
#else
    (void)level;
#endif
    return kin_hash_scalar;
}

kin_hash_function *kin_hash_here(void)
{
    return kin_hash_get(kin_cpu_level_get());
}

/* The nearest integer of |x| < 2^51: adding 1.5 x 2^52 leaves no room for a fraction. */
static double nearest(double x)
{
    volatile double shifted = x + 0x1.8p52;
    return shifted - 0x1.8p52;
}

/* x = n ln 2 + r; e^r by Taylor's series (|r| < 0.35: the first term left out is below 1e-15). */
double kin_hash_exponential(double x)
{
    static const double factor[] = {
        1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
        1.0 / 120,      1.0 / 24,      1.0 / 6,      1.0 / 2,     1,          1};
    if (x > 700) x = 700;
    if (x < -700) x = -700;
    double n = nearest(x * 1.4426950408889634);
    double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
    double sum = factor[0];
    for (size_t i = 1; i < sizeof factor / sizeof *factor; i++)
        sum = sum * r + factor[i];
    uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

static float logistic(float x)
{
    return (float)(1 / (1 + kin_hash_exponential(-(double)x)));
}

/* Near 0, where the quotient would lose what it subtracts, the series is exact enough. */
static float hyperbolic_tangent(float x)
{
    double wide = x, size = wide < 0 ? -wide : wide;
    if (size < 1e-3) return (float)(wide - wide * wide * wide / 3);
    double e = kin_hash_exponential(-2 * size), tangent = (1 - e) / (1 + e);
    return (float)(wide < 0 ? -tangent : tangent);
}

/* x = n pi + r; Taylor's series of sin r (|r| < 1.58: the first term left out is below 1e-11).
 * Beyond a million, where pi's digits run out, 0. */
static float sine(float x)
{
    static const double factor[] = {-1.0 / 1307674368000.0,
                                    1.0 / 6227020800.0,
                                    -1.0 / 39916800,
                                    1.0 / 362880,
                                    -1.0 / 5040,
                                    1.0 / 120,
                                    -1.0 / 6,
                                    1};
    double wide = x;
    if (!(wide > -1e6 && wide < 1e6)) return 0;
    double n = nearest(wide * 0.3183098861837907);
    double r = (wide - n * 0x1.921fb544p+1) - n * 0x1.0b4611a626331p-33;
    double square = r * r, sum = factor[0];
    for (size_t i = 1; i < sizeof factor / sizeof *factor; i++)
        sum = sum * square + factor[i];
    return (float)((int64_t)n % 2 == 0 ? sum * r : -(sum * r));
}

void kin_hash_activate(kin_layer_activation activation, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        switch (activation) {
        case KIN_ACTIVATE_NONE:
            return;
        case KIN_ACTIVATE_RELU:
            values[i] = values[i] > 0 ? values[i] : 0;
            break;
        case KIN_ACTIVATE_LOGISTIC:
            values[i] = logistic(values[i]);
            break;
        case KIN_ACTIVATE_TANH:
            values[i] = hyperbolic_tangent(values[i]);
            break;
        case KIN_ACTIVATE_SINE:
            values[i] = sine(values[i]);
            break;
        }
}
