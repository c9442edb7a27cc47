/* Convolutions by Winograd's minimal filters: tiles of n x n inputs, n = m + r - 1 for
 * r taps, are transformed, multiplied with n x n matrices of transformed weights, and transformed
 * back to m x m outputs: 4, 2.25 (3x3) and 2.8 (5x5) times fewer products than there are taps.
 * Kernels of one line or column likewise: 2 (3 taps) and 1.75 (7 taps) times fewer; 3x3 at stride
 * 2, n = 5 for m = 2: 1.44 times. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/convolution_parts.h"

/* Transformed tiles held at a time, in a second-level cache: weights pass once for each such chunk.
 */
#define CHUNK_BYTES ((size_t)768 << 10)
#define CHANNEL_MULTIPLE 16
/* Transforms pay where they are shared by many channels. */
#define CHANNELS_MIN 16
/* Pictures so small that tiles of 4x4 are few and their 36 matrices are read for little: tiles of
 * 2x2 have 16. */
#define SMALL_PIXELS 64
#define TAPS_MAX 7
#define POINTS_MAX 8

typedef struct winograd_form {
    size_t m, taps, stride;
    bool square; /* else along a line or a column */
} winograd_form;

static const winograd_form forms[KIN_WINOGRAD_FORMS] = {
    [KIN_WINOGRAD_2X2_3X3] = {2, 3, 1, true}, [KIN_WINOGRAD_4X4_3X3] = {4, 3, 1, true},
    [KIN_WINOGRAD_2X2_5X5] = {2, 5, 1, true}, [KIN_WINOGRAD_2X2_3X3_2] = {2, 3, 2, true},
    [KIN_WINOGRAD_4_3] = {4, 3, 1, false},    [KIN_WINOGRAD_2_7] = {2, 7, 1, false},
};

/* One axis of a tile; one that is not transformed has one of each. */
typedef struct winograd_axis {
    size_t m, n, taps, stride, tiles;
} winograd_axis;

/* Sizes in floats. */
typedef struct winograd_layout {
    kin_winograd_form form;
    winograd_axis y, x;
    size_t planes;            /* n of both axes multiplied */
    size_t in, out;           /* channels, in whole vectors of any instruction set */
    size_t in_step, out_step; /* from one of the planes of tiles to the next */
    size_t panels;            /* one of the matrices, there is one a plane */
} winograd_layout;

static size_t round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

static winograd_axis axis_of(const winograd_form *form, size_t taps, size_t outputs)
{
    size_t m = taps == 1 ? 1 : form->m;
    return (winograd_axis){m, (m - 1) * form->stride + taps, taps, form->stride,
                           (outputs + m - 1) / m};
}

static winograd_layout layout_of(const kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    winograd_layout layout = {.form =
                                  (kin_winograd_form)(convolution->method - kin_methods_winograd)};
    const winograd_form *form = &forms[layout.form];
    layout.y = axis_of(form, spec->kernel_h, convolution->out_height);
    layout.x = axis_of(form, spec->kernel_w, convolution->out_width);
    layout.planes = layout.y.n * layout.x.n;
    layout.in = round_up(spec->channels_in, CHANNEL_MULTIPLE);
    layout.out = round_up(spec->channels_out, CHANNEL_MULTIPLE);
    /* A line of the cache more, so that planes do not compete for the same sets of it. */
    layout.in_step = convolution->chunk * layout.in + CHANNEL_MULTIPLE;
    layout.out_step = convolution->chunk * layout.out + CHANNEL_MULTIPLE;
    layout.panels =
        spec->channels_in * kin_panels_columns(convolution->kernels, spec->channels_out);
    return layout;
}

/* --- Weights --------------------------------------------------------------------------------- */

/* G [n][taps] of an axis: powers of the points that winograd_body.h says, over what its transforms
 * leave to them; the last tap for the point at infinity. */
