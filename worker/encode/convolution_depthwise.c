/* Depthwise convolutions: every output channel sees one input channel. Pixels at the border run
 * alone with the taps that they have; those between them run together. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/convolution_parts.h"

/* Lines of output that a kernel gets at once: it may make two together. */
#define LINES_AT_A_TIME 2

/* Channels in whole vectors. */
static size_t padded_channels(const kin_convolution *convolution)
{
    size_t lanes = convolution->kernels->lanes;
    return (convolution->spec.channels_out + lanes - 1) / lanes * lanes;
}

static void prepare_depthwise(kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t taps = (size_t)spec->kernel_h * spec->kernel_w, channels = spec->channels_out;
    size_t columns = padded_channels(convolution);
    convolution->weight_floats = (taps + 1) * columns;
    convolution->weights = kin_weights_alloc(convolution->weight_floats);
    memset(convolution->weights, 0, convolution->weight_floats * sizeof(float));
    for (size_t c = 0; c < channels; c++)
        for (size_t t = 0; t < taps; t++)
            convolution->weights[t * columns + c] = spec->weights[c * taps + t];
    float *bias = convolution->weights + taps * columns;
    if (spec->bias != NULL) memcpy(bias, spec->bias, channels * sizeof *bias);
    convolution->bias = bias;
    /* With several outputs of a channel, a line of the input is repeated that often. */
    if (convolution->group_out > 1)
        convolution->scratch_bytes = (size_t)spec->height * spec->width * channels * sizeof(float);
}

/* Outputs along one axis: those of [first, end) have all their taps inside the picture. */
typedef struct kin_depthwise_axis {
    size_t stride, dilation, taps, pad, size, first, end;
} kin_depthwise_axis;

/* `count` outputs from `at` on have the taps [first, end). */
typedef struct kin_depthwise_part {
    size_t at, count, first, end;
} kin_depthwise_part;

static kin_depthwise_axis make_axis(size_t stride, size_t dilation, size_t taps, size_t pad,
                                    size_t size, size_t outputs)
{
    kin_depthwise_axis axis = {stride, dilation, taps, pad, size, 0, 0};
    size_t extent = (taps - 1) * dilation + 1;
    if (extent > size) return axis;
    axis.first = (pad + stride - 1) / stride;
    axis.end = (size - extent + pad) / stride + 1;
    if (axis.end > outputs) axis.end = outputs;
    if (axis.first > axis.end) axis.first = axis.end;
    return axis;
}

/* Where the first tap of output `at` is. */
static int64_t axis_begin(const kin_depthwise_axis *axis, size_t at)
{
    return (int64_t)(at * axis->stride) - (int64_t)axis->pad;
}

/* All outputs inside at once, up to `most` of them, or one at the border. */
static kin_depthwise_part axis_part(const kin_depthwise_axis *axis, size_t at, size_t most)
{
    kin_depthwise_part part = {at, 1, 0, axis->taps};
    if (at >= axis->first && at < axis->end) {
        part.count = axis->end - at < most ? axis->end - at : most;
        return part;
    }
    kin_taps_inside(axis_begin(axis, at), axis->taps, axis->dilation, axis->size, &part.first,
                    &part.end);
    return part;
}

static void run_part(const kin_convolution *convolution, const kin_convolution_call *call,
                     kin_depthwise_span *span, const kin_depthwise_axis *axes,
                     const kin_depthwise_part *y, const kin_depthwise_part *x)
{
    span->taps_y = y->end - y->first;
    span->taps_x = x->end - x->first;
    if (span->taps_x == 0 || span->taps_y == 0) span->taps_x = span->taps_y = 0;
    if (span->taps_y != 0) {
        int64_t line = axis_begin(&axes[0], y->at) + (int64_t)(y->first * axes[0].dilation);
        int64_t column = axis_begin(&axes[1], x->at) + (int64_t)(x->first * axes[1].dilation);
        span->input =
            call->input + (((size_t)line - call->input_first) * axes[1].size + (size_t)column) *
                              call->input_stride;
        span->weights =
            convolution->weights + y->first * span->weight_line + x->first * span->weight_step;
    }
    size_t pixel = (y->at - call->first) * convolution->out_width + x->at;
    span->output = call->output + pixel * call->output_stride;
    if (call->sum != NULL) span->sum = call->sum + pixel * call->sum_stride;
    span->lines = y->count;
    span->pixels = x->count;
    convolution->kernels->depthwise(span);
}

static void run_lines(const kin_convolution *convolution, const kin_convolution_call *call)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t columns = padded_channels(convolution);
    size_t width = convolution->out_width, line = spec->width * call->input_stride;
    const kin_depthwise_axis axes[2] = {make_axis(spec->stride_h, spec->dilation_h, spec->kernel_h,
                                                  spec->pad_top, spec->height,
                                                  convolution->out_height),
                                        make_axis(spec->stride_w, spec->dilation_w, spec->kernel_w,
                                                  spec->pad_left, spec->width, width)};
    kin_depthwise_span span = {.input = call->input,
                               .pixel_step = spec->stride_w * call->input_stride,
                               .line_step = spec->stride_h * line,
                               .tap_step = spec->dilation_w * call->input_stride,
                               .tap_line = spec->dilation_h * line,
                               .weights = convolution->weights,
                               .weight_step = columns,
                               .weight_line = spec->kernel_w * columns,
                               .bias = convolution->bias,
                               .sum_stride = call->sum_stride,
                               .sum_line = width * call->sum_stride,
                               .output_stride = call->output_stride,
                               .output_line = width * call->output_stride,
                               .channels = spec->channels_out};
    bool clips = kin_activation_clips(&spec->activation, &span.low, &span.high);
    for (size_t at = call->first, end = at + call->lines; at < end;) {
        kin_depthwise_part y =
            axis_part(&axes[0], at, end - at < LINES_AT_A_TIME ? end - at : LINES_AT_A_TIME);
        for (size_t x = 0; x < width;) {
            kin_depthwise_part part = axis_part(&axes[1], x, width);
            run_part(convolution, call, &span, axes, &y, &part);
            x += part.count;
        }
        if (!clips)
            kin_kernels_activate(convolution->kernels, &spec->activation,
                                 call->output + (at - call->first) * span.output_line,
                                 y.count * width, spec->channels_out, call->output_stride);
        at += y.count;
    }
}

static void run_depthwise(const kin_convolution *convolution, const kin_convolution_call *call)
{
    const kin_convolution_spec *spec = &convolution->spec;
    if (convolution->group_out == 1) {
        run_lines(convolution, call);
        return;
    }
    size_t pixels = (size_t)spec->height * spec->width, times = convolution->group_out;
    float *repeated = call->scratch;
    for (size_t p = 0; p < pixels; p++)
        for (size_t o = 0; o < spec->channels_out; o++)
            repeated[p * spec->channels_out + o] = call->input[p * call->input_stride + o / times];
    kin_convolution_call inner = *call;
    inner.input = repeated;
    inner.input_stride = spec->channels_out;
    run_lines(convolution, &inner);
}

const kin_method kin_method_depthwise = {"depthwise", true, prepare_depthwise, run_depthwise};
