/* The transforms of Winograd's minimal filters (Lavin and Gray, CVPR 2016), vectors of channels at
 * a time. m outputs of r taps in a line need n inputs, n = m + r - 1, and n products: F(m, r). They
 * are polynomials at n - 1 points and at infinity: 0, 1, -1 for n = 4; 2, -2 too for n = 6; 1/2,
 * -1/2 too for n = 8. Tiles are m x m outputs, or m of a line or a column.
 *
 * At stride 2 (n = 5, m = 2, r = 3) the even inputs meet two taps, F(2, 2) at 0, 1 and infinity;
 * the odd ones meet the middle tap as they are. */
#ifndef WORKER_ENCODE_WINOGRAD_BODY_H
#define WORKER_ENCODE_WINOGRAD_BODY_H

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

/* B^T d for n = 4. */
KIN_INLINE void winograd_in_4(const lanes *d, lanes *v, const size_t step)
{
    v[0] = d[0] - d[2 * step];
    v[step] = d[step] + d[2 * step];
    v[2 * step] = d[2 * step] - d[step];
    v[3 * step] = d[step] - d[3 * step];
}

/* Stride 2. */
KIN_INLINE void winograd_in_5(const lanes *d, lanes *v, const size_t step)
{
    v[0] = d[0] - d[2 * step];
    v[step] = d[2 * step];
    v[2 * step] = d[2 * step] - d[4 * step];
    v[3 * step] = d[step];
    v[4 * step] = d[3 * step];
}

