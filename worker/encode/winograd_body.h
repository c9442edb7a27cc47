/* The transforms of Winograd's F(4x4, 3x3) and F(2x2, 3x3) (Lavin and Gray, CVPR 2016), vectors of
 * channels at a time. A tile of m x m outputs needs n x n inputs, n = m + 2. */
#ifndef WORKER_ENCODE_WINOGRAD_BODY_H
#define WORKER_ENCODE_WINOGRAD_BODY_H

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

/* B^T d of one column: d [n], spaced by step, to v [n], spaced likewise. */
KIN_INLINE void winograd_line_in(const size_t m, const lanes *d, lanes *v, const size_t step)
{
    if (m == 2) {
        v[0] = d[0] - d[2 * step];
        v[step] = d[step] + d[2 * step];
        v[2 * step] = d[2 * step] - d[step];
        v[3 * step] = d[step] - d[3 * step];
        return;
    }
    const lanes minus4 = lanes_all(-4), minus5 = lanes_all(-5), two = lanes_all(2);
    lanes d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    lanes d5 = d[5 * step];
    lanes even = lanes_fma(minus4, d2, d4), odd = lanes_fma(minus4, d1, d3);
    lanes even_far = d4 - d2, odd_far = d3 - d1;
    v[0] = lanes_fma(minus4, -d0, lanes_fma(minus5, d2, d4));
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = lanes_fma(two, odd_far, even_far);
    v[4 * step] = lanes_fma(-two, odd_far, even_far);
    v[5 * step] = lanes_fma(minus4, -d1, lanes_fma(minus5, d3, d5));
}

/* A^T w of one column: w [n] to y [m]. */
KIN_INLINE void winograd_line_out(const size_t m, const lanes *w, lanes *y, const size_t step)
{
    lanes near = w[step] + w[2 * step], near_odd = w[step] - w[2 * step];
    if (m == 2) {
        y[0] = w[0] + near;
        y[step] = near_odd - w[3 * step];
        return;
    }
    lanes far = w[3 * step] + w[4 * step], far_odd = w[3 * step] - w[4 * step];
    y[0] = w[0] + near + far;
    y[step] = lanes_fma(lanes_all(2), far_odd, near_odd);
    y[2 * step] = lanes_fma(lanes_all(4), far, near);
    y[3 * step] = lanes_fma(lanes_all(8), far_odd, near_odd) + w[5 * step];
}

KIN_INLINE void winograd_tile_in(const kin_winograd_in *in, const size_t m, size_t channel,
                                 size_t count)
{
    const size_t n = m + 2;
    lanes d[36], t[36];
#pragma GCC unroll 36
    for (size_t i = 0; i < n * n; i++)
        d[i] = count == LANES ? lanes_load(in->pixels[i] + channel)
                              : lanes_load_part(in->pixels[i] + channel, count);
#pragma GCC unroll 6
    for (size_t x = 0; x < n; x++)
        winograd_line_in(m, d + x, t + x, n);
#pragma GCC unroll 6
    for (size_t y = 0; y < n; y++)
        winograd_line_in(m, t + y * n, d + y * n, 1);
#pragma GCC unroll 36
    for (size_t i = 0; i < n * n; i++)
        lanes_store(in->to + i * in->step + channel, d[i]);
}

KIN_INLINE void winograd_tile_out(const kin_winograd_out *out, const size_t m, size_t channel,
                                  size_t count)
{
    const size_t n = m + 2;
    lanes w[36], t[24], y[16];
#pragma GCC unroll 36
    for (size_t i = 0; i < n * n; i++)
        w[i] = lanes_load(out->from + i * out->step + channel);
#pragma GCC unroll 6
    for (size_t x = 0; x < n; x++)
        winograd_line_out(m, w + x, t + x, n);
#pragma GCC unroll 4
    for (size_t i = 0; i < m; i++)
        winograd_line_out(m, t + i * n, y + i * m, 1);
    lanes bias = lanes_load(out->bias + channel);
    const lanes low = lanes_all(out->low), high = lanes_all(out->high);
#pragma GCC unroll 4
    for (size_t i = 0; i < m; i++) {
        if (i >= out->lines) break;
        float *to = out->output + i * out->output_line + channel;
        const float *sum = out->sum + i * out->sum_line + channel;
#pragma GCC unroll 4
        for (size_t j = 0; j < m; j++) {
            if (j >= out->columns) break;
            lanes x = y[i * m + j] + bias;
            if (out->has_sum)
                x = x + (count == LANES ? lanes_load(sum + j * out->sum_stride)
                                        : lanes_load_part(sum + j * out->sum_stride, count));
            x = lanes_min(high, lanes_max(low, x));
            if (count == LANES)
                lanes_store(to + j * out->output_stride, x);
            else
                lanes_store_part(to + j * out->output_stride, x, count);
        }
    }
}

#define WINOGRAD(m)                                                             \
    static void winograd_in_##m(const kin_winograd_in *in)                      \
    {                                                                           \
        size_t c = 0;                                                           \
        for (; c + LANES <= in->channels; c += LANES)                           \
            winograd_tile_in(in, m, c, LANES);                                  \
        if (c < in->channels) winograd_tile_in(in, m, c, in->channels - c);     \
    }                                                                           \
    static void winograd_out_##m(const kin_winograd_out *out)                   \
    {                                                                           \
        size_t c = 0;                                                           \
        for (; c + LANES <= out->channels; c += LANES)                          \
            winograd_tile_out(out, m, c, LANES);                                \
        if (c < out->channels) winograd_tile_out(out, m, c, out->channels - c); \
    }

WINOGRAD(2)
WINOGRAD(4)

#endif
