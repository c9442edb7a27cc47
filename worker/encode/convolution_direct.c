/* Convolutions as products whose rows are read where they lie: the taps of an output pixel are a
 * few runs of floats of the input, or of a copy with zeros around it. Only where taps are spread
 * too wide for that are patches gathered (im2col). */
#include <string.h>

#include "worker/encode/convolution_parts.h"

/* Lines of input pixels, a line behind the other: the input itself or a copy of a part. */
typedef struct kin_block {
    const float *pixels; /* of the first tap of the first output pixel */
    size_t pixel_stride, line_stride;
} kin_block;

static size_t round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

/* Chunks of `total` of at most `most` each, as equal as can be. */
static size_t equal_chunk(size_t total, size_t most)
{
    if (most == 0) most = 1;
    size_t chunks = (total + most - 1) / most;
    return chunks == 0 ? 1 : (total + chunks - 1) / chunks;
}

/* All groups of a product over lines of pixels, first_pixel the first one of those that are made.
 */
static void run_groups(const kin_convolution *convolution, const kin_convolution_call *call,
                       kin_product *product, const kin_block *block, size_t first_pixel)
{
    size_t out = convolution->group_out;
    size_t columns = kin_panels_columns(convolution->kernels, out);
    size_t panel_floats = kin_convolution_panel_floats(convolution);
    product->columns = out;
    product->c_stride = call->output_stride;
    product->c_line = product->rows * call->output_stride;
    product->sum_stride = call->sum_stride;
    product->sum_line = product->rows * call->sum_stride;
    product->activation = &convolution->spec.activation;
    for (size_t group = 0; group < convolution->spec.groups; group++) {
        product->panels = convolution->weights + group * panel_floats;
        product->bias = convolution->bias + group * columns;
        product->a = block->pixels + group * convolution->group_in;
        product->c = call->output + first_pixel * call->output_stride + group * out;
        if (call->sum != NULL)
            product->sum = call->sum + first_pixel * call->sum_stride + group * out;
        kin_product_run(convolution->kernels, product);
    }
}

/* --- 1x1 ------------------------------------------------------------------------------------- */

static void prepare_gemm(kin_convolution *convolution)
{
    size_t pixels = convolution->out_height * convolution->out_width;
    size_t row_bytes = convolution->spec.channels_in * sizeof(float);
    size_t tile = convolution->kernels->tile_rows;
    kin_convolution_pack(convolution);
    convolution->chunk =
        round_up(equal_chunk(pixels, KIN_CONVOLUTION_CHUNK_BYTES / row_bytes), tile);
}

static void run_gemm(const kin_convolution *convolution, const kin_convolution_call *call)
{
    size_t width = convolution->out_width, pixels = call->lines * width;
    const float *input =
        call->input + (call->first - call->input_first) * width * call->input_stride;
    for (size_t first = 0; first < pixels; first += convolution->chunk) {
        size_t left = pixels - first;
        kin_block block = {.pixels = input + first * call->input_stride};
        kin_product product = {.depth = convolution->group_in,
                               .lines = 1,
                               .rows = left < convolution->chunk ? left : convolution->chunk,
                               .a_stride = call->input_stride};
        run_groups(convolution, call, &product, &block, first);
    }
}

const kin_method kin_method_gemm = {"gemm", true, prepare_gemm, run_gemm};

/* --- Any kernel, its taps read where they are ------------------------------------------------ */

static size_t block_width(const kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    return kin_convolution_extent(convolution->out_width, spec->stride_w, spec->kernel_w,
                                  spec->dilation_w);
}

static size_t block_height(const kin_convolution *convolution, size_t lines)
{
    const kin_convolution_spec *spec = &convolution->spec;
    return kin_convolution_extent(lines, spec->stride_h, spec->kernel_h, spec->dilation_h);
}

/* Whether all taps lie inside the picture, so that it needs no zeros around it. */
static bool inside(const kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    return spec->pad_top == 0 && spec->pad_left == 0 && block_width(convolution) <= spec->width &&
           block_height(convolution, convolution->out_height) <= spec->height;
}

