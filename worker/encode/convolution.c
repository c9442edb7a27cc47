/* Which method a convolution takes, and what they share. */
#include "worker/encode/convolution.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/convolution_parts.h"

/* Outputs of a channel from which on a group of one input channel is a product worth its panels. */
#define DEPTHWISE_MULTIPLIER_MAX 8
/* Lines of fewer outputs than a tile has rows leave it half empty; gathered patches fill it. */
#define NARROW_WIDTH 9
/* A line of output whose taps span more than this is gathered tap by tap: only extreme paddings,
 * strides and dilations do. */
#define BLOCK_BYTES_MAX ((size_t)8 << 20)

void kin_taps_inside(int64_t start, size_t taps, size_t dilation, size_t size, size_t *first,
                     size_t *end)
{
    int64_t step = (int64_t)dilation, limit = (int64_t)size, count = (int64_t)taps;
    int64_t from = start < 0 ? (-start + step - 1) / step : 0;
    int64_t to = start < limit ? (limit - 1 - start) / step + 1 : 0;
    if (to > count) to = count;
    *first = (size_t)(from < to ? from : 0);
    *end = (size_t)(from < to ? to : 0);
}

size_t kin_convolution_extent(size_t count, size_t stride, size_t taps, size_t dilation)
{
    return count == 0 ? 0 : (count - 1) * stride + (taps - 1) * dilation + 1;
}

static size_t output_size(size_t size, size_t before, size_t after, size_t taps, size_t dilation,
                          size_t stride)
{
    size_t padded = size + before + after, extent = (taps - 1) * dilation + 1;
    return padded < extent ? 0 : (padded - extent) / stride + 1;
}

/* Depends on the spec alone: a result must not depend on what is fast at the moment. */
static const kin_method *choose_method(const kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    if (spec->groups > 1 && convolution->group_in == 1 &&
        convolution->group_out < DEPTHWISE_MULTIPLIER_MAX)
        return &kin_method_depthwise;
    bool padded = (spec->pad_top | spec->pad_left | spec->pad_bottom | spec->pad_right) != 0;
    if (spec->kernel_h == 1 && spec->kernel_w == 1 && spec->stride_h == 1 && spec->stride_w == 1 &&
        !padded)
        return &kin_method_gemm;
    const kin_method *winograd = kin_winograd_choose(convolution);
    if (winograd != NULL) return winograd;
    size_t lines = kin_convolution_extent(1, 1, spec->kernel_h, spec->dilation_h);
    size_t width = kin_convolution_extent(convolution->out_width, spec->stride_w, spec->kernel_w,
                                          spec->dilation_w);
    size_t limit = BLOCK_BYTES_MAX / sizeof(float) / spec->channels_in;
    if (convolution->out_width < NARROW_WIDTH || lines > limit || width > limit ||
        lines * width > limit)
        return &kin_method_patches;
    return &kin_method_direct;
}

kin_convolution *kin_convolution_new_for(const kin_kernels *kernels,
                                         const kin_convolution_spec *spec)
{
    KIN_CHECK(spec->groups >= 1 && spec->channels_in >= 1 && spec->channels_out >= 1);
    KIN_CHECK(spec->channels_in % spec->groups == 0 && spec->channels_out % spec->groups == 0);
    KIN_CHECK(spec->kernel_h >= 1 && spec->kernel_w >= 1);
    KIN_CHECK(spec->stride_h >= 1 && spec->stride_w >= 1);
    KIN_CHECK(spec->dilation_h >= 1 && spec->dilation_w >= 1);
    kin_convolution *convolution = kin_calloc(1, sizeof *convolution);
    convolution->kernels = kernels;
    convolution->spec = *spec;
    convolution->group_in = spec->channels_in / spec->groups;
    convolution->group_out = spec->channels_out / spec->groups;
    convolution->out_height = output_size(spec->height, spec->pad_top, spec->pad_bottom,
                                          spec->kernel_h, spec->dilation_h, spec->stride_h);
    convolution->out_width = output_size(spec->width, spec->pad_left, spec->pad_right,
                                         spec->kernel_w, spec->dilation_w, spec->stride_w);
    convolution->method = choose_method(convolution);
    convolution->method->prepare(convolution);
    convolution->spec.weights = NULL;
    convolution->spec.bias = NULL;
    return convolution;
}

kin_convolution *kin_convolution_new(const kin_convolution_spec *spec)
{
    return kin_convolution_new_for(kin_kernels_here(), spec);
}

void kin_convolution_destroy(kin_convolution **convolution)
{
    if (*convolution == NULL) return;
    free((*convolution)->weights);
    free(*convolution);
    *convolution = NULL;
}

size_t kin_convolution_scratch_bytes(const kin_convolution *convolution)
{
    return convolution->scratch_bytes;
}

size_t kin_convolution_weight_bytes(const kin_convolution *convolution)
{
    return convolution->weight_floats * sizeof(float);
}

const char *kin_convolution_method(const kin_convolution *convolution)
{
    return convolution->method->name;
}

void kin_convolution_run(const kin_convolution *convolution, const float *input,
                         size_t input_stride, float *output, size_t output_stride, const float *sum,
                         size_t sum_stride, void *scratch)
{
    if (convolution->out_height == 0 || convolution->out_width == 0) return;
    convolution->method->run(convolution,
                             &(kin_convolution_call){.input = input,
                                                     .input_stride = input_stride,
                                                     .output = output,
                                                     .output_stride = output_stride,
                                                     .sum = sum,
                                                     .sum_stride = sum_stride,
                                                     .scratch = scratch,
                                                     .lines = convolution->out_height});
}

bool kin_convolution_by_lines(const kin_convolution *convolution)
{
    /* A depthwise one with several outputs of a channel repeats the whole input first. */
    return convolution->method->by_lines &&
           (convolution->method != &kin_method_depthwise || convolution->group_out == 1);
}

size_t kin_convolution_panel_floats(const kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t depth = (size_t)spec->kernel_h * spec->kernel_w * convolution->group_in;
    return depth * kin_panels_columns(convolution->kernels, convolution->group_out);
}

void kin_convolution_pack(kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t taps = (size_t)spec->kernel_h * spec->kernel_w, in = convolution->group_in;
    size_t depth = taps * in, out = convolution->group_out;
    size_t columns = kin_panels_columns(convolution->kernels, out);
    size_t panel_floats = kin_convolution_panel_floats(convolution);
    convolution->weight_floats = spec->groups * (panel_floats + columns);
    convolution->weights = kin_weights_alloc(convolution->weight_floats);
    float *bias = convolution->weights + spec->groups * panel_floats;
    convolution->bias = bias;
    memset(bias, 0, spec->groups * columns * sizeof *bias);
    float *ordered = kin_malloc(depth * out * sizeof *ordered);
    for (size_t group = 0; group < spec->groups; group++) {
        const float *weights = spec->weights + group * out * depth;
        for (size_t o = 0; o < out; o++)
            for (size_t c = 0; c < in; c++)
                for (size_t t = 0; t < taps; t++)
                    ordered[o * depth + t * in + c] = weights[(o * in + c) * taps + t];
        kin_panels_pack(convolution->kernels, depth, out, ordered, 1, depth,
                        convolution->weights + group * panel_floats);
        if (spec->bias != NULL)
            memcpy(bias + group * columns, spec->bias + group * out, out * sizeof *bias);
    }
    free(ordered);
}
