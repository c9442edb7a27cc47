#include "worker/encode/window.h"

#include <string.h>

/* An attribute of count integers, each in [low, high]; values keep what they are where there is
 * none of that name. */
static kin_status read_ints(const kin_node *node, const char *name, uint32_t count, int64_t low,
                            int64_t high, int64_t *values, kin_error *error)
{
    const kin_attribute *attribute = kin_node_attribute(node, name, KIN_ATTRIBUTE_INTS);
    if (attribute == NULL) return KIN_OK;
    if (attribute->count != count)
        return kin_fail(error, KIN_BAD_INPUT, "attribute '%s' has %u values; %u are needed", name,
                        attribute->count, count);
    for (uint32_t i = 0; i < count; i++) {
        if (attribute->ints[i] < low || attribute->ints[i] > high)
            return kin_fail(error, KIN_BAD_INPUT,
                            "attribute '%s' holds %lld; %lld to %lld are possible", name,
                            (long long)attribute->ints[i], (long long)low, (long long)high);
        values[i] = attribute->ints[i];
    }
    return KIN_OK;
}

/* kernel [rank] of the weights, of kernel_shape, or of both if they agree. */
static kin_status read_kernel(const kin_node *node, uint32_t rank, const kin_shape *weights,
                              int64_t *kernel, kin_error *error)
{
    int64_t given[KIN_WINDOW_AXES] = {0};
    kin_status status = read_ints(node, "kernel_shape", rank, 1, KIN_WINDOW_SIDE_MAX, given, error);
    if (status != KIN_OK) return status;
    if (weights == NULL && given[0] == 0)
        return kin_fail(error, KIN_BAD_INPUT, "attribute 'kernel_shape' is missing");
    if (weights != NULL && weights->rank != rank + 2)
        return kin_fail(error, KIN_BAD_INPUT, "weights of rank %u for an input of rank %u",
                        weights->rank, rank + 2);
    for (uint32_t i = 0; i < rank; i++) {
        kernel[i] = weights == NULL ? given[i] : weights->dims[i + 2];
        if (kernel[i] < 1 || kernel[i] > KIN_WINDOW_SIDE_MAX)
            return kin_fail(error, KIN_BAD_INPUT, "a kernel of %lld; 1 to %lld are possible",
                            (long long)kernel[i], (long long)KIN_WINDOW_SIDE_MAX);
        if (given[0] != 0 && given[i] != kernel[i])
            return kin_fail(error, KIN_BAD_INPUT,
                            "attribute 'kernel_shape' says %lld, the weights say %lld",
                            (long long)given[i], (long long)kernel[i]);
    }
    return KIN_OK;
}

typedef enum auto_pad { NOTSET, SAME_UPPER, SAME_LOWER, VALID } auto_pad;