static size_t segments_bytes(const kin_convolution *convolution)
{
    size_t taps = (size_t)convolution->spec.kernel_h * convolution->spec.kernel_w;
    return round_up(taps * sizeof(size_t), KIN_ALIGNMENT);
}

static void prepare_direct(kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t line_bytes = block_width(convolution) * spec->channels_in * sizeof(float);
    size_t lines = KIN_CONVOLUTION_CHUNK_BYTES / (line_bytes + 1),
           first = block_height(convolution, 1);
    lines = lines <= first ? 1 : (lines - first) / spec->stride_h + 1;
    kin_convolution_pack(convolution);
    convolution->chunk = equal_chunk(convolution->out_height, lines);
    convolution->scratch_bytes = segments_bytes(convolution);
    if (!inside(convolution))
        convolution->scratch_bytes += block_height(convolution, convolution->chunk) * line_bytes;
}

/* `width` pixels of a line from column x on, zeros where the picture ends; line NULL: none at all.
 */
static void copy_line(const kin_convolution_spec *spec, const float *line, size_t input_stride,
                      int64_t x, size_t width, float *to)
{
    size_t channels = spec->channels_in, from, end;
    kin_taps_inside(x, width, 1, line != NULL ? spec->width : 0, &from, &end);
    if (from == end) {
        memset(to, 0, width * channels * sizeof *to);
        return;
    }
    memset(to, 0, from * channels * sizeof *to);
    const float *pixels = line + (size_t)(x + (int64_t)from) * input_stride;
    if (input_stride == channels)
        memcpy(to + from * channels, pixels, (end - from) * channels * sizeof *to);
    else
        for (size_t i = from; i < end; i++, pixels += input_stride)
            memcpy(to + i * channels, pixels, channels * sizeof *to);
    memset(to + end * channels, 0, (width - end) * channels * sizeof *to);
}

static const float *input_line(const kin_convolution *convolution, const kin_convolution_call *call,
                               size_t y)
{
    return call->input + (y - call->input_first) * convolution->spec.width * call->input_stride;
}

/* What output lines [first, first + lines) see of the input. */
static kin_block copy_block(const kin_convolution *convolution, const kin_convolution_call *call,
                            size_t first, size_t lines, float *to)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t width = block_width(convolution), height = block_height(convolution, lines);
    kin_block block = {to, spec->channels_in, width * spec->channels_in};
    int64_t y = (int64_t)(first * spec->stride_h) - spec->pad_top;
    for (size_t i = 0; i < height; i++, y++, to += block.line_stride) {
        bool there = y >= 0 && y < (int64_t)spec->height;
        const float *line = there ? input_line(convolution, call, (size_t)y) : NULL;
        copy_line(spec, line, call->input_stride, -(int64_t)spec->pad_left, width, to);
    }
    return block;
}

/* Where the runs of an output pixel begin in a block: one a kernel line where its pixels touch. */
static void find_segments(const kin_convolution *convolution, const kin_block *block,
                          kin_product *product, size_t *segments)
{
    const kin_convolution_spec *spec = &convolution->spec;
    bool whole = spec->dilation_w == 1 && block->pixel_stride == convolution->group_in;
    size_t runs = whole ? 1 : spec->kernel_w, count = 0;
    for (size_t y = 0; y < spec->kernel_h; y++)
        for (size_t x = 0; x < runs; x++)
            segments[count++] = y * spec->dilation_h * block->line_stride +
                                x * spec->dilation_w * block->pixel_stride;
    product->segments = segments;
    product->segment_count = count;
    product->segment_length = (whole ? spec->kernel_w : 1) * convolution->group_in;
    product->depth = count * product->segment_length;
}

