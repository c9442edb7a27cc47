/* What the fast paths ask of an instruction set, and products on packed panels. Internal to
 * gemm.c, activation.c, the convolutions, and their tests.
 *
 * One file an instruction set (gemm_scalar.c, gemm_avx2.c, gemm_avx512.c) compiles all *_body.h
 * over its own lanes.h. */
#ifndef WORKER_ENCODE_GEMM_KERNEL_H
#define WORKER_ENCODE_GEMM_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/cpu.h"
#include "worker/encode/convolution.h"
#include "worker/encode/gemm.h"

/* Cache lines and AVX-512 vectors. */
#define KIN_ALIGNMENT 64
/* Rows of the largest tile of any instruction set, and its columns in steps (kin_kernels). */
#define KIN_TILE_ROWS_MAX 12
#define KIN_TILE_STEPS_MAX 4

/* A few rows of a product, times one panel: c [rows][columns] = min(high, max(low, a b + bias +
 * sum)). A row of a is segment_count runs of segment_length floats, the run s at a + segments[s]:
 * a convolution's patches lie in its input that way. */
typedef struct kin_tile {
    const float *a;
    size_t a_stride; /* from row to row */
    const size_t *segments;
    size_t segment_count, segment_length;
    const float *panel; /* [depth][full width], depth = segment_count * segment_length */
    const float *bias;  /* [full width]; NULL: c is a b and nothing else, not clipped either */
    const float *sum;   /* or NULL; may be c */
    size_t sum_stride;
    float *c;
    size_t c_stride;
    size_t columns; /* up to the width of the kernel */
    /* An address to fetch meanwhile, ahead_step bytes further for each k: weights that come next,
     * or what lies behind them. A step of 0: none. */
    uintptr_t ahead;
    size_t ahead_step;
    float low, high;
} kin_tile;

typedef void (*kin_tile_kernel)(const kin_tile *tile);

/* A rectangle of a depthwise convolution's pixels that have the same taps, all inside the picture.
 * Steps are in floats. */
typedef struct kin_depthwise_span {
    const float *input;           /* first tap of the first pixel */
    size_t pixel_step, line_step; /* of the input, from pixel to pixel and line to line of output */
    size_t tap_step, tap_line;    /* from tap to tap and line of taps to line of taps */
    size_t taps_x, taps_y;
    const float *weights; /* of the first tap: [channels] */
    size_t weight_step, weight_line;
    const float *bias;
    const float *sum; /* or NULL; may be output */
    size_t sum_stride, sum_line;
    float *output;
    size_t output_stride, output_line;
    size_t lines, pixels, channels;
    float low, high;
} kin_depthwise_span;

/* Winograd's transforms that there are: outputs of a tile, taps, stride where it is not 1. Those
 * with one number of each are along a line or a column. */
typedef enum kin_winograd_form {
    KIN_WINOGRAD_2X2_3X3,
    KIN_WINOGRAD_4X4_3X3,
    KIN_WINOGRAD_2X2_5X5,
    KIN_WINOGRAD_2X2_3X3_2, /* at stride 2 */
    KIN_WINOGRAD_4_3,
    KIN_WINOGRAD_2_7,
    KIN_WINOGRAD_FORMS
} kin_winograd_form;

/* A tile of m x m outputs of n x n inputs, or of m of n in a line, of all channels. The
 * arrays behind to, from and bias hold whole vectors. */
typedef struct kin_winograd_in {
    const float *pixels[36]; /* [n][n] or [n] */
    size_t channels;
    float *to; /* [n * n] or [n], step floats apart */
    size_t step;
} kin_winograd_in;

typedef struct kin_winograd_out {
    const float *from; /* [n * n] or [n], step floats apart */
    size_t step;
    const float *bias;
    size_t channels;
    size_t lines, columns; /* how much of the tile the picture has, up to m; a line: 1 and m */
    float *output;
    size_t output_line, output_stride;
    bool has_sum;
    const float *sum; /* may be output */
    size_t sum_line, sum_stride;
    float low, high;
} kin_winograd_out;

typedef struct kin_winograd_kernels {
    void (*in)(const kin_winograd_in *in);
    void (*out)(const kin_winograd_out *out);
} kin_winograd_kernels;

/* One pixel of a pool: y [channels] = the largest, or the sum, of taps [count][channels] in their
 * order. */
