/* The micro-kernel: rows x vectors sums stay in registers while k runs. Each sum takes its products
 * in the order of k, whatever the tile, which is why a result does not depend on the tile.
 * Method: Goto and van de Geijn, TOMS 2008; without their copy of a. */
#ifndef WORKER_ENCODE_TILE_BODY_H
#define WORKER_ENCODE_TILE_BODY_H

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

/* x + bias + residual, clipped. */
KIN_INLINE lanes tile_finish(lanes x, lanes bias, const float *sum, lanes low, lanes high)
{
    x = x + bias;
    if (sum != NULL) x = x + lanes_load(sum);
    return lanes_min(high, lanes_max(low, x));
}

/* Rows whose vectors are not all full, one after the other: they are few, and short code. */
static __attribute__((noinline)) void tile_store_part(const kin_tile *tile, const float *sums,
                                                      size_t rows, size_t vectors)
{
    const lanes low = lanes_all(tile->low), high = lanes_all(tile->high);
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++, sums += LANES) {
            size_t at = v * LANES, left = tile->columns - at, count = left < LANES ? left : LANES;
            lanes x = lanes_load(sums);
            if (tile->bias != NULL) x = x + lanes_load(tile->bias + at);
            if (tile->sum != NULL)
                x = x + lanes_load_part(tile->sum + r * tile->sum_stride + at, count);
            x = lanes_min(high, lanes_max(low, x));
            lanes_store_part(tile->c + r * tile->c_stride + at, x, count);
        }
}

/* The sums of a tile to c; what is the same for all rows is loaded before c is written. */
KIN_INLINE void tile_store(const kin_tile *tile, lanes (*sums)[2], const size_t rows,
                           const size_t vectors)
{
    const size_t c_stride = tile->c_stride, sum_stride = tile->sum_stride;
    float *c = tile->c;
    if (tile->columns != vectors * LANES) {
        float buffer[TILE_ROWS * 2 * LANES];
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (size_t v = 0; v < vectors; v++)
                lanes_store(buffer + (r * vectors + v) * LANES, sums[r][v]);
        tile_store_part(tile, buffer, rows, vectors);
    } else if (tile->bias == NULL) {
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (size_t v = 0; v < vectors; v++)
                lanes_store(c + r * c_stride + v * LANES, sums[r][v]);
    } else {
        const lanes low = lanes_all(tile->low), high = lanes_all(tile->high);
        const lanes bias[2] = {lanes_load(tile->bias),
                               lanes_load(tile->bias + (vectors - 1) * LANES)};
        const float *sum = tile->sum;
        if (sum == NULL) {
#pragma GCC unroll 12
            for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
                for (size_t v = 0; v < vectors; v++)
                    lanes_store(c + r * c_stride + v * LANES,
                                tile_finish(sums[r][v], bias[v], NULL, low, high));
            return;
        }
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (size_t v = 0; v < vectors; v++)
                lanes_store(
                    c + r * c_stride + v * LANES,
                    tile_finish(sums[r][v], bias[v], sum + r * sum_stride + v * LANES, low, high));
    }
}

/* The sums themselves; fetches tells whether there is something to fetch meanwhile. */
KIN_INLINE void tile_sum(const kin_tile *tile, lanes (*sums)[2], const size_t rows,
                         const size_t vectors, const bool fetches)
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
            lanes b0 = lanes_load(b), b1 = vectors == 2 ? lanes_load(b + LANES) : b0;
#pragma GCC unroll 12
            for (size_t r = 0; r < rows; r++) {
                const float *a = r < 4 ? a0 : r < 8 ? a4 : a8;
                lanes x = lanes_all(a[(r & 3) * stride]);
                sums[r][0] = lanes_fma(x, b0, sums[r][0]);
                if (vectors == 2) sums[r][1] = lanes_fma(x, b1, sums[r][1]);
            }
            a0++, a4++, a8++;
            b += vectors * LANES;
        }
    }
}

KIN_INLINE void tile_run(const kin_tile *tile, const size_t rows, const size_t vectors)
{
    lanes sums[TILE_ROWS][2];
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++)
        sums[r][0] = sums[r][1] = lanes_all(0);
    if (tile->ahead_step != 0)
        tile_sum(tile, sums, rows, vectors, true);
    else
        tile_sum(tile, sums, rows, vectors, false);
    tile_store(tile, sums, rows, vectors);
}

#define TILE(rows)                                    \
    static void tile_##rows##_1(const kin_tile *tile) \
    {                                                 \
        tile_run(tile, rows, 1);                      \
    }                                                 \
    static void tile_##rows##_2(const kin_tile *tile) \
    {                                                 \
        tile_run(tile, rows, 2);                      \
    }

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
#define TILES(vectors)                                                                            \
    {                                                                                             \
        tile_1_##vectors, tile_2_##vectors, tile_3_##vectors, tile_4_##vectors, tile_5_##vectors, \
            tile_6_##vectors, tile_7_##vectors, tile_8_##vectors, tile_9_##vectors,               \
            tile_10_##vectors, tile_11_##vectors, tile_12_##vectors                               \
    }
#elif TILE_ROWS >= 6
#define TILES(vectors)                                                                            \
    {                                                                                             \
        tile_1_##vectors, tile_2_##vectors, tile_3_##vectors, tile_4_##vectors, tile_5_##vectors, \
            tile_6_##vectors                                                                      \
    }
#else
#define TILES(vectors)                                                         \
    {                                                                          \
        tile_1_##vectors, tile_2_##vectors, tile_3_##vectors, tile_4_##vectors \
    }
#endif

#endif
