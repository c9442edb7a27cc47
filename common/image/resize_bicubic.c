#include "common/image/resize_bicubic.h"

#include <stdlib.h>

#include "common/base/memory.h"

static uint8_t level(int32_t sum, int fraction_bits)
{
    int32_t value = sum >> fraction_bits;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void begin(int32_t *sums, size_t count, int fraction_bits)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = 1 << (fraction_bits - 1);
}

static void add(int32_t *restrict sums, const uint8_t *restrict row, int32_t weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += row[i] * weight;
}

static void finish(const int32_t *sums, size_t count, int fraction_bits, uint8_t *levels)
{
    for (size_t i = 0; i < count; i++)
        levels[i] = level(sums[i], fraction_bits);
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
        result[3 * x] = level(red, bits);
        result[3 * x + 1] = level(green, bits);
        result[3 * x + 2] = level(blue, bits);
    }
}

/* A result row at a time. */
static void run_rows_first(const kin_image *source, const kin_resize_filter *columns,
                           const kin_resize_filter *rows, kin_image *part)
{
    const kin_resize_span *last = &columns->spans[columns->count - 1];
    uint32_t first_column = columns->spans[0].first;
    size_t bytes = (size_t)(last->first + last->count - first_column) * 3;
    uint8_t *row = kin_malloc(bytes);
    int32_t *sums = kin_malloc(bytes * sizeof *sums);
    for (uint32_t y = 0; y < part->height; y++) {
        const kin_resize_span *s = &rows->spans[y];
        begin(sums, bytes, rows->fraction_bits);
        for (uint32_t i = 0; i < s->count; i++)
            add(sums, source->pixels + ((size_t)(s->first + i) * source->width + first_column) * 3,
                rows->weights[s->weights + i], bytes);
        finish(sums, bytes, rows->fraction_bits, row);
        blend_columns(row, first_column, columns, part->pixels + (size_t)y * part->width * 3);
    }
    free(row);
    free(sums);
}

/* A source row at a time, which is added to all result rows that it is part of: their spans neither
 * begin nor end before those of the rows above. */
static void run_columns_first(const kin_image *source, const kin_resize_filter *columns,
                              const kin_resize_filter *rows, kin_image *part)
{
    size_t bytes = (size_t)part->width * 3, count = part->height * bytes;
    uint8_t *row = kin_malloc(bytes);
    int32_t *sums = kin_malloc(count * sizeof *sums);
    begin(sums, count, rows->fraction_bits);
    const kin_resize_span *spans = rows->spans, *last = &spans[rows->count - 1];
    uint32_t first_result = 0;
    for (uint32_t y = spans[0].first; y < last->first + last->count; y++) {
        while (spans[first_result].first + spans[first_result].count <= y)
            first_result++;
        blend_columns(source->pixels + (size_t)y * source->width * 3, 0, columns, row);
        for (uint32_t r = first_result; r < rows->count && spans[r].first <= y; r++)
            add(sums + r * bytes, row, rows->weights[spans[r].weights + y - spans[r].first], bytes);
    }
    finish(sums, count, rows->fraction_bits, part->pixels);
    free(row);
    free(sums);
}

void kin_resize_bicubic(const kin_image *source, const kin_resize_filter *columns,
                        const kin_resize_filter *rows, bool rows_first, kin_image *part)
{
    if (rows_first)
        run_rows_first(source, columns, rows, part);
    else
        run_columns_first(source, columns, rows, part);
}