KIN_INLINE void winograd_in_6(const lanes *d, lanes *v, const size_t step)
{
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

KIN_INLINE void winograd_in_8(const lanes *d, lanes *v, const size_t step)
{
    const lanes large = lanes_all(5.25f), middle = lanes_all(-4.25f), two = lanes_all(2);
    const lanes half = lanes_all(0.5f), quarter = lanes_all(0.25f), four = lanes_all(4);
    lanes d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    lanes d5 = d[5 * step], d6 = d[6 * step], d7 = d[7 * step];
    lanes even = lanes_fma(middle, d4, d2 + d6), odd = lanes_fma(middle, d3, d1 + d5);
    lanes even_2 = lanes_fma(lanes_all(-1.25f), d4, lanes_fma(quarter, d2, d6));
    lanes odd_2 = lanes_fma(two, d5, lanes_fma(lanes_all(-2.5f), d3, half * d1));
    lanes even_half = lanes_fma(lanes_all(-5), d4, lanes_fma(four, d2, d6));
    lanes odd_half = lanes_fma(half, d5, lanes_fma(lanes_all(-2.5f), d3, two * d1));
    v[0] = lanes_fma(large, d4 - d2, d0 - d6);
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = even_2 + odd_2;
    v[4 * step] = even_2 - odd_2;
    v[5 * step] = even_half + odd_half;
    v[6 * step] = even_half - odd_half;
    v[7 * step] = lanes_fma(large, d3 - d5, d7 - d1);
}

/* B^T d of one line or column: d [n], spaced by step, to v [n], spaced likewise. */
KIN_INLINE void winograd_line_in(const size_t n, const lanes *d, lanes *v, const size_t step)
{
    if (n == 4)
        winograd_in_4(d, v, step);
    else if (n == 5)
        winograd_in_5(d, v, step);
    else if (n == 6)
        winograd_in_6(d, v, step);
    else
        winograd_in_8(d, v, step);
}

/* A^T w of one line or column: w [n], spaced by step, to y [m], spaced likewise. */
KIN_INLINE void winograd_line_out(const size_t n, const size_t m, const lanes *w, lanes *y,
                                  const size_t step)
{
    const lanes two = lanes_all(2);
    if (n == 5) {
        y[0] = w[0] + w[step] + w[3 * step];
        y[step] = w[step] - w[2 * step] + w[4 * step];
        return;
    }
    lanes near = w[step] + w[2 * step], near_odd = w[step] - w[2 * step];
    if (n == 4) {
        y[0] = w[0] + near;
        y[step] = near_odd - w[3 * step];
        return;
    }
    lanes far = w[3 * step] + w[4 * step], far_odd = w[3 * step] - w[4 * step];
    if (n == 8) {
        lanes half = w[5 * step] + w[6 * step], half_odd = w[5 * step] - w[6 * step];
        y[0] = w[0] + near + (far + half);
        y[step] =
            lanes_fma(two, far_odd, lanes_fma(lanes_all(0.5f), half_odd, near_odd + w[7 * step]));
        return;
    }
    y[0] = w[0] + near + far;
    y[step] = lanes_fma(two, far_odd, near_odd);
    if (m == 2) {
        y[step] = y[step] + w[5 * step];
        return;
    }
    y[2 * step] = lanes_fma(lanes_all(4), far, near);
    y[3 * step] = lanes_fma(lanes_all(8), far_odd, near_odd) + w[5 * step];
}

KIN_INLINE lanes winograd_load(const float *from, size_t count)
{
    return count == LANES ? lanes_load(from) : lanes_load_part(from, count);
}

/* A tile of n x n inputs, or, lines being 1, of n in a line. */
KIN_INLINE void winograd_tile_in(const kin_winograd_in *in, const size_t lines, const size_t n,
                                 size_t channel, size_t count)
{
    lanes d[36], t[36];
#pragma GCC unroll 36
    for (size_t i = 0; i < lines * n; i++)
        d[i] = winograd_load(in->pixels[i] + channel, count);
#pragma GCC unroll 6
    for (size_t y = 0; y < lines; y++)
        winograd_line_in(n, d + y * n, t + y * n, 1);
#pragma GCC unroll 6
    for (size_t x = 0; lines > 1 && x < n; x++)
        winograd_line_in(n, t + x, d + x, n);
#pragma GCC unroll 36
    for (size_t i = 0; i < lines * n; i++)
        lanes_store(in->to + i * in->step + channel, lines > 1 ? d[i] : t[i]);
}

/* y [lines][m], as much of it as the picture has. */
KIN_INLINE void winograd_store(const kin_winograd_out *out, const size_t lines, const size_t m,
                               const lanes *y, size_t channel, size_t count)
{
    const lanes bias = lanes_load(out->bias + channel);
    const lanes low = lanes_all(out->low), high = lanes_all(out->high);
#pragma GCC unroll 4
    for (size_t i = 0; i < lines; i++) {
        if (i >= out->lines) break;
        float *to = out->output + i * out->output_line + channel;
        const float *sum = out->sum + i * out->sum_line + channel;
#pragma GCC unroll 4
        for (size_t j = 0; j < m; j++) {
            if (j >= out->columns) break;
            lanes x = y[i * m + j] + bias;
            if (out->has_sum) x = x + winograd_load(sum + j * out->sum_stride, count);
            x = lanes_min(high, lanes_max(low, x));
            if (count == LANES)
                lanes_store(to + j * out->output_stride, x);
            else
                lanes_store_part(to + j * out->output_stride, x, count);
        }
    }
}

/* n x n products to m x m outputs, or, lines being 1, n to m of a line. */
KIN_INLINE void winograd_tile_out(const kin_winograd_out *out, const size_t lines, const size_t n,
                                  const size_t m, size_t channel, size_t count)
{
    lanes w[36], t[24], y[16];
#pragma GCC unroll 36
    for (size_t i = 0; i < lines * n; i++)
        w[i] = lanes_load(out->from + i * out->step + channel);
    if (lines == 1) {
        winograd_line_out(n, m, w, y, 1);
        winograd_store(out, 1, m, y, channel, count);
        return;
    }
#pragma GCC unroll 6
    for (size_t x = 0; x < n; x++)
        winograd_line_out(n, m, w + x, t + x, n);
#pragma GCC unroll 4
    for (size_t i = 0; i < m; i++)
        winograd_line_out(n, m, t + i * n, y + i * m, 1);
    winograd_store(out, m, m, y, channel, count);
}

#define WINOGRAD_IN(name, lines, n)                                                \
    static void name(const kin_winograd_in *in)                                    \
    {                                                                              \
        size_t c = 0;                                                              \
        for (; c + LANES <= in->channels; c += LANES)                              \
            winograd_tile_in(in, lines, n, c, LANES);                              \
        if (c < in->channels) winograd_tile_in(in, lines, n, c, in->channels - c); \
    }
#define WINOGRAD_OUT(name, lines, n, m)                                                   \
    static void name(const kin_winograd_out *out)                                         \
    {                                                                                     \
        size_t c = 0;                                                                     \
        for (; c + LANES <= out->channels; c += LANES)                                    \
            winograd_tile_out(out, lines, n, m, c, LANES);                                \
        if (c < out->channels) winograd_tile_out(out, lines, n, m, c, out->channels - c); \
    }

WINOGRAD_IN(winograd_in_4x4, 4, 4)
WINOGRAD_IN(winograd_in_5x5, 5, 5)
WINOGRAD_IN(winograd_in_6x6, 6, 6)
WINOGRAD_IN(winograd_in_1x6, 1, 6)
WINOGRAD_IN(winograd_in_1x8, 1, 8)
WINOGRAD_OUT(winograd_out_2x2_3x3, 4, 4, 2)
WINOGRAD_OUT(winograd_out_4x4_3x3, 6, 6, 4)
WINOGRAD_OUT(winograd_out_2x2_5x5, 6, 6, 2)
WINOGRAD_OUT(winograd_out_2x2_3x3_2, 5, 5, 2)
WINOGRAD_OUT(winograd_out_4_3, 1, 6, 4)
WINOGRAD_OUT(winograd_out_2_7, 1, 8, 2)

/* In the order of kin_winograd_form. */
#define WINOGRAD                                                                                \
    {                                                                                           \
        {winograd_in_4x4, winograd_out_2x2_3x3}, {winograd_in_6x6, winograd_out_4x4_3x3},       \
            {winograd_in_6x6, winograd_out_2x2_5x5}, {winograd_in_5x5, winograd_out_2x2_3x3_2}, \
            {winograd_in_1x6, winograd_out_4_3}, {winograd_in_1x8, winograd_out_2_7},           \
    }

#endif
