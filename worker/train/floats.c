#include "worker/train/floats.h"

#include <math.h>
#include <string.h>
#if defined(__SSE__)
#include <immintrin.h>
#endif

#include "common/base/random.h"

/* What every x86-64 and AArch64 has; memory is the limit, not arithmetic. */
#define WIDTH 4

typedef float vector __attribute__((vector_size(WIDTH * sizeof(float))));

static inline vector load(const float *from)
{
    vector value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store(float *to, vector value)
{
    memcpy(to, &value, sizeof value);
}

/* The expression for vectors of a and b, and for what is left over. */
#define FOR_EACH(result, expression)                          \
    do {                                                      \
        size_t i = 0;                                         \
        for (; i + WIDTH <= count; i += WIDTH) {              \
            vector a = load(first + i), b = load(second + i); \
            (void)b;                                          \
            store((result) + i, (expression));                \
        }                                                     \
        for (; i < count; i++) {                              \
            float a = first[i], b = second[i];                \
            (void)b;                                          \
            (result)[i] = (expression);                       \
        }                                                     \
    } while (0)

void kin_floats_add(float *sum, const float *values, size_t count)
{
    const float *first = sum, *second = values;
    FOR_EACH(sum, a + b);
}

void kin_floats_scale(float *values, float factor, size_t count)
{
    const float *first = values, *second = values;
    FOR_EACH(values, a * factor);
}

void kin_floats_logistic_back(float *gradient, const float *output, size_t count)
{
    const float *first = gradient, *second = output;
    FOR_EACH(gradient, a * (b * (1 - b)));
}

void kin_floats_tanh_back(float *gradient, const float *output, size_t count)
{
    const float *first = gradient, *second = output;
    FOR_EACH(gradient, a * (1 - b * b));
}

typedef int mask __attribute__((vector_size(WIDTH * sizeof(int))));

void kin_floats_relu(float *output, const float *input, size_t count)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        vector x = load(input + i);
        store(output + i, (vector)((mask)x & (x > 0)));
    }
    for (; i < count; i++)
        output[i] = input[i] > 0 ? input[i] : 0;
}

void kin_floats_relu_back(float *gradient, const float *output, size_t count)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH)
        store(gradient + i, (vector)((mask)load(gradient + i) & (load(output + i) > 0)));
    for (; i < count; i++)
        if (!(output[i] > 0)) gradient[i] = 0;
}

void kin_floats_momentum(float *values, float *velocity, const float *sums, size_t count,
                         float momentum, float decay, float rate)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        vector x = load(values + i);
        vector v = momentum * load(velocity + i) + (load(sums + i) + decay * x);
        store(velocity + i, v);
        store(values + i, x - rate * v);
    }
    for (; i < count; i++) {
        velocity[i] = momentum * velocity[i] + (sums[i] + decay * values[i]);
        values[i] -= rate * velocity[i];
    }
}

/* Rounded as sqrtf rounds. */
static inline vector roots(vector x)
{
#if defined(__SSE__)
    return _mm_sqrt_ps(x);
#else
    for (int i = 0; i < WIDTH; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

void kin_floats_adam(float *values, float *first, float *second, const float *sums, size_t count,
                     float beta1, float beta2, float shrink, float rate, float scale)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        vector g = load(sums + i), x = load(values + i);
        vector m = beta1 * load(first + i) + (1 - beta1) * g;
        vector v = beta2 * load(second + i) + (1 - beta2) * (g * g);
        store(first + i, m);
        store(second + i, v);
        store(values + i, x - (shrink * x + rate * m / (roots(v * scale) + 1e-8f)));
    }
    for (; i < count; i++) {
        first[i] = beta1 * first[i] + (1 - beta1) * sums[i];
        second[i] = beta2 * second[i] + (1 - beta2) * (sums[i] * sums[i]);
        values[i] -= shrink * values[i] + rate * first[i] / (sqrtf(second[i] * scale) + 1e-8f);
    }
}

void kin_floats_column_sums(const float *matrix, size_t rows, size_t columns, float *sums)
{
    memset(sums, 0, columns * sizeof *sums);
    for (size_t i = 0; i < rows; i++)
        kin_floats_add(sums, matrix + i * columns, columns);
}

void kin_floats_fill_rows(float *matrix, size_t rows, size_t columns, const float *row)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(matrix + i * columns, row, columns * sizeof *row);
}

void kin_floats_add_noise(float *output, const float *input, size_t count, double deviation,
                          uint64_t seed)
{
    kin_random random = {.state = seed};
    float scale = (float)(deviation * sqrt(3) / 65536);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = kin_random_u64(&random);
        int32_t sum = (int32_t)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) +
                                (bits >> 48)) -
                      2 * 65535;
        output[i] = input[i] + (float)sum * scale;
    }
}
