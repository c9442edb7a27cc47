/* Depthwise convolution: vectors of channels, a few pixels at a time, so that a weight is loaded
 * once for several sums and, where taps overlap, a pixel too. Taps come in order, lines first. */
#ifndef WORKER_ENCODE_DEPTHWISE_BODY_H
#define WORKER_ENCODE_DEPTHWISE_BODY_H

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

#define DEPTHWISE_PIXELS 4
/* Taps of a line, and pixels under them, that are held in registers. */
#define DEPTHWISE_TAPS 7
#define DEPTHWISE_INPUTS 11

KIN_INLINE lanes depthwise_load(const float *from, const size_t count)
{
    return count == LANES ? lanes_load(from) : lanes_load_part(from, count);
}

/* A vector of channels of some pixels, from `channel` on. */
KIN_INLINE void depthwise_store(const kin_depthwise_span *span, const lanes *sums,
                                const size_t pixels, size_t line, size_t pixel, size_t channel,
                                const size_t count)
{
    const lanes low = lanes_all(span->low), high = lanes_all(span->high);
    const lanes bias = lanes_load(span->bias + channel);
    float *to = span->output + line * span->output_line + pixel * span->output_stride + channel;
    const float *sum = span->sum;
    if (sum != NULL) sum += line * span->sum_line + pixel * span->sum_stride + channel;
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++, to += span->output_stride) {
        lanes x = sums[p] + bias;
        if (sum != NULL) {
            x = x + depthwise_load(sum, count);
            sum += span->sum_stride;
        }
        x = lanes_min(high, lanes_max(low, x));
        if (count == LANES)
            lanes_store(to, x);
        else
            lanes_store_part(to, x, count);
    }
}

/* Any taps. */
KIN_INLINE void depthwise_any(const kin_depthwise_span *span, const size_t pixels, size_t line,
                              size_t pixel, size_t channel, const size_t count)
{
    lanes sums[DEPTHWISE_PIXELS];
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++)
        sums[p] = lanes_all(0);
    const float *first = span->input + line * span->line_step + pixel * span->pixel_step + channel;
    for (size_t y = 0; y < span->taps_y; y++) {
        const float *a = first + y * span->tap_line;
        const float *w = span->weights + y * span->weight_line + channel;
        for (size_t x = 0; x < span->taps_x; x++, a += span->tap_step, w += span->weight_step) {
            lanes weight = lanes_load(w);
#pragma GCC unroll 4
            for (size_t p = 0; p < pixels; p++)
                sums[p] =
                    lanes_fma(depthwise_load(a + p * span->pixel_step, count), weight, sums[p]);
        }
    }
    depthwise_store(span, sums, pixels, line, pixel, channel, count);
}

/* `taps` next to each other in a line, pixels `stride` taps apart: the pixels under a line of taps
 * are loaded once. */
KIN_INLINE void depthwise_sliding(const kin_depthwise_span *span, const size_t taps,
                                  const size_t stride, const size_t pixels, size_t line,
                                  size_t pixel, size_t channel, const size_t count)
{
    lanes sums[DEPTHWISE_PIXELS];
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++)
        sums[p] = lanes_all(0);
    const float *first = span->input + line * span->line_step + pixel * span->pixel_step + channel;
    for (size_t y = 0; y < span->taps_y; y++) {
        const float *a = first + y * span->tap_line;
        const float *w = span->weights + y * span->weight_line + channel;
        lanes inputs[DEPTHWISE_INPUTS];
#pragma GCC unroll 11
        for (size_t i = 0; i < (pixels - 1) * stride + taps; i++, a += span->tap_step)
            inputs[i] = depthwise_load(a, count);
#pragma GCC unroll 7
        for (size_t x = 0; x < taps; x++, w += span->weight_step) {
            lanes weight = lanes_load(w);
#pragma GCC unroll 4
            for (size_t p = 0; p < pixels; p++)
                sums[p] = lanes_fma(inputs[p * stride + x], weight, sums[p]);
        }
    }
    depthwise_store(span, sums, pixels, line, pixel, channel, count);
}

/* 3x3 taps at stride 1, two lines of output at a time: four lines of input instead of six. */
KIN_INLINE void depthwise_pair(const kin_depthwise_span *span, const size_t pixels, size_t line,
                               size_t pixel, size_t channel, const size_t count)
{
    lanes sums[2][DEPTHWISE_PIXELS];
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++)
        sums[0][p] = sums[1][p] = lanes_all(0);
    const float *first = span->input + line * span->line_step + pixel * span->pixel_step + channel;