static void find_g(const winograd_axis *axis, double (*g)[TAPS_MAX])
{
    static const double points[POINTS_MAX - 1] = {0, 1, -1, 2, -2, 1. / 2, -1. / 2};
    static const double over_4[] = {1, 2, 2}, over_6[] = {4, -6, -6, 24, 24};
    static const double over_8[] = {1, -9. / 2, -9. / 2, 90, 90, 45. / 32, 45. / 32};
    if (axis->stride == 2) {
        static const double g_5[5][3] = {{1, 0, 0}, {1, 0, 1}, {0, 0, 1}, {0, 1, 0}, {0, 1, 0}};
        for (size_t i = 0; i < 5; i++)
            memcpy(g[i], g_5[i], sizeof g_5[i]);
        return;
    }
    const double *over = axis->n == 4 ? over_4 : axis->n == 6 ? over_6 : over_8;
    memset(g, 0, POINTS_MAX * sizeof *g);
    for (size_t i = 0; i + 1 < axis->n; i++) {
        double power = 1 / over[i];
        for (size_t t = 0; t < axis->taps; t++, power *= points[i])
            g[i][t] = power;
    }
    g[axis->n - 1][axis->taps - 1] = 1;
}

/* G g G^T of every pair of channels: to [planes][channels_in][channels_out]. */
static void transform_weights(const kin_convolution_spec *spec, const winograd_layout *layout,
                              float *to)
{
    const winograd_axis *y = &layout->y, *x = &layout->x;
    size_t in = spec->channels_in, out = spec->channels_out;
    double g_y[POINTS_MAX][TAPS_MAX], g_x[POINTS_MAX][TAPS_MAX];
    find_g(y, g_y);
    find_g(x, g_x);
    for (size_t pair = 0; pair < in * out; pair++) {
        const float *taps = spec->weights + pair * y->taps * x->taps;
        size_t place = pair % in * out + pair / in;
        for (size_t i = 0; i < y->n; i++) {
            double line[TAPS_MAX] = {0};
            for (size_t t = 0; t < y->taps; t++)
                for (size_t u = 0; u < x->taps; u++)
                    line[u] += g_y[i][t] * taps[t * x->taps + u];
            for (size_t j = 0; j < x->n; j++) {
                double sum = 0;
                for (size_t u = 0; u < x->taps; u++)
                    sum += line[u] * g_x[j][u];
                to[(i * x->n + j) * in * out + place] = (float)sum;
            }
        }
    }
}

static void prepare(kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    winograd_layout layout = layout_of(convolution);
    size_t planes = layout.planes, tiles = layout.y.tiles * layout.x.tiles;
    size_t most = CHUNK_BYTES / (planes * (layout.in + layout.out) * sizeof(float));
    size_t tile_rows = KIN_TILE_ROWS_MAX, chunks;
    most = most < 2 * tile_rows ? 2 * tile_rows : most / tile_rows * tile_rows;
    chunks = (tiles + most - 1) / most;
    convolution->chunk = chunks == 0 ? 1 : (tiles + chunks - 1) / chunks;
    layout = layout_of(convolution);
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
    transform_weights(spec, &layout, transformed);
    for (size_t i = 0; i < planes; i++)
        kin_panels_pack(convolution->kernels, spec->channels_in, spec->channels_out,
                        transformed + i * pairs, spec->channels_out, 1,
                        convolution->weights + i * layout.panels);
    free(transformed);
}

/* --- Running --------------------------------------------------------------------------------- */