static void run_direct(const kin_convolution *convolution, const kin_convolution_call *call)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t *segments = call->scratch;
    float *copy = (float *)call->scratch + segments_bytes(convolution) / sizeof(float);
    bool copied = !inside(convolution);
    for (size_t done = 0; done < call->lines; done += convolution->chunk) {
        size_t left = call->lines - done, first = call->first + done;
        size_t lines = left < convolution->chunk ? left : convolution->chunk;
        kin_block block = {NULL, call->input_stride, spec->width * call->input_stride};
        if (copied)
            block = copy_block(convolution, call, first, lines, copy);
        else
            block.pixels = input_line(convolution, call, first * spec->stride_h);
        kin_product product = {.lines = lines,
                               .rows = convolution->out_width,
                               .a_stride = spec->stride_w * block.pixel_stride,
                               .a_line = spec->stride_h * block.line_stride};
        find_segments(convolution, &block, &product, segments);
        run_groups(convolution, call, &product, &block, done * convolution->out_width);
    }
}

const kin_method kin_method_direct = {"direct", true, prepare_direct, run_direct};

/* --- Patches gathered ------------------------------------------------------------------------ */

/* Fewer would have the weights read too often; a picture of 7x7 or 8x8 is one chunk. */
#define PATCHES_MIN 64

/* All taps of all channels, a tap behind the other. */
static size_t patch_floats(const kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    return (size_t)spec->kernel_h * spec->kernel_w * spec->channels_in;
}

static void prepare_patches(kin_convolution *convolution)
{
    size_t pixels = convolution->out_height * convolution->out_width;
    size_t row_bytes = patch_floats(convolution) * sizeof(float);
    size_t chunk = KIN_CONVOLUTION_CHUNK_BYTES / row_bytes;
    if (chunk < PATCHES_MIN) chunk = PATCHES_MIN;
    kin_convolution_pack(convolution);
    convolution->chunk = equal_chunk(pixels, chunk);
    convolution->scratch_bytes = segments_bytes(convolution) + convolution->chunk * row_bytes;
}

static void gather_patch(const kin_convolution *convolution, const kin_convolution_call *call,
                         size_t pixel, float *to)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t channels = spec->channels_in, first_y, end_y, first_x, end_x;
    int64_t y = (int64_t)(pixel / convolution->out_width * spec->stride_h) - spec->pad_top;
    int64_t x = (int64_t)(pixel % convolution->out_width * spec->stride_w) - spec->pad_left;
    kin_taps_inside(y, spec->kernel_h, spec->dilation_h, spec->height, &first_y, &end_y);
    kin_taps_inside(x, spec->kernel_w, spec->dilation_w, spec->width, &first_x, &end_x);
    memset(to, 0, patch_floats(convolution) * sizeof *to);
    for (size_t i = first_y; i < end_y; i++)
        for (size_t j = first_x; j < end_x; j++) {
            size_t line = (size_t)(y + (int64_t)(i * spec->dilation_h));
            size_t column = (size_t)(x + (int64_t)(j * spec->dilation_w));
            memcpy(to + (i * spec->kernel_w + j) * channels,
                   call->input + (line * spec->width + column) * call->input_stride,
                   channels * sizeof *to);
        }
}

static void run_patches(const kin_convolution *convolution, const kin_convolution_call *call)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t pixels = convolution->out_height * convolution->out_width;
    size_t taps = (size_t)spec->kernel_h * spec->kernel_w, row = patch_floats(convolution);
    size_t *segments = call->scratch;
    float *patches = (float *)call->scratch + segments_bytes(convolution) / sizeof(float);
    for (size_t t = 0; t < taps; t++)
        segments[t] = t * spec->channels_in;
    for (size_t first = 0; first < pixels; first += convolution->chunk) {
        size_t left = pixels - first;
        size_t rows = left < convolution->chunk ? left : convolution->chunk;
        for (size_t i = 0; i < rows; i++)
            gather_patch(convolution, call, first + i, patches + i * row);
        kin_block block = {.pixels = patches};
        kin_product product = {.depth = taps * convolution->group_in,
                               .lines = 1,
                               .rows = rows,
                               .a_stride = row,
                               .segments = spec->groups > 1 ? segments : NULL,
                               .segment_count = taps,
                               .segment_length = convolution->group_in};
        run_groups(convolution, call, &product, &block, first);
    }
}

const kin_method kin_method_patches = {"im2col", false, prepare_patches, run_patches};
