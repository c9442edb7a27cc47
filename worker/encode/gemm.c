/* Products on packed panels: how rows and panels are walked. */
#include "worker/encode/gemm.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/gemm_kernel.h"

/* Rows of a that are walked with all panels before the next ones: half a second-level cache. */
#define CHUNK_BYTES ((size_t)256 << 10)
/* Fewer rows would have the panels read too often; a multiple of the rows of every tile. */
#define CHUNK_ROWS_MIN 48
/* Panels that stay in the cache while all rows pass: then c is written from end to end. */
#define PANELS_SMALL_BYTES ((size_t)128 << 10)
/* Below this depth a tile waits for c rather than for its sums: c is fetched ahead. */
#define SHALLOW 96
/* Rows this many floats apart share their sets of a first-level cache, which has this many ways. */
#define SET_STRIDE 1024
#define SET_WAYS 8

struct kin_packed {
    const kin_kernels *kernels;
    size_t depth, columns, floats;
    float *panels, *bias; /* one allocation, the bias behind the panels */
};

float *kin_weights_alloc(size_t count)
{
    float *memory = kin_memory_large(count * sizeof *memory);
    KIN_CHECK(memory != NULL);
    return memory;
}

size_t kin_panels_columns(const kin_kernels *kernels, size_t columns)
{
    return (columns + kernels->column_step - 1) / kernels->column_step * kernels->column_step;
}

/* Columns [first, first + width) of b to one panel [depth][width], zeros behind b's last column. */
static void pack_panel(size_t depth, size_t width, size_t columns, const float *b, size_t k_stride,
                       size_t j_stride, float *panel)
{
    for (size_t k = 0; k < depth; k++, panel += width) {
        const float *from = b + k * k_stride;
        size_t j = 0;
        if (j_stride == 1) {
            memcpy(panel, from, columns * sizeof *panel);
            j = columns;
        }
        for (; j < columns; j++)
            panel[j] = from[j * j_stride];
        for (; j < width; j++)
            panel[j] = 0;
    }
}

void kin_panels_pack(const kin_kernels *kernels, size_t depth, size_t columns, const float *b,
                     size_t k_stride, size_t j_stride, float *panels)
{
    size_t padded = kin_panels_columns(kernels, columns), width = 2 * kernels->lanes;
    for (size_t first = 0; first < columns; first += width) {
        size_t wide = padded - first < width ? padded - first : width;
        size_t taken = columns - first < width ? columns - first : width;
        pack_panel(depth, wide, taken, b + first * j_stride, k_stride, j_stride,
                   panels + first * depth);
    }
}

/* Panel `first` / width. */
static void set_panel(const kin_kernels *kernels, const kin_product *product, kin_tile *tile,
                      size_t first)
{
    size_t columns = product->columns - first, width = 2 * kernels->lanes;
    tile->columns = columns < width ? columns : width;
    tile->panel = product->panels + first * product->depth;
    if (product->bias != NULL) tile->bias = product->bias + first;
}

/* Calls for the lines of c that a tile will write. */
static void fetch_rows(const kin_tile *tile, size_t rows)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t j = 0; j < tile->columns; j += KIN_ALIGNMENT / sizeof(float))
            __builtin_prefetch(tile->c + row * tile->c_stride + j, 1);
}

/* Calls for the lines of the sum, which the tile adds when all else is done. */
static void fetch_sum(const kin_tile *tile, size_t rows)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t j = 0; j < tile->columns; j += KIN_ALIGNMENT / sizeof(float))
            __builtin_prefetch(tile->sum + row * tile->sum_stride + j);
}

