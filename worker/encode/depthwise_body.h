/* Depthwise convolution: vectors of channels, four pixels at a time, so that weights and, where
 * taps overlap, pixels are loaded once for several sums. Taps come in order, lines first. */
#ifndef WORKER_ENCODE_DEPTHWISE_BODY_H
#define WORKER_ENCODE_DEPTHWISE_BODY_H

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

#define DEPTHWISE_PIXELS 4

KIN_INLINE lanes depthwise_load(const float *from, size_t count)
{
    return count == LANES ? lanes_load(from) : lanes_load_part(from, count);
}

KIN_INLINE void depthwise_store(const kin_depthwise_span *span, size_t pixel, size_t channel,
                                size_t count, lanes x)
{
    x = x + lanes_load(span->bias + channel);
    if (span->sum != NULL)
        x = x + depthwise_load(span->sum + pixel * span->sum_stride + channel, count);
    x = lanes_min(lanes_all(span->high), lanes_max(lanes_all(span->low), x));
    float *to = span->output + pixel * span->output_stride + channel;
    if (count == LANES)
        lanes_store(to, x);
    else
        lanes_store_part(to, x, count);
}

/* One vector of channels of some pixels. */
KIN_INLINE void depthwise_any(const kin_depthwise_span *span, size_t pixel, const size_t pixels,
                              size_t channel, size_t count)
{
    lanes sums[DEPTHWISE_PIXELS];
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++)
        sums[p] = lanes_all(0);
    for (size_t y = 0; y < span->taps_y; y++) {
        const float *a = span->input + y * span->tap_line + pixel * span->pixel_step + channel;
        const float *w = span->weights + y * span->weight_line + channel;
        for (size_t x = 0; x < span->taps_x; x++) {
            lanes weight = lanes_load(w + x * span->weight_step);
#pragma GCC unroll 4
            for (size_t p = 0; p < pixels; p++)
                sums[p] =
                    lanes_fma(depthwise_load(a + x * span->tap_step + p * span->pixel_step, count),
                              weight, sums[p]);
        }
    }
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++)
        depthwise_store(span, pixel + p, channel, count, sums[p]);
}

/* Three taps a line, a pixel's step apart (stride 1): six pixels feed four sums. */
KIN_INLINE void depthwise_three(const kin_depthwise_span *span, size_t pixel, size_t channel,
                                size_t count)
{
    lanes sums[DEPTHWISE_PIXELS];
#pragma GCC unroll 4
    for (size_t p = 0; p < DEPTHWISE_PIXELS; p++)
        sums[p] = lanes_all(0);
    for (size_t y = 0; y < span->taps_y; y++) {
        const float *a = span->input + y * span->tap_line + pixel * span->pixel_step + channel;
        const float *w = span->weights + y * span->weight_line + channel;
        lanes inputs[DEPTHWISE_PIXELS + 2];
#pragma GCC unroll 6
        for (size_t p = 0; p < DEPTHWISE_PIXELS + 2; p++)
            inputs[p] = depthwise_load(a + p * span->pixel_step, count);
#pragma GCC unroll 3
        for (size_t x = 0; x < 3; x++) {
            lanes weight = lanes_load(w + x * span->weight_step);
#pragma GCC unroll 4
            for (size_t p = 0; p < DEPTHWISE_PIXELS; p++)
                sums[p] = lanes_fma(inputs[p + x], weight, sums[p]);
        }
    }
#pragma GCC unroll 4
    for (size_t p = 0; p < DEPTHWISE_PIXELS; p++)
        depthwise_store(span, pixel + p, channel, count, sums[p]);
}

static void depthwise_run(const kin_depthwise_span *span)
{
    size_t pixel = 0, full = span->channels / LANES * LANES, rest = span->channels - full;
    bool three = span->taps_x == 3 && span->tap_step == span->pixel_step;
    for (; pixel + DEPTHWISE_PIXELS <= span->pixels; pixel += DEPTHWISE_PIXELS) {
        if (three) {
            for (size_t c = 0; c < full; c += LANES)
                depthwise_three(span, pixel, c, LANES);
            if (rest != 0) depthwise_three(span, pixel, full, rest);
        } else {
            for (size_t c = 0; c < full; c += LANES)
                depthwise_any(span, pixel, DEPTHWISE_PIXELS, c, LANES);
            if (rest != 0) depthwise_any(span, pixel, DEPTHWISE_PIXELS, full, rest);
        }
    }
    for (; pixel < span->pixels; pixel++) {
        for (size_t c = 0; c < full; c += LANES)
            depthwise_any(span, pixel, 1, c, LANES);
        if (rest != 0) depthwise_any(span, pixel, 1, full, rest);
    }
}

#endif