static kin_status read_auto_pad(const kin_node *node, auto_pad *how, kin_error *error)
{
    static const char *const words[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *word = kin_node_string(node, "auto_pad", words[NOTSET]);
    for (int i = NOTSET; i <= VALID; i++)
        if (strcmp(word, words[i]) == 0) {
            *how = (auto_pad)i;
            return KIN_OK;
        }
    return kin_fail(error, KIN_BAD_INPUT, "attribute 'auto_pad' is '%.40s'", word);
}

/* Half of the padding on either side; an odd element goes behind with SAME_UPPER, else before. */
static void split_padding(kin_window_axis *axis, int64_t total, auto_pad how)
{
    if (total < 0) total = 0;
    axis->pad_begin = how == SAME_UPPER ? total / 2 : total - total / 2;
    axis->pad_end = total - axis->pad_begin;
}

/* Output and padding of a convolution or pool. */
static kin_status place(kin_window_axis *axis, auto_pad how, bool ceil_mode, kin_error *error)
{
    int64_t extent = kin_window_extent(axis), stride = axis->stride;
    if (how == SAME_UPPER || how == SAME_LOWER) {
        axis->output = (axis->input + stride - 1) / stride;
        split_padding(axis, (axis->output - 1) * stride + extent - axis->input, how);
        return KIN_OK;
    }
    int64_t room = axis->input + axis->pad_begin + axis->pad_end - extent;
    if (room < 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "a window of %lld does not fit into %lld elements and %lld of padding",
                        (long long)extent, (long long)axis->input,
                        (long long)(axis->pad_begin + axis->pad_end));
    axis->output = room / stride + 1;
    /* A window that hangs over the end counts, unless it would start behind the input: torch, and
     * ONNX since it says anything about it. */
    if (ceil_mode && room % stride > 0 && kin_window_start(axis, axis->output) < axis->input)
        axis->output++;
    return KIN_OK;
}

/* Output and padding of a transposed convolution. asked: what output_shape says, or -1. */
static kin_status place_transposed(kin_window_axis *axis, auto_pad how, int64_t output_padding,
                                   int64_t asked, kin_error *error)
{
    int64_t whole = (axis->input - 1) * axis->stride + kin_window_extent(axis) + output_padding;
    if (asked < 0 && (how == SAME_UPPER || how == SAME_LOWER)) asked = axis->input * axis->stride;
    axis->output = asked;
    if (asked >= 0)
        split_padding(axis, whole - asked, how);
    else
        axis->output = whole - axis->pad_begin - axis->pad_end;
    if (axis->output < 1)
        return kin_fail(error, KIN_BAD_INPUT, "padding of %lld leaves nothing of %lld elements",
                        (long long)(axis->pad_begin + axis->pad_end), (long long)whole);
    return KIN_OK;
}

/* output_shape: [rank], or with batch and channels before it as older exporters write it. */
static kin_status read_output_shape(const kin_node *node, uint32_t rank, int64_t *asked,
                                    kin_error *error)
{
    const kin_attribute *given = kin_node_attribute(node, "output_shape", KIN_ATTRIBUTE_INTS);
    int64_t values[KIN_WINDOW_AXES + 2] = {-1, -1, -1, -1, -1};
    uint32_t count = given != NULL && given->count == rank + 2 ? rank + 2 : rank;
    kin_status status =
        read_ints(node, "output_shape", count, 1, KIN_TENSOR_ELEMENTS_MAX, values, error);
    memcpy(asked, values + count - rank, rank * sizeof *asked);
    return status;
}

/* Everything but outputs and resolved padding, axes of one element before those of the input. */
static kin_status read_axes(kin_window *window, const kin_node *node, const kin_shape *input,
                            const kin_shape *weights, auto_pad how, kin_error *error)
{
    uint32_t rank = window->rank;
    int64_t kernel[KIN_WINDOW_AXES], strides[] = {1, 1, 1}, dilations[] = {1, 1, 1};
    int64_t pads[2 * KIN_WINDOW_AXES] = {0};
    kin_status status = read_kernel(node, rank, weights, kernel, error);
    if (status == KIN_OK)
        status = read_ints(node, "strides", rank, 1, KIN_WINDOW_SIDE_MAX, strides, error);
    if (status == KIN_OK)
        status = read_ints(node, "dilations", rank, 1, KIN_WINDOW_SIDE_MAX, dilations, error);
    if (status == KIN_OK && how == NOTSET)
        status = read_ints(node, "pads", 2 * rank, 0, KIN_WINDOW_SIDE_MAX, pads, error);
    if (status != KIN_OK) return status;
    for (uint32_t i = 0; i < KIN_WINDOW_AXES - rank; i++)
        window->axes[i] = (kin_window_axis){1, 1, 1, 1, 1, 0, 0};
    for (uint32_t i = 0; i < rank; i++) {
        if (input->dims[i + 2] < 1)
            return kin_fail(error, KIN_BAD_INPUT, "spatial dimension %u of its input is 0", i);
        window->axes[KIN_WINDOW_AXES - rank + i] = (kin_window_axis){
            .input = input->dims[i + 2],
            .kernel = kernel[i],
            .stride = strides[i],
            .dilation = dilations[i],
            .pad_begin = pads[i],
            .pad_end = pads[rank + i],
        };
    }
    return KIN_OK;
}

static kin_status read_transposed(kin_window *window, const kin_node *node, auto_pad how,
                                  kin_error *error)
{
    int64_t padding[KIN_WINDOW_AXES] = {0}, asked[KIN_WINDOW_AXES];
    kin_status status =
        read_ints(node, "output_padding", window->rank, 0, KIN_WINDOW_SIDE_MAX, padding, error);
    if (status == KIN_OK) status = read_output_shape(node, window->rank, asked, error);
    for (uint32_t i = 0; status == KIN_OK && i < window->rank; i++)
        status = place_transposed(&window->axes[KIN_WINDOW_AXES - window->rank + i], how,
                                  padding[i], asked[i], error);
    return status;
}

kin_status kin_window_read(kin_window *window, kin_window_kind kind, const kin_node *node,
                           const kin_shape *input, const kin_shape *weights, kin_error *error)
{
    auto_pad how = NOTSET;
    if (input->rank < 3 || input->rank > KIN_WINDOW_AXES + 2)
        return kin_fail(error, KIN_BAD_INPUT, "an input of rank %u; 3 to %d are supported",
                        input->rank, KIN_WINDOW_AXES + 2);
    window->rank = input->rank - 2;
    kin_status status = read_auto_pad(node, &how, error);
    if (status == KIN_OK) status = read_axes(window, node, input, weights, how, error);
    if (status == KIN_OK && kind == KIN_WINDOW_TRANSPOSED)
        return read_transposed(window, node, how, error);
    bool ceil_mode = kind == KIN_WINDOW_POOL && kin_node_int(node, "ceil_mode", 0) != 0;
    for (uint32_t i = KIN_WINDOW_AXES - window->rank; status == KIN_OK && i < KIN_WINDOW_AXES;
         i++) {
        kin_window_axis *axis = &window->axes[i];
        int64_t extent = kin_window_extent(axis);
        /* Otherwise there are windows on padding alone, whose maximum and mean nobody defines. */
        if (kind == KIN_WINDOW_POOL && (axis->pad_begin >= extent || axis->pad_end >= extent))
            return kin_fail(error, KIN_BAD_INPUT, "padding is not smaller than the window of %lld",
                            (long long)extent);
        status = place(axis, how, ceil_mode, error);
    }
    return status;
}

kin_shape kin_window_output_shape(const kin_window *window, int64_t batch, int64_t channels)
{
    kin_shape shape = {.rank = window->rank + 2, .dims = {batch, channels}};
    for (uint32_t i = 0; i < window->rank; i++)
        shape.dims[i + 2] = window->axes[KIN_WINDOW_AXES - window->rank + i].output;
    return shape;
}

int64_t kin_window_input_count(const kin_window *window)
{
    return window->axes[0].input * window->axes[1].input * window->axes[2].input;
}

int64_t kin_window_output_count(const kin_window *window)
{
    return window->axes[0].output * window->axes[1].output * window->axes[2].output;
}

int64_t kin_window_kernel_count(const kin_window *window)
{
    return window->axes[0].kernel * window->axes[1].kernel * window->axes[2].kernel;
}