/* Rows [row, row + rows) of a line against one panel. */
static void run_tile(const kin_kernels *kernels, const kin_product *product, kin_tile *tile,
                     size_t line, size_t row, size_t rows, size_t first)
{
    size_t step = (tile->columns - 1) / kernels->column_step;
    tile->a = product->a + line * product->a_line + row * product->a_stride;
    tile->c = product->c + line * product->c_line + row * product->c_stride + first;
    if (product->sum != NULL)
        tile->sum = product->sum + line * product->sum_line + row * product->sum_stride + first;
    if (product->depth < SHALLOW) fetch_rows(tile, rows);
    if (tile->sum != NULL) fetch_sum(tile, rows);
    kernels->tiles[step][rows - 1](tile);
}

/* What does not clip, on what the tiles have left in the cache. */
static void activate(const kin_kernels *kernels, const kin_product *product, size_t line,
                     size_t row, size_t rows, size_t first, size_t columns)
{
    kin_kernels_activate(kernels, product->activation,
                         product->c + line * product->c_line + row * product->c_stride + first,
                         rows, columns, product->c_stride);
}

/* Row i of n nearly equal parts of a line begins here. */
static size_t part_begin(size_t rows, size_t parts, size_t i)
{
    return rows / parts * i + (i < rows % parts ? i : rows % parts);
}

void kin_product_run(const kin_kernels *kernels, const kin_product *product)
{
    static const size_t whole[1] = {0};
    kin_tile tile = {.a_stride = product->a_stride,
                     .segments = whole,
                     .segment_count = 1,
                     .segment_length = product->depth,
                     .sum_stride = product->sum_stride,
                     .c_stride = product->c_stride};
    if (product->segments != NULL) {
        tile.segments = product->segments;
        tile.segment_count = product->segment_count;
        tile.segment_length = product->segment_length;
    }
    bool clips = kin_activation_clips(product->activation, &tile.low, &tile.high);
    size_t rows = product->rows, width = 2 * kernels->lanes, columns = product->columns;
    size_t most = kernels->tile_rows;
    if (product->a_stride % SET_STRIDE == 0 && most > SET_WAYS) most = SET_WAYS;
    size_t tiles = (rows + most - 1) / most;
    if (columns * product->depth * sizeof(float) <= PANELS_SMALL_BYTES) {
        for (size_t line = 0; line < product->lines; line++)
            for (size_t i = 0; i < tiles; i++) {
                size_t row = part_begin(rows, tiles, i), end = part_begin(rows, tiles, i + 1);
                for (size_t first = 0; first < columns; first += width) {
                    set_panel(kernels, product, &tile, first);
                    run_tile(kernels, product, &tile, line, row, end - row, first);
                }
                if (!clips) activate(kernels, product, line, row, end - row, 0, columns);
            }
        return;
    }
    /* While the tiles of a panel run, the next panel comes nearer, evenly. */
    if (tiles * product->lines > 1)
        tile.ahead_step = width * sizeof(float) / (tiles * product->lines);
    for (size_t first = 0; first < columns; first += width) {
        set_panel(kernels, product, &tile, first);
        tile.ahead = (uintptr_t)tile.panel + width * product->depth * sizeof(float);
        for (size_t line = 0; line < product->lines; line++) {
            for (size_t i = 0; i < tiles; i++) {
                size_t row = part_begin(rows, tiles, i), end = part_begin(rows, tiles, i + 1);
                run_tile(kernels, product, &tile, line, row, end - row, first);
                tile.ahead += tile.ahead_step * product->depth;
            }
            if (!clips) activate(kernels, product, line, 0, rows, first, tile.columns);
        }
    }
}

kin_packed *kin_packed_new_for(const kin_kernels *kernels, size_t depth, size_t columns,
                               const float *b, size_t k_stride, size_t j_stride, const float *bias)
{
    kin_packed *packed = kin_malloc(sizeof *packed);
    size_t padded = kin_panels_columns(kernels, columns);
    *packed = (kin_packed){.kernels = kernels, .depth = depth, .columns = columns};
    packed->floats = padded * (depth + 1);
    packed->panels = kin_weights_alloc(packed->floats);
    packed->bias = packed->panels + padded * depth;
    kin_panels_pack(kernels, depth, columns, b, k_stride, j_stride, packed->panels);
    for (size_t j = 0; j < padded; j++)
        packed->bias[j] = bias != NULL && j < columns ? bias[j] : 0;
    return packed;
}

