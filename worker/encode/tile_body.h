/* The micro-kernel: rows x vectors sums stay in registers while k runs. Each sum takes its products
 * in the order of k, whatever the tile, which is why a result does not depend on the tile.
 * Method: Goto and van de Geijn, TOMS 2008; without their copy of a. */
#ifndef WORKER_ENCODE_TILE_BODY_H
#define WORKER_ENCODE_TILE_BODY_H

#include "worker/encode/gemm_kernel.h"
#include "worker/encode/lanes.h"

/* Floats that b is fetched ahead: 8 rows of a panel. */
#define TILE_AHEAD (8 * 2 * LANES)

/* x = sum + bias + residual, clipped, to c. */
KIN_INLINE void tile_store(const kin_tile *tile, size_t row, size_t vector, lanes x)
{
    size_t at = vector * LANES;
    x = x + lanes_load(tile->bias + at);
    if (tile->sum != NULL) x = x + lanes_load(tile->sum + row * tile->sum_stride + at);
    x = lanes_min(lanes_all(tile->high), lanes_max(lanes_all(tile->low), x));
    lanes_store(tile->c + row * tile->c_stride + at, x);
}

/* The same for the last vector of c, which is not full. */
KIN_INLINE void tile_store_part(const kin_tile *tile, size_t row, size_t vector, lanes x)
{
    size_t at = vector * LANES, count = tile->columns - at;
    x = x + lanes_load(tile->bias + at);
    if (tile->sum != NULL) x = x + lanes_load_part(tile->sum + row * tile->sum_stride + at, count);
    x = lanes_min(lanes_all(tile->high), lanes_max(lanes_all(tile->low), x));
    lanes_store_part(tile->c + row * tile->c_stride + at, x, count);
}

KIN_INLINE void tile_run(const kin_tile *tile, const size_t rows, const size_t vectors)
{
    lanes sums[TILE_ROWS][2];
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++)
        sums[r][0] = sums[r][1] = lanes_all(0);
    const float *b = tile->panel;
    const size_t stride = tile->a_stride, length = tile->segment_length;
    for (size_t s = 0; s < tile->segment_count; s++) {
        /* Four rows from each of three pointers: there are not registers for twelve. */
        const float *a0 = tile->a + tile->segments[s];
        const float *a4 = rows > 4 ? a0 + 4 * stride : a0, *a8 = rows > 8 ? a4 + 4 * stride : a0;
        for (size_t k = 0; k < length; k++) {
            __builtin_prefetch(b + TILE_AHEAD);
            if (vectors == 2 && LANES == 16) __builtin_prefetch(b + TILE_AHEAD + LANES);
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
    if (tile->columns == vectors * LANES) {
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (size_t v = 0; v < vectors; v++)
                tile_store(tile, r, v, sums[r][v]);
        return;
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        if (vectors == 2) tile_store(tile, r, 0, sums[r][0]);
        tile_store_part(tile, r, vectors - 1, sums[r][vectors - 1]);
    }
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
