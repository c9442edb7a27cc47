#include "common/image/resize.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"

/* Weights are fixed-point numbers that fit 16 bits, so that baseline vector units multiply 8 of
 * them at once: a weight of 1 has 14 fraction bits, small ones have more, but a sum of pixels stays
 * within 31 bits. */
#define WEIGHT_MAX 32767
#define FRACTION_BITS_MIN 14
#define FRACTION_BITS_MAX 22

/* Bytes of a row that are summed together: their sums stay in the first-level cache. */
#define STRIP_BYTES 1024

/* Which source positions make one result position, and how much of each. */
typedef struct span {
    uint32_t first, count;
    size_t weights; /* index of the first */
} span;

/* The triangle filter of one axis, for `count` results from `first` on. */
typedef struct filter {
    span *spans;      /* [count] */
    int16_t *weights; /* each span's sum is 1 << fraction_bits */
    uint32_t count;
    int fraction_bits;
} filter;

static void filter_fini(filter *axis)
{
    free(axis->spans);
    free(axis->weights);
}

/* The height of the triangle around result position `to` at source position `from`, in units that
 * make it an integer: centres are (2 * position + 1) / (2 * size) of the axis. */
static int64_t triangle(uint64_t from, uint64_t from_size, uint64_t to, uint64_t to_size)
{
    int64_t distance = (int64_t)((2 * from + 1) * to_size) - (int64_t)((2 * to + 1) * from_size);
    int64_t reach = 2 * (int64_t)(from_size > to_size ? from_size : to_size);
    return reach - (distance < 0 ? -distance : distance);
}

/* The source positions whose triangle is above zero; there is always one. */
static span span_of(uint64_t from_size, uint64_t to, uint64_t to_size)
{
    uint64_t first = (2 * to + 1) * from_size / (2 * to_size), last;
    if (first >= from_size) first = from_size - 1;
    last = first;
    while (first > 0 && triangle(first - 1, from_size, to, to_size) > 0)
        first--;
    while (last + 1 < from_size && triangle(last + 1, from_size, to, to_size) > 0)
        last++;
    return (span){.first = (uint32_t)first, .count = (uint32_t)(last - first + 1)};
}

/* Writes one span's weights. The rounding is that of the running sum, so that they add up to one
 * and a picture of one colour keeps it. */
static void weigh(const span *s, uint64_t from_size, uint64_t to, uint64_t to_size,
                  int fraction_bits, int16_t *weights)
{
    int64_t sum = 0, running = 0, before = 0;
    for (uint32_t i = 0; i < s->count; i++)
        sum += triangle(s->first + i, from_size, to, to_size);
    for (uint32_t i = 0; i < s->count; i++) {
        running += triangle(s->first + i, from_size, to, to_size);
        int64_t now = ((running << fraction_bits) + sum / 2) / sum;
        KIN_CHECK(now - before <= WEIGHT_MAX);
        weights[i] = (int16_t)(now - before);
        before = now;
    }
}

/* The fraction bits of an axis: of a reduction by s the largest weight is below 2 / s. */
static int fraction_bits_of(uint32_t from_size, uint32_t to_size)
{
    int bits = FRACTION_BITS_MIN;
    for (uint32_t half = from_size / to_size / 2; half >= 2 && bits < FRACTION_BITS_MAX; half /= 2)
        bits++;
    return bits;
}

static void filter_init(filter *axis, uint32_t from_size, uint32_t to_size, uint32_t first,
                        uint32_t count)
{
    axis->count = count;
    axis->spans = kin_calloc(count, sizeof *axis->spans);
    size_t weights = 0;
    for (uint32_t i = 0; i < count; i++) {
        axis->spans[i] = span_of(from_size, (uint64_t)first + i, to_size);
        axis->spans[i].weights = weights;
        weights += axis->spans[i].count;
    }
    axis->fraction_bits = fraction_bits_of(from_size, to_size);
    axis->weights = kin_calloc(weights, sizeof *axis->weights);
    for (uint32_t i = 0; i < count; i++)
        weigh(&axis->spans[i], from_size, (uint64_t)first + i, to_size, axis->fraction_bits,
              axis->weights + axis->spans[i].weights);
}