kin_packed *kin_packed_new(size_t depth, size_t columns, const float *b, size_t k_stride,
                           size_t j_stride, const float *bias)
{
    return kin_packed_new_for(kin_kernels_here(), depth, columns, b, k_stride, j_stride, bias);
}

void kin_packed_destroy(kin_packed **packed)
{
    if (*packed == NULL) return;
    free((*packed)->panels);
    free(*packed);
    *packed = NULL;
}

size_t kin_packed_bytes(const kin_packed *packed)
{
    return packed->floats * sizeof(float);
}

/* Rows in chunks of a that stay in the second-level cache while the panels pass. */
static void run_chunks(const kin_kernels *kernels, const kin_product *whole)
{
    size_t row_bytes = (whole->depth + 1) * sizeof(float), tile_rows = kernels->tile_rows;
    size_t chunk = CHUNK_BYTES / row_bytes / tile_rows * tile_rows;
    if (chunk < CHUNK_ROWS_MIN) chunk = CHUNK_ROWS_MIN;
    for (size_t row = 0; row < whole->rows; row += chunk) {
        kin_product product = *whole;
        product.rows = whole->rows - row < chunk ? whole->rows - row : chunk;
        product.a += row * whole->a_stride;
        product.c += row * whole->c_stride;
        if (product.sum != NULL) product.sum += row * whole->sum_stride;
        kin_product_run(kernels, &product);
    }
}

void kin_gemm(const kin_packed *packed, const float *a, size_t a_stride, size_t rows, float *c,
              size_t c_stride, const float *sum, size_t sum_stride,
              const kin_activation *activation)
{
    run_chunks(packed->kernels, &(kin_product){.panels = packed->panels,
                                               .bias = packed->bias,
                                               .depth = packed->depth,
                                               .columns = packed->columns,
                                               .lines = 1,
                                               .rows = rows,
                                               .a = a,
                                               .a_stride = a_stride,
                                               .c = c,
                                               .c_stride = c_stride,
                                               .sum = sum,
                                               .sum_stride = sum_stride,
                                               .activation = activation});
}

size_t kin_gemm_scratch_bytes_for(const kin_kernels *kernels, size_t depth, size_t columns)
{
    return kin_panels_columns(kernels, columns) * (depth + 1) * sizeof(float);
}

size_t kin_gemm_scratch_bytes(size_t depth, size_t columns)
{
    return kin_gemm_scratch_bytes_for(kin_kernels_here(), depth, columns);
}

void kin_gemm_unpacked_for(const kin_kernels *kernels, const float *a, size_t a_stride, size_t rows,
                           size_t depth, const float *b, size_t k_stride, size_t j_stride,
                           size_t columns, float *c, size_t c_stride, void *scratch)
{
    float *panels = scratch, *bias = panels + kin_panels_columns(kernels, columns) * depth;
    kin_panels_pack(kernels, depth, columns, b, k_stride, j_stride, panels);
    memset(bias, 0, kin_panels_columns(kernels, columns) * sizeof *bias);
    run_chunks(kernels, &(kin_product){.panels = panels,
                                       .bias = bias,
                                       .depth = depth,
                                       .columns = columns,
                                       .lines = 1,
                                       .rows = rows,
                                       .a = a,
                                       .a_stride = a_stride,
                                       .c = c,
                                       .c_stride = c_stride});
}

void kin_gemm_unpacked(const float *a, size_t a_stride, size_t rows, size_t depth, const float *b,
                       size_t k_stride, size_t j_stride, size_t columns, float *c, size_t c_stride,
                       void *scratch)
{
    kin_gemm_unpacked_for(kin_kernels_here(), a, a_stride, rows, depth, b, k_stride, j_stride,
                          columns, c, c_stride, scratch);
}
