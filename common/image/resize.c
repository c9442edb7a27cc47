#include "common/image/resize.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/inline.h"
#include "common/base/memory.h"
#include "common/image/resize_bicubic.h"
#include "common/image/resize_filter.h"

/* Bytes of a row that are summed together: their sums stay in the first-level cache. */
#define STRIP_BYTES 1024

/* Adds rows with their weights, two at a time: the sums are loaded and stored half as often. */
KIN_INLINE void add_rows(int32_t *restrict sums, const uint8_t *restrict rows, size_t stride,
                         const int16_t *weights, uint32_t count, uint32_t bytes)
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
static void blend_rows(const uint8_t *source, size_t stride, const kin_resize_span *s,
                       const int16_t *weights, int fraction_bits, uint8_t *row, size_t bytes)
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
static void blend_columns(const uint8_t *row, uint32_t first_column, const kin_resize_filter *axis,
                          uint8_t *result)
{
    int bits = axis->fraction_bits;
    for (uint32_t x = 0; x < axis->count; x++) {
        const kin_resize_span *s = &axis->spans[x];
        const int32_t *weights = axis->weights + s->weights;
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

/* The axis' weights in 16 bits each, all of them in order; the caller frees. */
static int16_t *narrow_weights(const kin_resize_filter *axis)
{
    const kin_resize_span *last = &axis->spans[axis->count - 1];
    size_t count = last->weights + last->count;
    int16_t *weights = kin_malloc(count * sizeof *weights);
    for (size_t i = 0; i < count; i++) {
        KIN_CHECK(axis->weights[i] <= INT16_MAX);
        weights[i] = (int16_t)axis->weights[i];
    }
    return weights;
}

/* Rows are blended first, a result row at a time. */
static void resize_bilinear(const kin_image *source, const kin_resize_filter *columns,
                            const kin_resize_filter *rows, kin_image *part)
{
    const kin_resize_span *last = &columns->spans[columns->count - 1];
    uint32_t first_column = columns->spans[0].first;
    size_t row_bytes = (size_t)(last->first + last->count - first_column) * 3;
    size_t stride = (size_t)source->width * 3;
    int16_t *weights = narrow_weights(rows);
    uint8_t *row = kin_malloc(row_bytes);
    for (uint32_t y = 0; y < part->height; y++) {
        const kin_resize_span *s = &rows->spans[y];
        blend_rows(source->pixels + (size_t)first_column * 3, stride, s, weights + s->weights,
                   rows->fraction_bits, row, row_bytes);
        blend_columns(row, first_column, columns, part->pixels + (size_t)y * part->width * 3);
    }
    free(row);
    free(weights);
}

void kin_image_resize_window(const kin_image *source, const kin_resize_window *window,
                             kin_image *part)
{
    KIN_CHECK(source->width >= 1 && source->height >= 1);
    KIN_CHECK(window->width >= 1 && window->width <= window->full_width &&
              window->x <= window->full_width - window->width);
    KIN_CHECK(window->height >= 1 && window->height <= window->full_height &&
              window->y <= window->full_height - window->height);
    KIN_CHECK(window->interpolation < KIN_INTERPOLATIONS);
    kin_resize_filter columns, rows;
    kin_resize_filter_init(&columns, window->interpolation, source->width, window->full_width,
                           window->x, window->width);
    kin_resize_filter_init(&rows, window->interpolation, source->height, window->full_height,
                           window->y, window->height);
    kin_image_init(part, window->width, window->height);
    if (window->interpolation == KIN_BILINEAR)
        resize_bilinear(source, &columns, &rows, part);
    else
        kin_resize_bicubic(source, &columns, &rows, window->lies_on_side, part);
    kin_resize_filter_fini(&columns);
    kin_resize_filter_fini(&rows);
}

void kin_image_resize(const kin_image *source, uint32_t width, uint32_t height, kin_image *resized)
{
    kin_image_resize_window(
        source,
        &(kin_resize_window){
            .full_width = width, .full_height = height, .width = width, .height = height},
        resized);
}