#pragma GCC unroll 4
    for (size_t y = 0; y < 4; y++) {
        const float *a = first + y * span->tap_line;
        lanes inputs[DEPTHWISE_PIXELS + 2];
#pragma GCC unroll 6
        for (size_t i = 0; i < pixels + 2; i++, a += span->tap_step)
            inputs[i] = depthwise_load(a, count);
#pragma GCC unroll 2
        for (size_t l = 0; l < 2; l++) {
            if (y < l || y - l >= 3) continue;
            const float *w = span->weights + (y - l) * span->weight_line + channel;
#pragma GCC unroll 3
            for (size_t x = 0; x < 3; x++, w += span->weight_step) {
                lanes weight = lanes_load(w);
#pragma GCC unroll 4
                for (size_t p = 0; p < pixels; p++)
                    sums[l][p] = lanes_fma(inputs[p + x], weight, sums[l][p]);
            }
        }
    }
    depthwise_store(span, sums[0], pixels, line, pixel, channel, count);
    depthwise_store(span, sums[1], pixels, line + 1, pixel, channel, count);
}

/* All channels of `pixels` pixels, by one of the above. */
typedef void (*depthwise_cells)(const kin_depthwise_span *span, size_t line, size_t pixel);

#define CELLS(name, pixels, call, ...)                                                      \
    static void name##_##pixels(const kin_depthwise_span *from, size_t line, size_t pixel)  \
    {                                                                                       \
        const kin_depthwise_span span = *from; /* no store can change it */                 \
        size_t c = 0;                                                                       \
        for (; c + LANES <= span.channels; c += LANES)                                      \
            call(&span, __VA_ARGS__, line, pixel, c, LANES);                                \
        if (c < span.channels) call(&span, __VA_ARGS__, line, pixel, c, span.channels - c); \
    }

#define SLIDING(taps, stride)                                             \
    CELLS(cells_##taps##_##stride, 1, depthwise_sliding, taps, stride, 1) \
    CELLS(cells_##taps##_##stride, 2, depthwise_sliding, taps, stride, 2) \
    CELLS(cells_##taps##_##stride, 4, depthwise_sliding, taps, stride, 4)

CELLS(cells_any, 1, depthwise_any, 1)
CELLS(cells_any, 2, depthwise_any, 2)
CELLS(cells_any, 4, depthwise_any, 4)
CELLS(cells_pair, 1, depthwise_pair, 1)
CELLS(cells_pair, 2, depthwise_pair, 2)
CELLS(cells_pair, 4, depthwise_pair, 4)
SLIDING(3, 1)
SLIDING(3, 2)
SLIDING(5, 1)
SLIDING(5, 2)
SLIDING(7, 1)

/* [3]: for 1, 2 and 4 pixels. */
static const depthwise_cells *depthwise_choose(const kin_depthwise_span *span)
{
#define CHOICE(name)                 \
    {                                \
        name##_1, name##_2, name##_4 \
    }
    static const depthwise_cells any[3] = CHOICE(cells_any);
    static const depthwise_cells three[2][3] = {CHOICE(cells_3_1), CHOICE(cells_3_2)};
    static const depthwise_cells five[2][3] = {CHOICE(cells_5_1), CHOICE(cells_5_2)};
    static const depthwise_cells seven[3] = CHOICE(cells_7_1);
#undef CHOICE
    bool by_one = span->pixel_step == span->tap_step;
    if (!by_one && span->pixel_step != 2 * span->tap_step) return any;
    switch (span->taps_x) {
    case 3:
        return three[!by_one];
    case 5:
        return five[!by_one];
    case 7:
        return by_one ? seven : any;
    default:
        return any;
    }
}

static void depthwise_lines(const kin_depthwise_span *span, const depthwise_cells *cells,
                            size_t line)
{
    size_t pixel = 0;
    for (; pixel + 4 <= span->pixels; pixel += 4)
        cells[2](span, line, pixel);
    for (; pixel + 2 <= span->pixels; pixel += 2)
        cells[1](span, line, pixel);
    if (pixel < span->pixels) cells[0](span, line, pixel);
}

static void depthwise_run(const kin_depthwise_span *span)
{
    static const depthwise_cells pair[3] = {cells_pair_1, cells_pair_2, cells_pair_4};
    const depthwise_cells *cells = depthwise_choose(span);
    bool pairs = span->taps_x == 3 && span->taps_y == 3 && span->pixel_step == span->tap_step &&
                 span->line_step == span->tap_line;
    size_t line = 0;
    for (; pairs && line + 2 <= span->lines; line += 2)
        depthwise_lines(span, pair, line);
    for (; line < span->lines; line++)
        depthwise_lines(span, cells, line);
}

#endif