#define KIN_POOL_TAPS 64
typedef struct kin_pool_taps {
    const float *taps[KIN_POOL_TAPS];
    size_t count, channels;
    bool maximum;
    bool goes_on;  /* y holds what other taps gave */
    float divisor; /* of the sum, where it is above 0 */
    float *y;
} kin_pool_taps;

/* y [count] = (x - mean) / sqrt(variance + epsilon) scale + shift (NULL: none). */
typedef struct kin_norm_row {
    const float *x, *scale, *shift;
    size_t count;
    float epsilon;
    float *y;
} kin_norm_row;

typedef struct kin_kernels {
    const char *name;
    size_t lanes;       /* floats of a vector; a panel has two vectors, the last one up to two */
    size_t tile_rows;   /* of the largest tile */
    size_t column_step; /* a panel's width is a multiple of it */
    kin_tile_kernel tiles[KIN_TILE_STEPS_MAX]
                         [KIN_TILE_ROWS_MAX]; /* [width in steps - 1][rows - 1] */
    void (*depthwise)(const kin_depthwise_span *span);
    kin_winograd_kernels winograd[KIN_WINOGRAD_FORMS];
    void (*pool)(const kin_pool_taps *pool);
    void (*activate)(const kin_activation *activation, float *values, size_t count);
    void (*softmax)(const float *x, float *y, size_t count); /* count is above 0 */
    void (*norm)(const kin_norm_row *row);
} kin_kernels;

extern const kin_kernels kin_kernels_scalar;
#if defined(__x86_64__)
extern const kin_kernels kin_kernels_avx2;
extern const kin_kernels kin_kernels_avx512;
#endif

/* The kernels of a level; scalar where the level has none of its own. */
const kin_kernels *kin_kernels_get(kin_cpu_level level);
/* Those of kin_cpu_level_get(), which is asked once. */
const kin_kernels *kin_kernels_here(void);

/* Whether tiles apply the activation themselves: low and high are what to clip to. For the others
 * (false) they are infinite, and kin_kernels_activate comes behind. */
bool kin_activation_clips(const kin_activation *activation, float *low, float *high);
void kin_kernels_activate(const kin_kernels *kernels, const kin_activation *activation,
                          float *values, size_t rows, size_t columns, size_t stride);

/* --- Panels ---------------------------------------------------------------------------------- */

/* Columns of b and bias as they are packed: whole steps. */
size_t kin_panels_columns(const kin_kernels *kernels, size_t columns);
/* panels [depth * kin_panels_columns]; b's element (k, j) is b[k * k_stride + j * j_stride]. */
void kin_panels_pack(const kin_kernels *kernels, size_t depth, size_t columns, const float *b,
                     size_t k_stride, size_t j_stride, float *panels);

/* c = activation(a b + bias + sum), where a, c and sum are lines of rows. */
typedef struct kin_product {
    const float *panels, *bias; /* bias [kin_panels_columns], or NULL: c = a b */
    size_t depth, columns;
    size_t lines, rows; /* rows of a line */
    const float *a;
    size_t a_stride, a_line;
    const size_t *segments; /* NULL: a row is one run of depth floats */
    size_t segment_count, segment_length;
    float *c;
    size_t c_stride, c_line;
    const float *sum; /* or NULL */
    size_t sum_stride, sum_line;
    const kin_activation *activation; /* NULL: none */
} kin_product;

void kin_product_run(const kin_kernels *kernels, const kin_product *product);

/* As kin_memory_large, but never NULL; freed with free(). */
float *kin_weights_alloc(size_t count);

kin_packed *kin_packed_new_for(const kin_kernels *kernels, size_t depth, size_t columns,
                               const float *b, size_t k_stride, size_t j_stride, const float *bias);
size_t kin_gemm_scratch_bytes_for(const kin_kernels *kernels, size_t depth, size_t columns);
void kin_gemm_unpacked_for(const kin_kernels *kernels, const float *a, size_t a_stride, size_t rows,
                           size_t depth, const float *b, size_t k_stride, size_t j_stride,
                           size_t columns, float *c, size_t c_stride, void *scratch);
kin_convolution *kin_convolution_new_for(const kin_kernels *kernels,
                                         const kin_convolution_spec *spec);

#endif
