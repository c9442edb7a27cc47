#include <math.h>

#include "worker/encode/op_elementwise.h"

/* Since this opset, a scale may be that of an axis. */
#define AXIS_OPSET 13

#define TYPES_8 (KIN_TYPE_BIT(KIN_TYPE_UINT8) | KIN_TYPE_BIT(KIN_TYPE_INT8))

/* --- A scale and a zero point for a tensor, or for each index of an axis -----------------------
 */

/* Walks a tensor as [outer][channels][inner], a scale for each channel. */
typedef struct channel_walk {
    int64_t outer, channels, inner;
} channel_walk;

static kin_status walk_of(const kin_op_call *call, channel_walk *walk, kin_error *error)
{
    const kin_shape *x = &call->inputs[0]->shape, *scale = &call->inputs[1]->shape;
    char text[KIN_SHAPE_TEXT_BYTES];
    uint32_t axis = 0;
    *walk = (channel_walk){1, 1, kin_shape_count(x)};
    if (kin_shape_count(scale) == 1 && scale->rank <= 1) return KIN_OK;
    int64_t wanted = call->node->opset < AXIS_OPSET ? 0 : kin_node_int(call->node, "axis", 1);
    if (scale->rank != 1 || call->node->opset < AXIS_OPSET)
        return kin_fail(error, KIN_BAD_INPUT, "its scale of shape %s is not supported (opset %lld)",
                        kin_shape_text(scale, text), (long long)call->node->opset);
    if (!kin_shape_axis(x, wanted, &axis))
        return kin_fail(error, KIN_BAD_INPUT, "axis %lld of a tensor of rank %u", (long long)wanted,
                        x->rank);
    if (scale->dims[0] != x->dims[axis])
        return kin_fail(error, KIN_BAD_INPUT, "it has %lld scales for an axis of %lld",
                        (long long)scale->dims[0], (long long)x->dims[axis]);
    *walk = (channel_walk){kin_shape_product(x, 0, axis), x->dims[axis],
                           kin_shape_product(x, axis + 1, x->rank)};
    return KIN_OK;
}

/* What both directions have in common. The zero point is of type `types`, or left out. */
static kin_status scaled_infer(const kin_op_call *call, uint32_t x_types, uint32_t zero_types,
                               kin_error *error)
{
    static const kin_op_attribute known[] = {{"axis", KIN_ATTRIBUTE_INT}};
    channel_walk walk;
    bool has_axis = call->node->opset >= AXIS_OPSET;
    kin_status status = kin_op_require_node(call, known, has_axis ? 1 : 0, error);
    if (status == KIN_OK) status = kin_op_require_types(call, 0, x_types, error);
    if (status == KIN_OK) status = kin_op_require(call, 1, KIN_TYPE_FLOAT, error);
    if (status == KIN_OK) status = walk_of(call, &walk, error);
    if (status != KIN_OK || kin_op_input(call, 2) == NULL) return status;
    const kin_shape *zero = &call->inputs[2]->shape, *scale = &call->inputs[1]->shape;
    if (zero->rank > 1 || kin_shape_count(zero) != kin_shape_count(scale))
        return kin_fail(error, KIN_BAD_INPUT, "its zero point has another shape than its scale");
    return kin_op_require_types(call, 2, zero_types, error);
}

/* --- QuantizeLinear -------------------------------------------------------------------------- */

static kin_status quantize_infer(kin_op_call *call, kin_error *error)
{
    uint32_t types = KIN_TYPE_BIT(KIN_TYPE_FLOAT) | KIN_TYPE_BIT(KIN_TYPE_INT32);
    kin_status status = scaled_infer(call, types, TYPES_8, error);
    if (status != KIN_OK) return status;
    const kin_tensor *zero = kin_op_input(call, 2);
    return kin_op_output(call, 0, zero == NULL ? KIN_TYPE_UINT8 : zero->type,
                         &call->inputs[0]->shape, error);
}

