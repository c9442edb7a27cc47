#include "worker/encode/hash.h"

#include <string.h>

/* Sixteen floats that the compiler keeps in as many vector registers as the baseline needs (a GCC
 * and clang extension). Each lane is a sum of its own, so that nothing is reordered. */
typedef float lanes __attribute__((vector_size(KIN_HASH_LANES * sizeof(float))));

static float dot(const float *plane, const float *vector, size_t dimensions)
{
    lanes sum = {0}, a, b;
    size_t whole = dimensions / KIN_HASH_LANES * KIN_HASH_LANES;
    for (size_t i = 0; i < whole; i += KIN_HASH_LANES) {
        memcpy(&a, plane + i, sizeof a);
        memcpy(&b, vector + i, sizeof b);
        sum += a * b;
    }
    if (whole < dimensions) {
        b = (lanes){0};
        memcpy(&a, plane + whole, sizeof a);
        memcpy(&b, vector + whole, (dimensions - whole) * sizeof *vector);
        sum += a * b;
    }
    float part[KIN_HASH_LANES];
    memcpy(part, &sum, sizeof part);
    for (size_t width = KIN_HASH_LANES / 2; width >= 1; width /= 2)
        for (size_t i = 0; i < width; i++)
            part[i] += part[i + width];
    return part[0];
}

void kin_hash(const float *planes, const float *thresholds, unsigned bits, size_t dimensions,
              const float *vector, kin_code *code)
{
    size_t stride = kin_hash_padded(dimensions);
    memset(code, 0, sizeof *code);
    for (unsigned i = 0; i < bits; i++)
        if (dot(planes + i * stride, vector, dimensions) > thresholds[i]) kin_code_set_bit(code, i);
}
