/* 3x3 convolutions at stride 1 by Winograd's F(4x4, 3x3) and F(2x2, 3x3): tiles of n x n inputs,
 * n = m + 2, are transformed, multiplied with n x n matrices of transformed weights, and
 * transformed back to m x m outputs: 4 and 2.25 times fewer products than there are taps. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/convolution_parts.h"

/* Transformed tiles held at a time, in a second-level cache: weights pass once for each such chunk.
 */
#define CHUNK_BYTES ((size_t)768 << 10)
#define CHANNEL_MULTIPLE 16

/* G of F(2x2, 3x3) and of F(4x4, 3x3). */
static const double weights_2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
static const double weights_4[6][3] = {{1. / 4, 0, 0},
                                       {-1. / 6, -1. / 6, -1. / 6},
                                       {-1. / 6, 1. / 6, -1. / 6},
                                       {1. / 24, 1. / 12, 1. / 6},
                                       {1. / 24, -1. / 12, 1. / 6},
                                       {0, 0, 1}};

/* Sizes in floats. */
typedef struct winograd_layout {
    size_t m, n;
    size_t tiles_x, tiles_y;
    size_t in, out;           /* channels, in whole vectors of any instruction set */
    size_t in_step, out_step; /* from one of the n * n planes of tiles to the next */
    size_t panels;            /* one of the n * n matrices */
} winograd_layout;

static size_t round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

static winograd_layout layout_of(const kin_convolution *convolution, size_t m)
{
    const kin_convolution_spec *spec = &convolution->spec;
    winograd_layout layout = {.m = m, .n = m + 2};
    layout.tiles_x = (convolution->out_width + m - 1) / m;
    layout.tiles_y = (convolution->out_height + m - 1) / m;
    layout.in = round_up(spec->channels_in, CHANNEL_MULTIPLE);
    layout.out = round_up(spec->channels_out, CHANNEL_MULTIPLE);
    /* A line of the cache more, so that planes do not compete for the same sets of it. */
    layout.in_step = convolution->chunk * layout.in + CHANNEL_MULTIPLE;
    layout.out_step = convolution->chunk * layout.out + CHANNEL_MULTIPLE;
    layout.panels =
        spec->channels_in * kin_panels_columns(convolution->kernels, spec->channels_out);
    return layout;
}

/* G g G^T of every pair of channels: to [n * n][channels_in][channels_out]. */
static void transform_weights(const kin_convolution_spec *spec, const double (*g)[3], size_t n,
                              float *to)
{
    size_t in = spec->channels_in, out = spec->channels_out;
    for (size_t o = 0; o < out; o++)
        for (size_t c = 0; c < in; c++) {
            const float *taps = spec->weights + (o * in + c) * 9;
            double half[6][3];
            for (size_t i = 0; i < n; i++)
                for (size_t x = 0; x < 3; x++)
                    half[i][x] = g[i][0] * taps[x] + g[i][1] * taps[3 + x] + g[i][2] * taps[6 + x];
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    to[((i * n + j) * in + c) * out + o] =
                        (float)(half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2]);
        }
}

static void prepare(kin_convolution *convolution, size_t m)
{
    const kin_convolution_spec *spec = &convolution->spec;
    winograd_layout layout = layout_of(convolution, m);
    size_t planes = layout.n * layout.n, tiles = layout.tiles_x * layout.tiles_y;
    size_t most = CHUNK_BYTES / (planes * (layout.in + layout.out) * sizeof(float));
    size_t tile_rows = KIN_TILE_ROWS_MAX, chunks;
    most = most < 2 * tile_rows ? 2 * tile_rows : most / tile_rows * tile_rows;
    chunks = (tiles + most - 1) / most;
    convolution->chunk = chunks == 0 ? 1 : (tiles + chunks - 1) / chunks;
    layout = layout_of(convolution, m);
    convolution->scratch_bytes =
        (planes * (layout.in_step + layout.out_step) + layout.in) * sizeof(float);

    /* Panels, the bias, and a bias of zeros for the products. */
    convolution->weight_floats = planes * layout.panels + 2 * layout.out;
    convolution->weights = kin_weights_alloc(convolution->weight_floats);
    float *bias = convolution->weights + planes * layout.panels;
    memset(bias, 0, 2 * layout.out * sizeof *bias);
    if (spec->bias != NULL) memcpy(bias, spec->bias, spec->channels_out * sizeof *bias);
    convolution->bias = bias;
    size_t pairs = (size_t)spec->channels_in * spec->channels_out;
    float *transformed = kin_malloc(planes * pairs * sizeof *transformed);
    transform_weights(spec, m == 2 ? weights_2 : weights_4, layout.n, transformed);
    for (size_t i = 0; i < planes; i++)
        kin_panels_pack(convolution->kernels, spec->channels_in, spec->channels_out,
                        transformed + i * pairs, spec->channels_out, 1,
                        convolution->weights + i * layout.panels);
    free(transformed);
}