static void quantize_run(const kin_op_call *call)
{
    const kin_tensor *x = call->inputs[0], *zero = kin_op_input(call, 2);
    const float *scales = call->inputs[1]->data;
    channel_walk walk;
    int64_t at = 0;
    if (walk_of(call, &walk, NULL) != KIN_OK) return;
    for (int64_t o = 0; o < walk.outer; o++)
        for (int64_t c = 0; c < walk.channels; c++) {
            double offset = zero == NULL ? 0 : kin_tensor_get(zero, c);
            for (int64_t i = 0; i < walk.inner; i++, at++) {
                float value = (float)kin_tensor_get(x, at) / scales[c];
                kin_tensor_set(call->outputs[0], at, rint(value) + offset); /* saturates */
            }
        }
}

/* --- DequantizeLinear ------------------------------------------------------------------------ */

static kin_status dequantize_infer(kin_op_call *call, kin_error *error)
{
    uint32_t types = TYPES_8 | KIN_TYPE_BIT(KIN_TYPE_INT32);
    kin_status status = scaled_infer(call, types, types, error);
    if (status == KIN_OK && kin_op_input(call, 2) != NULL)
        status = kin_op_require_same(call, 0, 2, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, KIN_TYPE_FLOAT, &call->inputs[0]->shape, error);
}

static void dequantize_run(const kin_op_call *call)
{
    const kin_tensor *x = call->inputs[0], *zero = kin_op_input(call, 2);
    const float *scales = call->inputs[1]->data;
    float *out = call->outputs[0]->data;
    channel_walk walk;
    int64_t at = 0;
    if (walk_of(call, &walk, NULL) != KIN_OK) return;
    for (int64_t o = 0; o < walk.outer; o++)
        for (int64_t c = 0; c < walk.channels; c++) {
            int64_t offset = zero == NULL ? 0 : kin_tensor_get_int(zero, c);
            for (int64_t i = 0; i < walk.inner; i++, at++)
                out[at] = (float)(kin_tensor_get_int(x, at) - offset) * scales[c];
        }
}

/* --- DynamicQuantizeLinear: the scale follows from the tensor ----------------------------------
 */

static kin_status dynamic_infer(kin_op_call *call, kin_error *error)
{
    kin_shape scalar = kin_shape_of(0);
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    if (status == KIN_OK) status = kin_op_require(call, 0, KIN_TYPE_FLOAT, error);
    if (status == KIN_OK)
        status = kin_op_output(call, 0, KIN_TYPE_UINT8, &call->inputs[0]->shape, error);
    if (status == KIN_OK) status = kin_op_output(call, 1, KIN_TYPE_FLOAT, &scalar, error);
    if (status == KIN_OK) status = kin_op_output(call, 2, KIN_TYPE_UINT8, &scalar, error);
    return status;
}

static void dynamic_run(const kin_op_call *call)
{
    const float *x = call->inputs[0]->data;
    int64_t count = kin_tensor_count(call->inputs[0]);
    uint8_t zero_byte = 0;
    kin_tensor zero = {.type = KIN_TYPE_UINT8, .data = &zero_byte};
    float low = 0, high = 0; /* 0 must be exact */
    for (int64_t i = 0; i < count; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float scale = high == low ? 1 : (high - low) / 255; /* 1: every element is 0 */
    kin_tensor_set(&zero, 0, rint(-low / scale));
    for (int64_t i = 0; i < count; i++)
        kin_tensor_set(call->outputs[0], i, rint(x[i] / scale) + zero_byte); /* saturates */
    if (call->output_count > 1 && call->outputs[1] != NULL)
        *(float *)call->outputs[1]->data = scale;
    if (call->output_count > 2 && call->outputs[2] != NULL)
        *(uint8_t *)call->outputs[2]->data = zero_byte;
}

const kin_op kin_quantize_ops[] = {
    {"DequantizeLinear", 2, 3, 1, dequantize_infer, dequantize_run},
    {"DynamicQuantizeLinear", 1, 1, 3, dynamic_infer, dynamic_run},
    {"QuantizeLinear", 2, 3, 1, quantize_infer, quantize_run},
    {.name = NULL},
};
