#include "worker/encode/op_unary.h"

#include <math.h>

kin_status kin_unary_infer(kin_op_call *call, const kin_unary *unary, kin_error *error)
{
    kin_op_attribute known[] = {{unary->alpha_name, KIN_ATTRIBUTE_FLOAT},
                                {unary->beta_name, KIN_ATTRIBUTE_FLOAT}};
    uint32_t count = known[0].name == NULL ? 0 : known[1].name == NULL ? 1 : 2;
    kin_status status = kin_op_require_types(call, 0, unary->types, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, count, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &call->inputs[0]->shape, error);
}

static float attribute_of(const kin_node *node, const char *name, float otherwise)
{
    return name == NULL ? otherwise : kin_node_float(node, name, otherwise);
}

void kin_unary_run(const kin_op_call *call, const kin_unary *unary)
{
    const kin_tensor *in = call->inputs[0];
    kin_tensor *out = call->outputs[0];
    double alpha = attribute_of(call->node, unary->alpha_name, unary->alpha);
    double beta = attribute_of(call->node, unary->beta_name, unary->beta);
    int64_t count = kin_tensor_count(in);
    if (in->type == KIN_TYPE_FLOAT) {
        unary->floats(out->data, in->data, count, alpha, beta);
    } else if (in->type == KIN_TYPE_DOUBLE) {
        unary->doubles(out->data, in->data, count, alpha, beta);
    } else if (kin_type_in(in->type, KIN_TYPES_REAL)) {
        for (int64_t i = 0; i < count; i++) {
            float x = (float)kin_tensor_get(in, i), result;
            unary->floats(&result, &x, 1, alpha, beta);
            kin_tensor_set(out, i, result);
        }
    } else {
        bool is_signed = kin_type_in(in->type, KIN_TYPES_SIGNED);
        for (int64_t i = 0; i < count; i++) {
            int64_t x = kin_tensor_get_int(in, i);
            kin_tensor_set_bits(out, i, unary->integer((uint64_t)x, is_signed && x < 0));
        }
    }
}

/* A function of real numbers, without attributes. */
#define REAL(name, expression)                                                        \
    KIN_UNARY_LOOPS(name, expression)                                                 \
    static const kin_unary name = {                                                   \
        .floats = name##_floats, .doubles = name##_doubles, .types = KIN_TYPES_REAL}; \
    KIN_UNARY_OP(name)

/* The same, with a function for integers of these types. */
#define NUMBER(name, integers, expression, integer_expression)            \
    KIN_UNARY_LOOPS(name, expression)                                     \
    static uint64_t name##_integer(uint64_t x, bool negative)             \
    {                                                                     \
        (void)negative;                                                   \
        return integer_expression;                                        \
    }                                                                     \
    static const kin_unary name = {.floats = name##_floats,               \
                                   .doubles = name##_doubles,             \
                                   .integer = name##_integer,             \
                                   .types = KIN_TYPES_REAL | (integers)}; \
    KIN_UNARY_OP(name)

NUMBER(absolute, KIN_TYPES_INTEGER, fabs(x), negative ? -x : x)
NUMBER(negate, KIN_TYPES_SIGNED, -x, -x)
/* Zeros and what is not a number stay. */
NUMBER(sign, KIN_TYPES_INTEGER, x > 0 ? 1 : x < 0 ? -1 : x, negative ? UINT64_MAX : x != 0)
NUMBER(relu, KIN_TYPES_INTEGER, x < 0 ? 0 : x, negative ? 0 : x)

REAL(arc_cosine, acos(x))
REAL(arc_hyperbolic_cosine, acosh(x))
REAL(arc_sine, asin(x))
REAL(arc_hyperbolic_sine, asinh(x))
REAL(arc_tangent, atan(x))
REAL(arc_hyperbolic_tangent, atanh(x))
REAL(ceiling, ceil(x))
REAL(cosine, cos(x))
REAL(hyperbolic_cosine, cosh(x))
REAL(error_function, erf(x))
REAL(exponential, exp(x))
REAL(round_down, floor(x))
REAL(logarithm, log(x))
REAL(reciprocal, 1 / x)
REAL(round_to_even, rint(x))
REAL(sigmoid, 1 / (1 + exp(-x)))
REAL(sine, sin(x))
REAL(hyperbolic_sine, sinh(x))
REAL(softsign, x / (1 + fabs(x)))
REAL(square_root, sqrt(x))
REAL(tangent, tan(x))
REAL(hyperbolic_tangent, tanh(x))

/* log(1 + exp(x)), where exp may not overflow. */
static double softplus_of(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

REAL(softplus, softplus_of(x))
REAL(mish, tanh(softplus_of(x)) * x)

/* --- To and from bool ------------------------------------------------------------------------ */

static kin_status not_infer(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_BOOL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, NULL, 0, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, KIN_TYPE_BOOL, &call->inputs[0]->shape, error);
}

static void not_run(const kin_op_call *call)
{
    const uint8_t *in = call->inputs[0]->data;
    uint8_t *out = call->outputs[0]->data;
    for (int64_t i = 0, count = kin_tensor_count(call->inputs[0]); i < count; i++)
        out[i] = in[i] == 0;
}

static kin_status is_nan_infer(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, NULL, 0, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, KIN_TYPE_BOOL, &call->inputs[0]->shape, error);
}