/* Pixels of tile t, those outside the picture at zeros, to its place in every plane. */
static void transform_in(const kin_convolution *convolution, const winograd_layout *layout,
                         const kin_convolution_call *call, size_t t, const float *zeros, float *to)
{
    const kin_convolution_spec *spec = &convolution->spec;
    kin_winograd_in in = {.channels = spec->channels_in, .to = to, .step = layout->in_step};
    int64_t top = (int64_t)(t / layout->tiles_x * layout->m) - spec->pad_top;
    int64_t left = (int64_t)(t % layout->tiles_x * layout->m) - spec->pad_left;
    for (size_t i = 0; i < layout->n * layout->n; i++) {
        int64_t y = top + (int64_t)(i / layout->n), x = left + (int64_t)(i % layout->n);
        bool there = y >= 0 && y < spec->height && x >= 0 && x < spec->width;
        in.pixels[i] =
            there ? call->input + (size_t)(y * spec->width + x) * call->input_stride : zeros;
    }
    convolution->kernels->winograd_in[layout->m / 4](&in);
}

static void transform_out(const kin_convolution *convolution, const winograd_layout *layout,
                          const kin_convolution_call *call, size_t t, const float *from)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t y = t / layout->tiles_x * layout->m, x = t % layout->tiles_x * layout->m;
    size_t pixel = y * convolution->out_width + x;
    size_t below = convolution->out_height - y, right = convolution->out_width - x;
    kin_winograd_out out = {.from = from,
                            .step = layout->out_step,
                            .bias = convolution->bias,
                            .channels = spec->channels_out,
                            .lines = below < layout->m ? below : layout->m,
                            .columns = right < layout->m ? right : layout->m,
                            .output = call->output + pixel * call->output_stride,
                            .output_line = convolution->out_width * call->output_stride,
                            .output_stride = call->output_stride,
                            .has_sum = call->sum != NULL,
                            .sum = call->output};
    if (call->sum != NULL) {
        out.sum = call->sum + pixel * call->sum_stride;
        out.sum_line = convolution->out_width * call->sum_stride;
        out.sum_stride = call->sum_stride;
    }
    bool clips = kin_activation_clips(&spec->activation, &out.low, &out.high);
    convolution->kernels->winograd_out[layout->m / 4](&out);
    for (size_t i = 0; !clips && i < out.lines; i++)
        kin_kernels_activate(convolution->kernels, &spec->activation,
                             out.output + i * out.output_line, out.columns, out.channels,
                             out.output_stride);
}

static void run(const kin_convolution *convolution, const kin_convolution_call *call, size_t m)
{
    const kin_convolution_spec *spec = &convolution->spec;
    winograd_layout layout = layout_of(convolution, m);
    size_t planes = layout.n * layout.n, tiles = layout.tiles_x * layout.tiles_y;
    float *zeros = call->scratch, *inputs = zeros + layout.in;
    float *outputs = inputs + planes * layout.in_step;
    memset(zeros, 0, layout.in * sizeof *zeros);
    for (size_t first = 0; first < tiles; first += convolution->chunk) {
        size_t left = tiles - first;
        size_t count = left < convolution->chunk ? left : convolution->chunk;
        for (size_t t = 0; t < count; t++)
            transform_in(convolution, &layout, call, first + t, zeros, inputs + t * layout.in);
        for (size_t i = 0; i < planes; i++) {
            kin_product product = {.panels = convolution->weights + i * layout.panels,
                                   .bias = convolution->bias + layout.out,
                                   .depth = spec->channels_in,
                                   .columns =
                                       kin_panels_columns(convolution->kernels, spec->channels_out),
                                   .lines = 1,
                                   .rows = count,
                                   .a = inputs + i * layout.in_step,
                                   .a_stride = layout.in,
                                   .c = outputs + i * layout.out_step,
                                   .c_stride = layout.out};
            kin_product_run(convolution->kernels, &product);
        }
        for (size_t t = 0; t < count; t++)
            transform_out(convolution, &layout, call, first + t, outputs + t * layout.out);
    }
}

static void prepare_2(kin_convolution *convolution)
{
    prepare(convolution, 2);
}

static void prepare_4(kin_convolution *convolution)
{
    prepare(convolution, 4);
}

static void run_2(const kin_convolution *convolution, const kin_convolution_call *call)
{
    run(convolution, call, 2);
}

static void run_4(const kin_convolution *convolution, const kin_convolution_call *call)
{
    run(convolution, call, 4);
}

const kin_method kin_method_winograd2 = {"winograd2", prepare_2, run_2};
const kin_method kin_method_winograd4 = {"winograd4", prepare_4, run_4};
