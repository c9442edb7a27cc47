/* The micro-kernel: rows x vectors sums stay in registers while k runs. Each sum takes its products
 * in the order of k, whatever the tile, which is why a result does not depend on the tile.
 * Method: Goto and van de Geijn, TOMS 2008; without their copy of a. */
#ifndef WORKER_ENCODE_TILE_BODY_H
#define WORKER_ENCODE_TILE_BODY_H

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

/* Sums of a tile: whole vectors, and for kernels with half a vector behind them, that. */
typedef struct tile_sums {
    lanes whole[TILE_ROWS][2];
    half_lanes half[TILE_ROWS];
} tile_sums;

/* x + bias + residual, clipped. */
KIN_INLINE lanes tile_finish(lanes x, lanes bias, const float *sum, lanes low, lanes high)
{
    x = x + bias;
    if (sum != NULL) x = x + lanes_load(sum);
    return lanes_min(high, lanes_max(low, x));
}

KIN_INLINE half_lanes tile_finish_half(half_lanes x, half_lanes bias, const float *sum,
                                       half_lanes low, half_lanes high)
{
    x = x + bias;
    if (sum != NULL) x = x + half_load(sum);
    return half_min(high, half_max(low, x));
}

/* Rows whose vectors are not all full, one after the other: they are few, and short code. sums
 * [rows][width]. */
static __attribute__((noinline)) void tile_store_part(const kin_tile *tile, const float *sums,
                                                      size_t rows, size_t width)
{
    const lanes low = lanes_all(tile->low), high = lanes_all(tile->high);
    for (size_t r = 0; r < rows; r++, sums += width)
        for (size_t at = 0; at < tile->columns; at += LANES) {
            size_t left = tile->columns - at, count = left < LANES ? left : LANES;
            lanes x = lanes_load(sums + at);
            if (tile->bias != NULL) x = x + lanes_load_part(tile->bias + at, count);
            if (tile->sum != NULL)
                x = x + lanes_load_part(tile->sum + r * tile->sum_stride + at, count);
            x = lanes_min(high, lanes_max(low, x));
            lanes_store_part(tile->c + r * tile->c_stride + at, x, count);
        }
}

/* The sums of a row as they are. */
KIN_INLINE void tile_store_row(float *to, const tile_sums *sums, size_t r, const size_t vectors,
                               const bool half)
{
#pragma GCC unroll 2
    for (size_t v = 0; v < vectors; v++)
        lanes_store(to + v * LANES, sums->whole[r][v]);
    if (half) half_store(to + vectors * LANES, sums->half[r]);
}

/* All columns, with bias, and sum or none. */
KIN_INLINE void tile_store_whole(const kin_tile *tile, const tile_sums *sums, const float *sum,
                                 const size_t rows, const size_t vectors, const bool half)
{
    const lanes low = lanes_all(tile->low), high = lanes_all(tile->high);
    const half_lanes low_half = half_all(tile->low), high_half = half_all(tile->high);
    const size_t c_stride = tile->c_stride, sum_stride = tile->sum_stride, end = vectors * LANES;
    float *c = tile->c;
    /* What is the same for all rows is loaded before c is written. */
    lanes bias[2];
#pragma GCC unroll 2
    for (size_t v = 0; v < vectors; v++)
        bias[v] = lanes_load(tile->bias + v * LANES);
    const half_lanes bias_half = half_load(tile->bias + (half ? end : 0));
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        const float *from = sum == NULL ? NULL : sum + r * sum_stride;
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            lanes_store(c + r * c_stride + v * LANES,
                        tile_finish(sums->whole[r][v], bias[v],
                                    from == NULL ? NULL : from + v * LANES, low, high));
        if (half)
            half_store(c + r * c_stride + end,
                       tile_finish_half(sums->half[r], bias_half, from == NULL ? NULL : from + end,
                                        low_half, high_half));
    }
}

/* The sums of a tile to c. */
KIN_INLINE void tile_store(const kin_tile *tile, const tile_sums *sums, const size_t rows,
                           const size_t vectors, const bool half)
{
    const size_t width = vectors * LANES + (half ? LANES_HALF : 0);
    if (tile->columns != width) {
        float buffer[TILE_ROWS * 2 * LANES + LANES]; /* part of a vector behind the last row */
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
            tile_store_row(buffer + r * width, sums, r, vectors, half);
        tile_store_part(tile, buffer, rows, width);
    } else if (tile->bias == NULL) {
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
            tile_store_row(tile->c + r * tile->c_stride, sums, r, vectors, half);
    } else if (tile->sum == NULL) {
        tile_store_whole(tile, sums, NULL, rows, vectors, half);
    } else {
        tile_store_whole(tile, sums, tile->sum, rows, vectors, half);
    }
}

