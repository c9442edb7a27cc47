/* Depthwise convolutions: every output channel sees one input channel. Pixels at the border run
 * alone with the taps that they have; those between them run together. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/convolution_parts.h"

static void prepare_depthwise(kin_convolution *convolution)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t taps = (size_t)spec->kernel_h * spec->kernel_w, channels = spec->channels_out;
    size_t columns = kin_panels_columns(convolution->kernels, channels);
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

/* Output pixels [first, first + count) of a line, whose taps [taps_first, taps_end) are inside. */
typedef struct kin_depthwise_run {
    size_t first, count, taps_first, taps_end;
} kin_depthwise_run;

static void run_span(const kin_convolution *convolution, const kin_convolution_call *call,
                     kin_depthwise_span *span, size_t y, const kin_depthwise_run *run)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t first_y, end_y;
    int64_t top = (int64_t)(y * spec->stride_h) - spec->pad_top;
    int64_t left = (int64_t)(run->first * spec->stride_w) - spec->pad_left;
    kin_taps_inside(top, spec->kernel_h, spec->dilation_h, spec->height, &first_y, &end_y);
    span->taps_y = end_y - first_y;
    span->taps_x = span->taps_y != 0 ? run->taps_end - run->taps_first : 0;
    if (span->taps_x == 0) span->taps_y = 0;
    if (span->taps_y != 0) {
        size_t line = (size_t)(top + (int64_t)(first_y * spec->dilation_h));
        size_t column = (size_t)(left + (int64_t)(run->taps_first * spec->dilation_w));
        span->input = call->input + (line * spec->width + column) * call->input_stride;
        span->weights = convolution->weights + first_y * span->weight_line +
                        run->taps_first * span->weight_step;
    }
    size_t pixel = y * convolution->out_width + run->first;
    span->output = call->output + pixel * call->output_stride;
    if (call->sum != NULL) span->sum = call->sum + pixel * call->sum_stride;
    span->pixels = run->count;
    convolution->kernels->depthwise(span);
}

static void run_lines(const kin_convolution *convolution, const kin_convolution_call *call)
{
    const kin_convolution_spec *spec = &convolution->spec;
    size_t columns = kin_panels_columns(convolution->kernels, spec->channels_out);
    kin_depthwise_span span = {.pixel_step = spec->stride_w * call->input_stride,
                               .tap_step = spec->dilation_w * call->input_stride,
                               .tap_line =
                                   (size_t)spec->dilation_h * spec->width * call->input_stride,
                               .input = call->input,
                               .weights = convolution->weights,
                               .weight_step = columns,
                               .weight_line = spec->kernel_w * columns,
                               .bias = convolution->bias,
                               .sum_stride = call->sum_stride,
                               .output_stride = call->output_stride,
                               .channels = spec->channels_out};
    bool clips = kin_activation_clips(&spec->activation, &span.low, &span.high);
    for (size_t y = 0; y < convolution->out_height; y++) {
        for (size_t x = 0; x < convolution->out_width;) {
            kin_depthwise_run run = {x, 1, 0, 0}, next = run;
            int64_t left = (int64_t)(x * spec->stride_w) - spec->pad_left;
            kin_taps_inside(left, spec->kernel_w, spec->dilation_w, spec->width, &run.taps_first,
                            &run.taps_end);
            /* Neighbours with the same taps come along. */
            while (x + run.count < convolution->out_width) {
                left += spec->stride_w;
                kin_taps_inside(left, spec->kernel_w, spec->dilation_w, spec->width,
                                &next.taps_first, &next.taps_end);
                if (next.taps_first != run.taps_first || next.taps_end != run.taps_end) break;
                run.count++;
            }
            run_span(convolution, call, &span, y, &run);
            x += run.count;
        }
        if (!clips)
            kin_kernels_activate(convolution->kernels, &spec->activation,
                                 call->output + y * convolution->out_width * call->output_stride,
                                 convolution->out_width, spec->channels_out, call->output_stride);
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

const kin_method kin_method_depthwise = {"depthwise", prepare_depthwise, run_depthwise};
