/* Activations, element by element. The relative error of the transcendental ones is below 1e-6
 * where the result is a normal number (tests/unit/test_gemm.c). */
#ifndef WORKER_ENCODE_ACTIVATION_BODY_H
#define WORKER_ENCODE_ACTIVATION_BODY_H

#include "common/base/check.h"
#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

/* e^x, x within what gives a normal number. Cephes' expf (Moshier): e^r on |r| <= ln 2 / 2, and the
 * exponent by addition. */
KIN_INLINE lanes exponential(lanes x)
{
    x = lanes_min(lanes_all(88.0f), lanes_max(lanes_all(-87.3f), x));
    /* Adding 1.5 x 2^23 leaves no room for a fraction: it rounds to the nearest integer. */
    lanes n =
        lanes_fma(x, lanes_all(0x1.715476p+0f), lanes_all(0x1.8p+23f)) - lanes_all(0x1.8p+23f);
    lanes r = lanes_fma(n, lanes_all(-0.693359375f), x);
    r = lanes_fma(n, lanes_all(2.12194440e-4f), r);
    lanes p = lanes_all(1.9875691500e-4f);
    p = lanes_fma(p, r, lanes_all(1.3981999507e-3f));
    p = lanes_fma(p, r, lanes_all(8.3334519073e-3f));
    p = lanes_fma(p, r, lanes_all(4.1665795894e-2f));
    p = lanes_fma(p, r, lanes_all(1.6666665459e-1f));
    p = lanes_fma(p, r, lanes_all(5.0000001201e-1f));
    p = lanes_fma(p, r * r, r) + lanes_all(1);
    return p * lanes_power_of_two(lanes_to_int(n));
}

KIN_INLINE lanes sigmoid(lanes x)
{
    return lanes_all(1) / (lanes_all(1) + exponential(-x));
}

/* Cephes' tanhf: a polynomial near 0, where 1 - 2 / (e^2x + 1) would cancel. */
KIN_INLINE lanes hyperbolic_tangent(lanes x)
{
    lanes magnitude = lanes_max(x, -x), z = x * x;
    lanes far = lanes_all(1) - lanes_all(2) / (exponential(magnitude + magnitude) + lanes_all(1));
    lanes p = lanes_all(-5.70498872745e-3f);
    p = lanes_fma(p, z, lanes_all(2.06390887954e-2f));
    p = lanes_fma(p, z, lanes_all(-5.37397155531e-2f));
    p = lanes_fma(p, z, lanes_all(1.33314422036e-1f));
    p = lanes_fma(p, z, lanes_all(-3.33332819422e-1f));
    p = lanes_fma(p * z, x, x);
    far = lanes_select_below(x, lanes_all(0), -far, far);
    return lanes_select_below(magnitude, lanes_all(0.625f), p, far);
}

/* x Phi(x), Phi(-|x|) = erfc(|x| / sqrt 2) / 2 by Chebyshev's fit with a relative error of 1.2e-7
 * everywhere (Press et al., Numerical Recipes, erfcc). */
KIN_INLINE lanes gaussian_unit(lanes x)
{
    static const float fit[] = {0.17087277f, -0.82215223f, 1.48851587f, -1.13520398f,
                                0.27886807f, -0.18628806f, 0.09678418f, 0.37409196f,
                                1.00002368f, -1.26551223f};
    lanes magnitude = lanes_min(lanes_all(14), lanes_max(x, -x)); /* beyond: 0 or x */
    lanes t = lanes_all(1) / lanes_fma(magnitude, lanes_all(0.35355339f), lanes_all(1));
    lanes p = lanes_all(fit[0]);
#pragma GCC unroll 9
    for (size_t i = 1; i < 10; i++)
        p = lanes_fma(p, t, lanes_all(fit[i]));
    /* x^2 / 2 as an exact part, of x's first 12 bits, and a rest; the exponent and what it lost:
     * rounding x^2 / 2 = 18 alone would cost 1e-6. */
    lanes coarse = (magnitude + lanes_all(0x1.8p+15f)) - lanes_all(0x1.8p+15f);
    lanes half = coarse * coarse * lanes_all(0.5f);
    p = p - (magnitude - coarse) * (magnitude + coarse) * lanes_all(0.5f);
    lanes exponent = p - half, lost = p - (exponent + half);
    lanes power = exponential(exponent);
    lanes tail = lanes_all(0.5f) * t * lanes_fma(power, lost, power);
    return x * lanes_select_below(x, lanes_all(0), tail, lanes_all(1) - tail);
}

KIN_INLINE lanes activate_lanes(const kin_activation_kind kind, lanes low, lanes high, lanes x)
{
    const lanes zero = lanes_all(0), one = lanes_all(1);
    switch (kind) {
    case KIN_ACTIVATION_RELU:
        return lanes_max(zero, x);
    case KIN_ACTIVATION_CLIP:
        return lanes_min(high, lanes_max(low, x));
    case KIN_ACTIVATION_LEAKY:
        return lanes_select_below(x, zero, low * x, x);
    case KIN_ACTIVATION_SIGMOID:
        return sigmoid(x);
    case KIN_ACTIVATION_SILU:
        return x * sigmoid(x);
    case KIN_ACTIVATION_HARD_SIGMOID:
        return lanes_min(one, lanes_max(zero, low * x + high));
    case KIN_ACTIVATION_HARD_SWISH:
        return x * lanes_min(one, lanes_max(zero, x * lanes_all(1.0f / 6) + lanes_all(0.5f)));
    case KIN_ACTIVATION_GELU:
        return gaussian_unit(x);
    case KIN_ACTIVATION_TANH:
        return hyperbolic_tangent(x);
    case KIN_ACTIVATION_EXP:
        return exponential(x);
    default:
        return x;
    }
}

KIN_INLINE void activate_kind(const kin_activation_kind kind, const kin_activation *activation,
                              float *values, size_t count)
{
    lanes low = lanes_all(activation->low), high = lanes_all(activation->high);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        lanes_store(values + i, activate_lanes(kind, low, high, lanes_load(values + i)));
    if (i < count)
        lanes_store_part(values + i,
                         activate_lanes(kind, low, high, lanes_load_part(values + i, count - i)),
                         count - i);
}

/* A loop of its own for each kind, so that the choice is not made for every vector. */
static void activate_run(const kin_activation *activation, float *values, size_t count)
{
#define ACTIVATE(kind)                                  \
    case kind:                                          \
        activate_kind(kind, activation, values, count); \
        break
    switch (activation->kind) {
        ACTIVATE(KIN_ACTIVATION_RELU);
        ACTIVATE(KIN_ACTIVATION_CLIP);
        ACTIVATE(KIN_ACTIVATION_LEAKY);
        ACTIVATE(KIN_ACTIVATION_SIGMOID);
        ACTIVATE(KIN_ACTIVATION_SILU);
        ACTIVATE(KIN_ACTIVATION_HARD_SIGMOID);
        ACTIVATE(KIN_ACTIVATION_HARD_SWISH);
        ACTIVATE(KIN_ACTIVATION_GELU);
        ACTIVATE(KIN_ACTIVATION_TANH);
        ACTIVATE(KIN_ACTIVATION_EXP);
    case KIN_ACTIVATION_NONE:
        break;
    }
#undef ACTIVATE
}

#endif
