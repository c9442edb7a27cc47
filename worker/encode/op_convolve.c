/* Convolutions in NCHW. One float sums the products of a result in the order channel, depth, row,
 * column of the kernel; the bias is added last. */
#include "worker/encode/op.h"
#include "worker/encode/op_elementwise.h"
#include "worker/encode/window.h"

#include "common/base/check.h"

/* What the loops need, from a call that was checked. */
typedef struct convolution {
    kin_window window;
    bool transposed;
    int64_t batch, groups, inputs, outputs; /* channels of a group */
    int64_t pixels_in, pixels_out, taps;
    const float *input, *weights, *bias; /* bias: NULL for none */
    float *output;
} convolution;

/* Types, ranks, and channels: weights [rows][columns][kernel...], of which the rows are channels of
 * the input (transposed) or of the output. */
static kin_status check_channels(const kin_op_call *call, bool transposed, kin_error *error)
{
    kin_status status = kin_op_require(call, 0, KIN_TYPE_FLOAT, error);
    if (status == KIN_OK) status = kin_op_require(call, 1, KIN_TYPE_FLOAT, error);
    if (status != KIN_OK) return status;
    const kin_shape *input = &call->inputs[0]->shape, *weights = &call->inputs[1]->shape;
    int64_t groups = kin_node_int(call->node, "group", 1);
    if (input->rank < 3 || weights->rank != input->rank)
        return kin_fail(error, KIN_BAD_INPUT, "an input of rank %u with weights of rank %u",
                        input->rank, weights->rank);
    int64_t rows = weights->dims[0], columns = weights->dims[1], channels = input->dims[1];
    if (groups < 1 || rows % groups != 0 || channels % groups != 0)
        return kin_fail(error, KIN_BAD_INPUT, "%lld groups of %lld channels, weights for %lld",
                        (long long)groups, (long long)channels, (long long)rows);
    if (transposed ? rows != channels : columns != channels / groups)
        return kin_fail(
            error, KIN_BAD_INPUT, "an input of %lld channels in %lld groups, weights [%lld][%lld]",
            (long long)channels, (long long)groups, (long long)rows, (long long)columns);
    int64_t outputs = rows;
    if (transposed && columns > KIN_TENSOR_ELEMENTS_MAX / groups)
        return kin_fail(error, KIN_LIMIT, "%lld groups of %lld channels", (long long)groups,
                        (long long)columns);
    if (transposed) outputs = columns * groups;
    if (kin_op_input(call, 2) == NULL) return KIN_OK;
    status = kin_op_require(call, 2, KIN_TYPE_FLOAT, error);
    if (status != KIN_OK) return status;
    const kin_shape *bias = &call->inputs[2]->shape;
    if (bias->rank != 1 || bias->dims[0] != outputs)
        return kin_fail(error, KIN_BAD_INPUT, "a bias that is not [%lld]", (long long)outputs);
    return KIN_OK;
}

static int64_t channels_out(const kin_op_call *call, bool transposed)
{
    const kin_shape *weights = &call->inputs[1]->shape;
    return transposed ? weights->dims[1] * kin_node_int(call->node, "group", 1) : weights->dims[0];
}

static kin_status infer(kin_op_call *call, bool transposed, kin_error *error)
{
    kin_window window;
    kin_status status = check_channels(call, transposed, error);
    if (status != KIN_OK) return status;
    const kin_shape *input = &call->inputs[0]->shape;
    status = kin_window_read(&window, transposed ? KIN_WINDOW_TRANSPOSED : KIN_WINDOW_CONVOLUTION,
                             call->node, input, &call->inputs[1]->shape, error);
    if (status != KIN_OK) return status;
    kin_shape output =
        kin_window_output_shape(&window, input->dims[0], channels_out(call, transposed));
    return kin_op_output(call, 0, KIN_TYPE_FLOAT, &output, error);
}

static void prepare(convolution *c, const kin_op_call *call, bool transposed)
{
    const kin_shape *input = &call->inputs[0]->shape;
    const kin_tensor *bias = kin_op_input(call, 2);
    kin_status status =
        kin_window_read(&c->window, transposed ? KIN_WINDOW_TRANSPOSED : KIN_WINDOW_CONVOLUTION,
                        call->node, input, &call->inputs[1]->shape, NULL);
    KIN_CHECK(status == KIN_OK);
    c->transposed = transposed;
    c->batch = input->dims[0];
    c->groups = kin_node_int(call->node, "group", 1);
    c->inputs = input->dims[1] / c->groups;
    c->outputs = channels_out(call, transposed) / c->groups;
    c->pixels_in = kin_window_input_count(&c->window);
    c->pixels_out = kin_window_output_count(&c->window);
    c->taps = kin_window_kernel_count(&c->window);
    c->input = call->inputs[0]->data;
    c->weights = call->inputs[1]->data;
    c->bias = bias != NULL ? bias->data : NULL;
    c->output = call->outputs[0]->data;
}

/* Where a tap of an axis falls: element s of the side that the kernel steps over (a convolution's
 * output, a transposed one's input) belongs to element s * stride + shift of the other side. */
typedef struct fall {
    int64_t first, until; /* those s whose partner exists */
    int64_t stride, shift;
} fall;