/* Adds rows with their weights, two at a time: the sums are loaded and stored half as often. */
static inline __attribute__((always_inline)) void add_rows(int32_t *restrict sums,
                                                           const uint8_t *restrict rows,
                                                           size_t stride, const int16_t *weights,
                                                           uint32_t count, uint32_t bytes)
{
    uint32_t i = 0;
    for (; i + 2 <= count; i += 2) {
        const uint8_t *restrict row = rows + i * stride, *restrict next = row + stride;
        int16_t weight = weights[i], next_weight = weights[i + 1];
        for (uint32_t j = 0; j < bytes; j++)
            sums[j] += (int16_t)row[j] * weight + (int16_t)next[j] * next_weight;
    }
    if (i == count) return;
    rows += i * stride;
    for (uint32_t j = 0; j < bytes; j++)
        sums[j] += (int16_t)rows[j] * weights[i];
}

/* One result row before its horizontal pass: bytes of `row` are the weighted source rows. */
static void blend_rows(const uint8_t *source, size_t stride, const span *s, const int16_t *weights,
                       int fraction_bits, uint8_t *row, size_t bytes)
{
    int32_t sums[STRIP_BYTES];
    for (size_t start = 0; start < bytes; start += STRIP_BYTES) {
        uint32_t strip = bytes - start < STRIP_BYTES ? (uint32_t)(bytes - start) : STRIP_BYTES;
        for (uint32_t i = 0; i < STRIP_BYTES; i++)
            sums[i] = 1 << (fraction_bits - 1);
        const uint8_t *from = source + s->first * stride + start;
        if (strip == STRIP_BYTES) /* a constant, for the compiler to use vectors */
            add_rows(sums, from, stride, weights, s->count, STRIP_BYTES);
        else
            add_rows(sums, from, stride, weights, s->count, strip);
        for (uint32_t i = 0; i < strip; i++)
            row[start + i] = (uint8_t)(sums[i] >> fraction_bits);
    }
}

/* row starts with source column `first_column`. */
static void blend_columns(const uint8_t *row, uint32_t first_column, const filter *axis,
                          uint8_t *result)
{
    int bits = axis->fraction_bits;
    for (uint32_t x = 0; x < axis->count; x++) {
        const span *s = &axis->spans[x];
        const int16_t *weights = axis->weights + s->weights;
        const uint8_t *from = row + (size_t)(s->first - first_column) * 3;
        int32_t red = 1 << (bits - 1), green = red, blue = red;
        for (uint32_t i = 0; i < s->count; i++, from += 3) {
            red += from[0] * weights[i];
            green += from[1] * weights[i];
            blue += from[2] * weights[i];
        }
        result[3 * x] = (uint8_t)(red >> bits);
        result[3 * x + 1] = (uint8_t)(green >> bits);
        result[3 * x + 2] = (uint8_t)(blue >> bits);
    }
}

void kin_image_resize_window(const kin_image *source, const kin_resize_window *window,
                             kin_image *part)
{
    KIN_CHECK(source->width >= 1 && source->height >= 1);
    KIN_CHECK(window->width >= 1 && window->width <= window->full_width &&
              window->x <= window->full_width - window->width);
    KIN_CHECK(window->height >= 1 && window->height <= window->full_height &&
              window->y <= window->full_height - window->height);
    filter columns, rows;
    filter_init(&columns, source->width, window->full_width, window->x, window->width);
    filter_init(&rows, source->height, window->full_height, window->y, window->height);
    const span *last = &columns.spans[columns.count - 1];
    uint32_t first_column = columns.spans[0].first;
    size_t row_bytes = (size_t)(last->first + last->count - first_column) * 3;
    size_t stride = (size_t)source->width * 3;
    uint8_t *row = kin_malloc(row_bytes);
    kin_image_init(part, window->width, window->height);
    for (uint32_t y = 0; y < window->height; y++) {
        const span *s = &rows.spans[y];
        blend_rows(source->pixels + (size_t)first_column * 3, stride, s, rows.weights + s->weights,
                   rows.fraction_bits, row, row_bytes);
        blend_columns(row, first_column, &columns, part->pixels + (size_t)y * window->width * 3);
    }
    free(row);
    filter_fini(&columns);
    filter_fini(&rows);
}

void kin_image_resize(const kin_image *source, uint32_t width, uint32_t height, kin_image *resized)
{
    kin_image_resize_window(
        source,
        &(kin_resize_window){
            .full_width = width, .full_height = height, .width = width, .height = height},
        resized);
}