/* The sums themselves; fetches tells whether there is something to fetch meanwhile. */
KIN_INLINE void tile_sum(const kin_tile *tile, tile_sums *sums, const size_t rows,
                         const size_t vectors, const bool half, const bool fetches)
{
    const float *b = tile->panel;
    uintptr_t ahead = tile->ahead;
    const size_t ahead_step = tile->ahead_step;
    const size_t stride = tile->a_stride, length = tile->segment_length;
    for (size_t s = 0; s < tile->segment_count; s++) {
        /* Four rows from each of three pointers: there are not registers for twelve. */
        const float *a0 = tile->a + tile->segments[s];
        const float *a4 = rows > 4 ? a0 + 4 * stride : a0, *a8 = rows > 8 ? a4 + 4 * stride : a0;
        for (size_t k = 0; k < length; k++) {
            if (fetches) {
                __builtin_prefetch((const void *)ahead, 0, 2);
                ahead += ahead_step;
            }
            lanes b0 = vectors > 0 ? lanes_load(b) : lanes_all(0);
            lanes b1 = vectors == 2 ? lanes_load(b + LANES) : b0;
            half_lanes b2 = half ? half_load(b + vectors * LANES) : half_all(0);
#pragma GCC unroll 12
            for (size_t r = 0; r < rows; r++) {
                const float *a = (r < 4 ? a0 : r < 8 ? a4 : a8) + (r & 3) * stride;
                lanes x = lanes_all(*a);
                if (vectors > 0) sums->whole[r][0] = lanes_fma(x, b0, sums->whole[r][0]);
                if (vectors == 2) sums->whole[r][1] = lanes_fma(x, b1, sums->whole[r][1]);
                if (half) sums->half[r] = half_fma(half_all(*a), b2, sums->half[r]);
            }
            a0++, a4++, a8++;
            b += vectors * LANES + (half ? LANES_HALF : 0);
        }
    }
}

KIN_INLINE void tile_run(const kin_tile *tile, const size_t rows, const size_t vectors,
                         const bool half)
{
    tile_sums sums;
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        sums.whole[r][0] = sums.whole[r][1] = lanes_all(0);
        sums.half[r] = half_all(0);
    }
    if (tile->ahead_step != 0)
        tile_sum(tile, &sums, rows, vectors, half, true);
    else
        tile_sum(tile, &sums, rows, vectors, half, false);
    tile_store(tile, &sums, rows, vectors, half);
}

/* Kernels of `rows` rows: of whole vectors, and, with halves, of 1/2 and 3/2. */
#define TILE_WHOLE(rows)                              \
    static void tile_##rows##_1(const kin_tile *tile) \
    {                                                 \
        tile_run(tile, rows, 1, false);               \
    }                                                 \
    static void tile_##rows##_2(const kin_tile *tile) \
    {                                                 \
        tile_run(tile, rows, 2, false);               \
    }
#define TILE_HALF(rows)                                    \
    static void tile_##rows##_half(const kin_tile *tile)   \
    {                                                      \
        tile_run(tile, rows, 0, true);                     \
    }                                                      \
    static void tile_##rows##_1_half(const kin_tile *tile) \
    {                                                      \
        tile_run(tile, rows, 1, true);                     \
    }
#if LANES_HALF < LANES
#define TILE(rows) TILE_WHOLE(rows) TILE_HALF(rows)
#define TILE_WIDTHS                                    \
    {                                                  \
        TILES(half), TILES(1), TILES(1_half), TILES(2) \
    }
#else
#define TILE(rows) TILE_WHOLE(rows)
#define TILE_WIDTHS        \
    {                      \
        TILES(1), TILES(2) \
    }
#endif

TILE(1)
TILE(2)
TILE(3)
TILE(4)
#if TILE_ROWS >= 6
TILE(5)
TILE(6)
#endif
#if TILE_ROWS >= 12
TILE(7)
TILE(8)
TILE(9)
TILE(10)
TILE(11)
TILE(12)
#define TILES(width)                                                                         \
    {                                                                                        \
        tile_1_##width, tile_2_##width, tile_3_##width, tile_4_##width, tile_5_##width,      \
            tile_6_##width, tile_7_##width, tile_8_##width, tile_9_##width, tile_10_##width, \
            tile_11_##width, tile_12_##width                                                 \
    }
#elif TILE_ROWS >= 6
#define TILES(width)                                                                    \
    {                                                                                   \
        tile_1_##width, tile_2_##width, tile_3_##width, tile_4_##width, tile_5_##width, \
            tile_6_##width                                                              \
    }
#else
#define TILES(width)                                                   \
    {                                                                  \
        tile_1_##width, tile_2_##width, tile_3_##width, tile_4_##width \
    }
#endif

#endif
