/* Rows of numbers that are normalised: softmax and layer normalisation. Sums are of doubles, eight
 * side by side and then two by two, in every instruction set. */
#ifndef WORKER_ENCODE_ROW_BODY_H
#define WORKER_ENCODE_ROW_BODY_H

#include <math.h>

#include "worker/encode/activation_body.h"
#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

#define ROW_SUMS 8

/* The compiler makes one, two or four registers of it. */
typedef double row_doubles __attribute__((vector_size(ROW_SUMS * sizeof(double))));
typedef float row_floats __attribute__((vector_size(ROW_SUMS * sizeof(float))));

/* Of x - centre, or of its squares. */
KIN_INLINE double row_sum(const float *x, size_t count, double centre, const bool square)
{
    row_doubles sums = {0};
    size_t i = 0;
    for (; i + ROW_SUMS <= count; i += ROW_SUMS) {
        row_floats floats;
        memcpy(&floats, x + i, sizeof floats);
        row_doubles values = __builtin_convertvector(floats, row_doubles) - centre;
        sums += square ? values * values : values;
    }
    double lane[ROW_SUMS];
    memcpy(lane, &sums, sizeof lane);
    for (size_t j = 0; i < count; i++, j++) {
        double value = (double)x[i] - centre;
        lane[j] += square ? value * value : value;
    }
    for (size_t width = ROW_SUMS / 2; width >= 1; width /= 2)
        for (size_t j = 0; j < width; j++)
            lane[j] += lane[j + width];
    return lane[0];
}

KIN_INLINE float row_largest(const float *x, size_t count)
{
    float largest = x[0], lane[LANES];
    size_t i = 0;
    if (count >= LANES) {
        lanes most = lanes_load(x);
        for (i = LANES; i + LANES <= count; i += LANES)
            most = lanes_max(most, lanes_load(x + i));
        lanes_store(lane, most);
        for (size_t j = 0; j < LANES; j++)
            largest = lane[j] > largest ? lane[j] : largest;
    }
    for (; i < count; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

static void row_softmax(const float *x, float *y, size_t count)
{
    const lanes largest = lanes_all(row_largest(x, count));
    size_t whole = count - count % LANES, rest = count - whole;
    for (size_t i = 0; i < whole; i += LANES)
        lanes_store(y + i, exponential(lanes_load(x + i) - largest));
    if (rest > 0)
        lanes_store_part(y + whole, exponential(lanes_load_part(x + whole, rest) - largest), rest);
    const lanes factor = lanes_all((float)(1 / row_sum(y, count, 0, false)));
    for (size_t i = 0; i < whole; i += LANES)
        lanes_store(y + i, lanes_load(y + i) * factor);
    if (rest > 0) lanes_store_part(y + whole, lanes_load_part(y + whole, rest) * factor, rest);
}

static void row_norm(const kin_norm_row *row)
{
    const float *x = row->x, *scale = row->scale, *shift = row->shift;
    double mean = row_sum(x, row->count, 0, false) / (double)row->count;
    double variance = row_sum(x, row->count, mean, true) / (double)row->count;
    const float factor = (float)(1 / sqrt(variance + (double)row->epsilon)), centre = (float)mean;
    size_t whole = row->count - row->count % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        lanes value = (lanes_load(x + i) - centre) * factor * lanes_load(scale + i);
        if (shift != NULL) value = value + lanes_load(shift + i);
        lanes_store(row->y + i, value);
    }
    for (size_t i = whole; i < row->count; i++)
        row->y[i] = (x[i] - centre) * factor * scale[i] + (shift == NULL ? 0 : shift[i]);
}

#endif
