#include <float.h>
#include <math.h>

#include "worker/encode/op_unary.h"

/* --- Functions with parameters --------------------------------------------------------------- */

#define ACTIVATION(name, alpha_attribute, alpha_default, beta_attribute, beta_default, expression) \
    KIN_UNARY_LOOPS(name, expression)                                                              \
    static const kin_unary name = {.floats = name##_floats,                                        \
                                   .doubles = name##_doubles,                                      \
                                   .types = KIN_TYPES_REAL,                                        \
                                   .alpha_name = alpha_attribute,                                  \
                                   .beta_name = beta_attribute,                                    \
                                   .alpha = alpha_default,                                         \
                                   .beta = beta_default};                                          \
    KIN_UNARY_OP(name)

static double clamped(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

ACTIVATION(celu, "alpha", 1, NULL, 0, x > 0 ? x : alpha * expm1(x / alpha))
ACTIVATION(elu, "alpha", 1, NULL, 0, x < 0 ? alpha * expm1(x) : x)
ACTIVATION(hard_sigmoid, "alpha", 0.2f, "beta", 0.5f, clamped(beta + alpha * x))
ACTIVATION(hard_swish, NULL, 0, NULL, 0, clamped(x / 6.0 + 0.5) * x)
ACTIVATION(leaky_relu, "alpha", 0.01f, NULL, 0, x < 0 ? alpha * x : x)
ACTIVATION(selu, "alpha", 1.67326319217681884765625f, "gamma", 1.05070102214813232421875f,
           x > 0 ? beta * x : beta * (alpha * expm1(x)))
ACTIVATION(shrink, "bias", 0, "lambd", 0.5f, -beta > x ? x + alpha : beta < x ? x - alpha : 0)
ACTIVATION(thresholded_relu, "alpha", 1, NULL, 0, x > alpha ? x : 0)

/* --- Clip ------------------------------------------------------------------------------------ */

/* The first opset whose Clip takes its bounds as inputs. */
#define CLIP_INPUTS_OPSET 11

static kin_status clip_bound(const kin_op_call *call, uint32_t i, kin_error *error)
{
    const kin_tensor *bound = kin_op_input(call, i);
    char text[KIN_SHAPE_TEXT_BYTES];
    if (bound == NULL) return KIN_OK;
    if (kin_tensor_count(bound) != 1)
        return kin_fail(error, KIN_BAD_INPUT, "its input %u is of shape %s; it must be a scalar", i,
                        kin_shape_text(&bound->shape, text));
    return kin_op_require_same(call, 0, i, error);
}

static kin_status clip_infer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute bounds[] = {{"min", KIN_ATTRIBUTE_FLOAT},
                                              {"max", KIN_ATTRIBUTE_FLOAT}};
    bool has_inputs = call->node->opset >= CLIP_INPUTS_OPSET;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_NUMBER, error);
    if (status == KIN_OK && !has_inputs)
        status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, bounds, has_inputs ? 0 : 2, error);
    if (status == KIN_OK && !has_inputs && call->input_count > 1)
        status = kin_fail(error, KIN_BAD_INPUT, "it takes bounds as inputs since opset %d only",
                          CLIP_INPUTS_OPSET);
    for (uint32_t i = 1; status == KIN_OK && i <= 2; i++)
        status = clip_bound(call, i, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &call->inputs[0]->shape, error);
}

/* The largest finite number of a type: the bound of a Clip without bounds. */
static double largest_of(kin_type type)
{
    switch (type) {
    case KIN_TYPE_DOUBLE:
        return DBL_MAX;
    case KIN_TYPE_FLOAT16:
        return 65504;
    case KIN_TYPE_BFLOAT16:
        return 0x1.fep127;
    default:
        return FLT_MAX;
    }
}

static void clip_reals(const kin_op_call *call, double low, double high)
{
    const kin_tensor *in = call->inputs[0];
    kin_tensor *out = call->outputs[0];
    int64_t count = kin_tensor_count(in);
    if (in->type != KIN_TYPE_FLOAT) {
        for (int64_t i = 0; i < count; i++) {
            double x = kin_tensor_get(in, i);
            x = x < low ? low : x;
            kin_tensor_set(out, i, x > high ? high : x);
        }
        return;
    }
    const float *from = in->data;
    float *to = out->data, low_float = (float)low, high_float = (float)high;
    for (int64_t i = 0; i < count; i++) {
        float x = from[i] < low_float ? low_float : from[i];
        to[i] = x > high_float ? high_float : x;
    }
}

static void clip_integers(const kin_op_call *call, const kin_tensor *min, const kin_tensor *max)
{
    const kin_tensor *in = call->inputs[0];
    bool is_signed = kin_type_in(in->type, KIN_TYPES_SIGNED);
    /* Of signed numbers, the order is that of what they are above the smallest. */
    uint64_t shift = is_signed ? (uint64_t)1 << 63 : 0;
    uint64_t low = min == NULL ? 0 : (uint64_t)kin_tensor_get_int(min, 0) + shift;
    uint64_t high = max == NULL ? UINT64_MAX : (uint64_t)kin_tensor_get_int(max, 0) + shift;
    for (int64_t i = 0, count = kin_tensor_count(in); i < count; i++) {
        uint64_t x = (uint64_t)kin_tensor_get_int(in, i) + shift;
        x = x < low ? low : x;
        kin_tensor_set_bits(call->outputs[0], i, (x > high ? high : x) - shift);
    }
}

static void clip_run(const kin_op_call *call)
{
    const kin_tensor *min = kin_op_input(call, 1), *max = kin_op_input(call, 2);
    kin_type type = call->inputs[0]->type;
    if (!kin_type_in(type, KIN_TYPES_REAL)) {
        clip_integers(call, min, max);
    } else if (call->node->opset < CLIP_INPUTS_OPSET) {
        clip_reals(call, kin_node_float(call->node, "min", -FLT_MAX),
                   kin_node_float(call->node, "max", FLT_MAX));
    } else {
        clip_reals(call, min == NULL ? -largest_of(type) : kin_tensor_get(min, 0),
                   max == NULL ? largest_of(type) : kin_tensor_get(max, 0));
    }
}

#define OP(onnx_name, name)                          \
    {                                                \
        onnx_name, 1, 1, 1, name##_infer, name##_run \
    }

const kin_op kin_activation_ops[] = {
    OP("Celu", celu),
    {"Clip", 1, 3, 1, clip_infer, clip_run},
    OP("Elu", elu),
    OP("HardSigmoid", hard_sigmoid),
    OP("HardSwish", hard_swish),
    OP("LeakyRelu", leaky_relu),
    OP("Selu", selu),
    OP("Shrink", shrink),
    OP("ThresholdedRelu", thresholded_relu),
    {.name = NULL},
};