static fall fall_of(const kin_window_axis *axis, bool transposed, int64_t tap)
{
    int64_t stepped = transposed ? axis->input : axis->output;
    int64_t other = transposed ? axis->output : axis->input;
    fall f = {.stride = axis->stride, .shift = tap * axis->dilation - axis->pad_begin};
    if (f.shift < 0) f.first = (-f.shift + f.stride - 1) / f.stride;
    if (f.shift < other) f.until = (other - 1 - f.shift) / f.stride + 1;
    if (f.until > stepped) f.until = stepped;
    return f;
}

/* output += weight * input for all elements that one tap joins; both are planes of all pixels. */
static void add_tap(const convolution *c, const fall *falls, float weight, const float *input,
                    float *output)
{
    const kin_window_axis *axes = c->window.axes;
    const fall *columns = &falls[2];
    for (int64_t z = falls[0].first; z < falls[0].until; z++)
        for (int64_t y = falls[1].first; y < falls[1].until; y++) {
            int64_t other_z = z * falls[0].stride + falls[0].shift;
            int64_t other_y = y * falls[1].stride + falls[1].shift;
            if (c->transposed) {
                const float *from = input + (z * axes[1].input + y) * axes[2].input;
                float *to = output + (other_z * axes[1].output + other_y) * axes[2].output;
                for (int64_t x = columns->first; x < columns->until; x++)
                    to[x * columns->stride + columns->shift] += weight * from[x];
            } else {
                const float *from = input + (other_z * axes[1].input + other_y) * axes[2].input;
                float *to = output + (z * axes[1].output + y) * axes[2].output;
                for (int64_t x = columns->first; x < columns->until; x++)
                    to[x] += weight * from[x * columns->stride + columns->shift];
            }
        }
}

/* One channel of the output of one picture: input [inputs][pixels_in], weights [inputs] filters of
 * taps, filter_step floats apart. */
static void fill_channel(const convolution *c, const float *input, const float *weights,
                         int64_t filter_step, float *output)
{
    const kin_window_axis *axes = c->window.axes;
    fall falls[KIN_WINDOW_AXES];
    for (int64_t i = 0; i < c->pixels_out; i++)
        output[i] = 0;
    for (int64_t channel = 0; channel < c->inputs; channel++) {
        const float *weight = weights + channel * filter_step;
        for (int64_t i = 0; i < axes[0].kernel; i++) {
            falls[0] = fall_of(&axes[0], c->transposed, i);
            for (int64_t j = 0; j < axes[1].kernel; j++) {
                falls[1] = fall_of(&axes[1], c->transposed, j);
                for (int64_t k = 0; k < axes[2].kernel; k++) {
                    falls[2] = fall_of(&axes[2], c->transposed, k);
                    add_tap(c, falls, *weight++, input + channel * c->pixels_in, output);
                }
            }
        }
    }
}

static void run(const kin_op_call *call, bool transposed)
{
    convolution c;
    if (kin_tensor_count(call->outputs[0]) == 0) return;
    prepare(&c, call, transposed);
    for (int64_t n = 0; n < c.batch; n++)
        for (int64_t g = 0; g < c.groups; g++)
            for (int64_t o = 0; o < c.outputs; o++) {
                int64_t channel = g * c.outputs + o;
                /* Filters [groups][inputs][outputs], or [groups][outputs][inputs]. */
                int64_t filter = transposed ? g * c.inputs * c.outputs + o : channel * c.inputs;
                float *output = c.output + (n * c.groups * c.outputs + channel) * c.pixels_out;
                fill_channel(&c, c.input + (n * c.groups + g) * c.inputs * c.pixels_in,
                             c.weights + filter * c.taps, (transposed ? c.outputs : 1) * c.taps,
                             output);
                for (int64_t i = 0; c.bias != NULL && i < c.pixels_out; i++)
                    output[i] += c.bias[channel];
            }
}

static kin_status infer_conv(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"auto_pad", KIN_ATTRIBUTE_STRING}, {"dilations", KIN_ATTRIBUTE_INTS},
        {"group", KIN_ATTRIBUTE_INT},       {"kernel_shape", KIN_ATTRIBUTE_INTS},
        {"pads", KIN_ATTRIBUTE_INTS},       {"strides", KIN_ATTRIBUTE_INTS},
    };
    kin_status status = kin_op_require_node(call, known, sizeof known / sizeof *known, error);
    return status == KIN_OK ? infer(call, false, error) : status;
}

static kin_status infer_conv_transpose(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"auto_pad", KIN_ATTRIBUTE_STRING},     {"dilations", KIN_ATTRIBUTE_INTS},
        {"group", KIN_ATTRIBUTE_INT},           {"kernel_shape", KIN_ATTRIBUTE_INTS},
        {"output_padding", KIN_ATTRIBUTE_INTS}, {"output_shape", KIN_ATTRIBUTE_INTS},
        {"pads", KIN_ATTRIBUTE_INTS},           {"strides", KIN_ATTRIBUTE_INTS},
    };
    kin_status status = kin_op_require_node(call, known, sizeof known / sizeof *known, error);
    return status == KIN_OK ? infer(call, true, error) : status;
}

static void run_conv(const kin_op_call *call)
{
    run(call, false);
}

static void run_conv_transpose(const kin_op_call *call)
{
    run(call, true);
}

const kin_op kin_convolve_ops[] = {
    {"Conv", 2, 3, 1, infer_conv, run_conv},
    {"ConvTranspose", 2, 3, 1, infer_conv_transpose, run_conv_transpose},
    {.name = NULL},
};
