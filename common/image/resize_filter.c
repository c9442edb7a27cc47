#include "common/image/resize_filter.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"

/* Bilinear weights are fixed-point numbers that fit 16 bits, so that baseline vector units multiply
 * 8 of them at once: a weight of 1 has 14 fraction bits, small ones have more, but a sum of pixels
 * stays within 31 bits. */
#define FRACTION_BITS_MIN 14
#define FRACTION_BITS_MAX 22

/* One axis of a resizing. */
typedef struct axis_sizes {
    kin_interpolation interpolation;
    uint64_t from, to;
} axis_sizes;

/* How far source position `from` is from result position `to`, in units in which the filter's
 * own unit is `unit`: centres are (2 * position + 1) / (2 * size) of the axis. */
static int64_t distance_of(const axis_sizes *sizes, uint64_t from, uint64_t to, int64_t *unit)
{
    int64_t distance =
        (int64_t)((2 * from + 1) * sizes->to) - (int64_t)((2 * to + 1) * sizes->from);
    *unit = 2 * (int64_t)(sizes->from > sizes->to ? sizes->from : sizes->to);
    return distance < 0 ? -distance : distance;
}

/* How far the filter reaches, in its units. */
static int64_t reach_of(const axis_sizes *sizes)
{
    return sizes->interpolation == KIN_BICUBIC ? 2 : 1;
}

static bool reaches(const axis_sizes *sizes, uint64_t from, uint64_t to)
{
    int64_t unit, distance = distance_of(sizes, from, to, &unit);
    return distance < reach_of(sizes) * unit;
}

/* The source positions that the filter reaches; there is always one. */
static kin_resize_span span_of(const axis_sizes *sizes, uint64_t to)
{
    uint64_t first = (2 * to + 1) * sizes->from / (2 * sizes->to), last;
    if (first >= sizes->from) first = sizes->from - 1;
    last = first;
    while (first > 0 && reaches(sizes, first - 1, to))
        first--;
    while (last + 1 < sizes->from && reaches(sizes, last + 1, to))
        last++;
    return (kin_resize_span){.first = (uint32_t)first, .count = (uint32_t)(last - first + 1)};
}

/* Writes one span's weights of the triangle. The rounding is that of the running sum, so that they
 * add up to one and a picture of one colour keeps it. */
static void weigh_linear(const axis_sizes *sizes, const kin_resize_span *s, uint64_t to,
                         int fraction_bits, int32_t *weights)
{
    int64_t sum = 0, running = 0, before = 0, unit;
    for (uint32_t i = 0; i < s->count; i++)
        sum -= distance_of(sizes, s->first + i, to, &unit) - unit;
    for (uint32_t i = 0; i < s->count; i++) {
        running -= distance_of(sizes, s->first + i, to, &unit) - unit;
        int64_t now = ((running << fraction_bits) + sum / 2) / sum;
        weights[i] = (int32_t)(now - before);
        before = now;
    }
}

/* Keys' cubic convolution (IEEE TASSP 1981) with a = -1/2, as Pillow's BICUBIC. Doubles are rounded
 * alike on all machines, and nothing but the four operations is used. */
static double cubic(const axis_sizes *sizes, uint64_t from, uint64_t to)
{
    int64_t unit, distance = distance_of(sizes, from, to, &unit);
    double x = (double)distance / (double)unit;
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* The same of the cubic filter: each rounded by itself, as Pillow does. That their sum is not quite
 * one moves no level by more than a thousandth. */
static void weigh_cubic(const axis_sizes *sizes, const kin_resize_span *s, uint64_t to,
                        int fraction_bits, int32_t *weights)
{
    double sum = 0, one = (double)((int64_t)1 << fraction_bits);
    for (uint32_t i = 0; i < s->count; i++)
        sum += cubic(sizes, s->first + i, to);
    for (uint32_t i = 0; i < s->count; i++) {
        double weight = cubic(sizes, s->first + i, to) / sum * one;
        weights[i] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
}

/* The fraction bits of an axis: of a reduction by s the largest weight is below 2 / s. */
static int fraction_bits_of(kin_interpolation interpolation, uint32_t from_size, uint32_t to_size)
{
    int bits = interpolation == KIN_BICUBIC ? FRACTION_BITS_MAX : FRACTION_BITS_MIN;
    for (uint32_t half = from_size / to_size / 2; half >= 2 && bits < FRACTION_BITS_MAX; half /= 2)
        bits++;
    return bits;
}

void kin_resize_filter_init(kin_resize_filter *axis, kin_interpolation interpolation,
                            uint32_t from_size, uint32_t to_size, uint32_t first, uint32_t count)
{
    axis_sizes sizes = {.interpolation = interpolation, .from = from_size, .to = to_size};
    axis->count = count;
    axis->spans = kin_calloc(count, sizeof *axis->spans);
    size_t weights = 0;
    for (uint32_t i = 0; i < count; i++) {
        axis->spans[i] = span_of(&sizes, (uint64_t)first + i);
        axis->spans[i].weights = weights;
        weights += axis->spans[i].count;
    }
    axis->fraction_bits = fraction_bits_of(interpolation, from_size, to_size);
    axis->weights = kin_calloc(weights, sizeof *axis->weights);
    for (uint32_t i = 0; i < count; i++)
        (interpolation == KIN_BICUBIC ? weigh_cubic : weigh_linear)(
            &sizes, &axis->spans[i], (uint64_t)first + i, axis->fraction_bits,
            axis->weights + axis->spans[i].weights);
}

void kin_resize_filter_fini(kin_resize_filter *axis)
{
    free(axis->spans);
    free(axis->weights);
}