/* Pixels of tile t, those outside the picture at zeros, to its place in every plane. */
static void transform_in(const kin_convolution *convolution, const winograd_layout *layout,
                         const kin_convolution_call *call, size_t t, const float *zeros, float *to)
{
    const kin_convolution_spec *spec = &convolution->spec;
    kin_winograd_in in = {.channels = spec->channels_in, .to = to, .step = layout->in_step};
    int64_t top = (int64_t)(t / layout->x.tiles * layout->y.m * layout->y.stride) - spec->pad_top;
    int64_t left = (int64_t)(t % layout->x.tiles * layout->x.m * layout->x.stride) - spec->pad_left;
    const float **pixel = in.pixels;
    for (size_t i = 0; i < layout->y.n; i++)
        for (size_t j = 0; j < layout->x.n; j++) {
            int64_t y = top + (int64_t)i, x = left + (int64_t)j;
            bool there = y >= 0 && y < spec->height && x >= 0 && x < spec->width;
            *pixel++ =
                there ? call->input + (size_t)(y * spec->width + x) * call->input_stride : zeros;
        }
    convolution->kernels->winograd[layout->form].in(&in);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A column is a line to the kernel. */
static void lay_down(kin_winograd_out *out)
{
    out->columns = out->lines;
    out->lines = 1;
    out->output_stride = out->output_line;
    out->sum_stride = out->sum_line;
}

static void transform_out(const kin_convolution *convolution, const winograd_layout *layout,
                          const kin_convolution_call *call, size_t t, const float *from)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t y = t / layout->x.tiles * layout->y.m, x = t % layout->x.tiles * layout->x.m;
    size_t pixel = y * convolution->out_width + x;
    kin_winograd_out out = {.from = from,
                            .step = layout->out_step,
                            .bias = convolution->bias,
                            .channels = spec->channels_out,
                            .lines = smaller(convolution->out_height - y, layout->y.m),
                            .columns = smaller(convolution->out_width - x, layout->x.m),
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
    if (layout->x.taps == 1) lay_down(&out);
    bool clips = kin_activation_clips(&spec->activation, &out.low, &out.high);
    convolution->kernels->winograd[layout->form].out(&out);
    for (size_t i = 0; !clips && i < out.lines; i++)
        kin_kernels_activate(convolution->kernels, &spec->activation,
                             out.output + i * out.output_line, out.columns, out.channels,
                             out.output_stride);
}

static void run(const kin_convolution *convolution, const kin_convolution_call *call)
{
    const kin_convolution_spec *spec = &convolution->spec;
    winograd_layout layout = layout_of(convolution);
    size_t planes = layout.planes, tiles = layout.y.tiles * layout.x.tiles;
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

const kin_method kin_methods_winograd[KIN_WINOGRAD_FORMS] = {
    [KIN_WINOGRAD_2X2_3X3] = {"winograd2", false, prepare, run},
    [KIN_WINOGRAD_4X4_3X3] = {"winograd4", false, prepare, run},
    [KIN_WINOGRAD_2X2_5X5] = {"winograd5", false, prepare, run},
    [KIN_WINOGRAD_2X2_3X3_2] = {"winograd/2", false, prepare, run},
    [KIN_WINOGRAD_4_3] = {"winograd3", false, prepare, run},
    [KIN_WINOGRAD_2_7] = {"winograd7", false, prepare, run},
};

/* At stride 2 little is won, and nothing where many tiles end outside the picture. */
static bool tiles_fit(const kin_convolution *convolution, const winograd_form *form)
{
    size_t tiles_y = (convolution->out_height + form->m - 1) / form->m;
    size_t tiles_x = (convolution->out_width + form->m - 1) / form->m;
    size_t made = tiles_y * tiles_x * form->m * form->m;
    return 6 * convolution->out_height * convolution->out_width >= 5 * made;
}

const kin_method *kin_winograd_choose(const kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t shorter = smaller(spec->kernel_h, spec->kernel_w);
    size_t longer = spec->kernel_h + spec->kernel_w - shorter;
    if (spec->groups != 1 || spec->stride_h != spec->stride_w || spec->dilation_h != 1 ||
        spec->dilation_w != 1 || spec->channels_in < CHANNELS_MIN ||
        spec->channels_out < CHANNELS_MIN)
        return NULL;
    bool small = convolution->out_height * convolution->out_width <= SMALL_PIXELS;
    for (size_t i = 0; i < KIN_WINOGRAD_FORMS; i++)
        if (forms[i].taps == longer && shorter == (forms[i].square ? longer : 1) &&
            forms[i].stride == spec->stride_h && !(i == KIN_WINOGRAD_2X2_3X3 && !small) &&
            !(forms[i].stride == 2 && !tiles_fit(convolution, &forms[i])))
            return &kin_methods_winograd[i];
    return NULL;
}