static void is_nan_run(const kin_op_call *call)
{
    uint8_t *out = call->outputs[0]->data;
    for (int64_t i = 0, count = kin_tensor_count(call->inputs[0]); i < count; i++)
        out[i] = isnan(kin_tensor_get(call->inputs[0], i));
}

static kin_status is_infinite_infer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {{"detect_negative", KIN_ATTRIBUTE_INT},
                                             {"detect_positive", KIN_ATTRIBUTE_INT}};
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 2, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, KIN_TYPE_BOOL, &call->inputs[0]->shape, error);
}

static void is_infinite_run(const kin_op_call *call)
{
    bool negative = kin_node_int(call->node, "detect_negative", 1) != 0;
    bool positive = kin_node_int(call->node, "detect_positive", 1) != 0;
    uint8_t *out = call->outputs[0]->data;
    for (int64_t i = 0, count = kin_tensor_count(call->inputs[0]); i < count; i++) {
        double x = kin_tensor_get(call->inputs[0], i);
        out[i] = isinf(x) && (x < 0 ? negative : positive);
    }
}

#define OP(onnx_name, name)                          \
    {                                                \
        onnx_name, 1, 1, 1, name##_infer, name##_run \
    }

const kin_op kin_unary_ops[] = {
    OP("Abs", absolute),
    OP("Acos", arc_cosine),
    OP("Acosh", arc_hyperbolic_cosine),
    OP("Asin", arc_sine),
    OP("Asinh", arc_hyperbolic_sine),
    OP("Atan", arc_tangent),
    OP("Atanh", arc_hyperbolic_tangent),
    OP("Ceil", ceiling),
    OP("Cos", cosine),
    OP("Cosh", hyperbolic_cosine),
    OP("Erf", error_function),
    OP("Exp", exponential),
    OP("Floor", round_down),
    OP("IsInf", is_infinite),
    OP("IsNaN", is_nan),
    OP("Log", logarithm),
    OP("Mish", mish),
    OP("Neg", negate),
    OP("Not", not ),
    OP("Reciprocal", reciprocal),
    OP("Relu", relu),
    OP("Round", round_to_even),
    OP("Sigmoid", sigmoid),
    OP("Sign", sign),
    OP("Sin", sine),
    OP("Sinh", hyperbolic_sine),
    OP("Softplus", softplus),
    OP("Softsign", softsign),
    OP("Sqrt", square_root),
    OP("Tan", tangent),
    OP("Tanh", hyperbolic_tangent),
    {.name = NULL},
};
