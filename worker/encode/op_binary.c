#include "worker/encode/op_binary.h"

#include <math.h>
#include <string.h>

/* --- Broadcasting ---------------------------------------------------------------------------- */

/* Since this opset, shapes broadcast by numpy's rules; Sum, Mean, Max and Min since the other. */
#define BROADCAST_OPSET 7
#define VARIADIC_BROADCAST_OPSET 8

static kin_status refuse_shapes(const kin_shape *a, const kin_shape *b, kin_error *error)
{
    char a_text[KIN_SHAPE_TEXT_BYTES], b_text[KIN_SHAPE_TEXT_BYTES];
    return kin_fail(error, KIN_BAD_INPUT, "its inputs of shapes %s and %s do not broadcast",
                    kin_shape_text(a, a_text), kin_shape_text(b, b_text));
}

/* Opset 6: with broadcast = 1, b's dimensions are those of a from axis on (or its last ones); ones
 * behind them make it numpy's rule. */
static bool legacy_shape(const kin_node *node, const kin_shape *a, const kin_shape *b,
                         kin_shape *aligned)
{
    *aligned = *b;
    if (kin_node_int(node, "broadcast", 0) == 0) return kin_shape_equal(a, b);
    if (b->rank > a->rank) return false;
    int64_t axis = kin_node_int(node, "axis", a->rank - b->rank);
    if (axis < 0 || axis > a->rank - b->rank) return false;
    aligned->rank = a->rank - (uint32_t)axis;
    for (uint32_t i = b->rank; i < aligned->rank; i++)
        aligned->dims[i] = 1;
    for (uint32_t i = 0; i < b->rank; i++)
        if (b->dims[i] != 1 && b->dims[i] != a->dims[i + axis]) return false;
    return true;
}

kin_tensor kin_binary_second(const kin_op_call *call)
{
    kin_tensor second = *call->inputs[1];
    if (call->node->opset < BROADCAST_OPSET)
        (void)legacy_shape(call->node, &call->inputs[0]->shape, &call->inputs[1]->shape,
                           &second.shape);
    return second;
}

kin_status kin_binary_shape(const kin_op_call *call, kin_shape *result, kin_error *error)
{
    const kin_shape *a = &call->inputs[0]->shape, *b = &call->inputs[1]->shape;
    kin_shape aligned = *b;
    if (call->node->opset < BROADCAST_OPSET && !legacy_shape(call->node, a, b, &aligned))
        return refuse_shapes(a, b, error);
    return kin_op_broadcast(a, &aligned, result) ? KIN_OK : refuse_shapes(a, b, error);
}

static kin_status require_binary_node(const kin_op_call *call, const kin_op_attribute *attribute,
                                      kin_error *error)
{
    kin_op_attribute known[3];
    uint32_t count = 0;
    if (attribute != NULL) known[count++] = *attribute;
    if (call->node->opset < BROADCAST_OPSET) {
        known[count++] = (kin_op_attribute){"broadcast", KIN_ATTRIBUTE_INT};
        known[count++] = (kin_op_attribute){"axis", KIN_ATTRIBUTE_INT};
    }
    return kin_op_require_node(call, known, count, error);
}

kin_status kin_binary_infer(kin_op_call *call, const kin_binary *binary,
                            const kin_op_attribute *attribute, kin_error *error)
{
    kin_shape result;
    kin_status status = require_binary_node(call, attribute, error);
    for (uint32_t i = 0; status == KIN_OK && i < 2; i++)
        status = kin_op_require_types(call, i, binary->types, error);
    if (status == KIN_OK) status = kin_op_require_same(call, 0, 1, error);
    if (status == KIN_OK) status = kin_binary_shape(call, &result, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, binary->compares ? KIN_TYPE_BOOL : call->inputs[0]->type, &result,
                         error);
}

/* --- Rows ------------------------------------------------------------------------------------ */

/* Of the types that have no loop of their own: float16 and bfloat16 by way of float, integers by
 * way of 64 bits. */
static void apply_slowly(const kin_binary *binary, kin_tensor *out, const kin_tensor *a,
                         const kin_tensor *b, const kin_rows *rows)
{
    bool is_real = kin_type_in(a->type, KIN_TYPES_REAL);
    bool is_signed = kin_type_in(a->type, KIN_TYPES_SIGNED);
    for (int64_t i = 0; i < rows->length; i++) {
        int64_t at = rows->at + i;
        int64_t a_at = rows->offsets[0] + i * rows->steps[0];
        int64_t b_at = rows->offsets[1] + i * rows->steps[1];
        if (!is_real) {
            uint64_t x = (uint64_t)kin_tensor_get_int(a, a_at);
            uint64_t y = (uint64_t)kin_tensor_get_int(b, b_at);
            kin_tensor_set_bits(out, at, binary->integer(x, y, is_signed));
            continue;
        }
        float x = (float)kin_tensor_get(a, a_at), y = (float)kin_tensor_get(b, b_at), result;
        if (binary->compares) {
            binary->floats((uint8_t *)out->data + at, &x, 0, &y, 0, 1);
        } else {
            binary->floats(&result, &x, 0, &y, 0, 1);
            kin_tensor_set(out, at, result);
        }
    }
}

void kin_binary_apply(const kin_binary *binary, kin_tensor *out, const kin_tensor *a,
                      const kin_tensor *b)
{
    const kin_shape *shapes[] = {&a->shape, &b->shape};
    int64_t out_bytes = (int64_t)kin_type_bytes(out->type);
    kin_rows rows;
    for (bool more = kin_rows_first(&rows, &out->shape, shapes, 2); more;
         more = kin_rows_next(&rows)) {
        char *to = (char *)out->data + rows.at * out_bytes;
        if (a->type == KIN_TYPE_FLOAT)
            binary->floats(to, (const float *)a->data + rows.offsets[0], rows.steps[0],
                           (const float *)b->data + rows.offsets[1], rows.steps[1], rows.length);
        else if (a->type == KIN_TYPE_DOUBLE)
            binary->doubles(to, (const double *)a->data + rows.offsets[0], rows.steps[0],
                            (const double *)b->data + rows.offsets[1], rows.steps[1], rows.length);
        else
            apply_slowly(binary, out, a, b, &rows);
    }
}

void kin_binary_run(const kin_op_call *call, const kin_binary *binary)
{
    kin_tensor second = kin_binary_second(call);
    kin_binary_apply(binary, call->outputs[0], call->inputs[0], &second);
}

/* --- Arithmetic ------------------------------------------------------------------------------ */

/* Integers wrap around; what cannot be divided by 0 gives 0. */
#define NUMBERS(name, expression, integer_expression)                      \
    KIN_BINARY_LOOP(name##_floats, float, float, expression)               \
    KIN_BINARY_LOOP(name##_doubles, double, double, expression)            \
    static uint64_t name##_integer(uint64_t a, uint64_t b, bool is_signed) \
    {                                                                      \
        (void)is_signed;                                                   \
        return integer_expression;                                         \
    }                                                                      \
    static const kin_binary name = {.floats = name##_floats,               \
                                    .doubles = name##_doubles,             \
                                    .integer = name##_integer,             \
                                    .types = KIN_TYPES_NUMBER};

static bool is_less(uint64_t a, uint64_t b, bool is_signed)
{
    return is_signed ? (int64_t)a < (int64_t)b : a < b;
}

static bool is_negative(uint64_t x, bool is_signed)
{
    return is_less(x, 0, is_signed);
}

/* Towards 0. By magnitudes, so that the smallest by -1 wraps around as well. */
static uint64_t quotient_of(uint64_t a, uint64_t b, bool is_signed)
{
    if (b == 0) return 0;
    bool a_negative = is_negative(a, is_signed), b_negative = is_negative(b, is_signed);
    uint64_t quotient = (a_negative ? -a : a) / (b_negative ? -b : b);
    return a_negative != b_negative ? -quotient : quotient;
}

/* Of the dividend's sign. */
static uint64_t remainder_of(uint64_t a, uint64_t b, bool is_signed)
{
    return b == 0 ? 0 : a - quotient_of(a, b, is_signed) * b;
}

/* Of the divisor's sign, as Python's. */
static uint64_t modulus_of(uint64_t a, uint64_t b, bool is_signed)
{
    uint64_t rest = remainder_of(a, b, is_signed);
    bool differ = is_negative(rest, is_signed) != is_negative(b, is_signed);
    return rest != 0 && differ ? rest + b : rest;
}

static uint64_t power_of(uint64_t base, uint64_t exponent)
{
    uint64_t result = 1;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if ((exponent & 1) != 0) result *= base;
    return result;
}

/* Negative exponents: the reciprocal, cut to an integer. */
static uint64_t signed_power_of(uint64_t base, bool base_signed, uint64_t exponent,
                                bool exponent_signed)
{
    if (!is_negative(exponent, exponent_signed)) return power_of(base, exponent);
    if (base == 1 || (base_signed && base == UINT64_MAX)) return power_of(base, exponent & 1);
    return 0;
}

NUMBERS(add, a + b, a + b)
NUMBERS(subtract, a - b, a - b)
NUMBERS(multiply, (a * b), (a * b))
NUMBERS(divide, a / b, quotient_of(a, b, is_signed))
NUMBERS(power, pow(a, b), signed_power_of(a, is_signed, b, is_signed))
NUMBERS(modulus, fmod(a, b), modulus_of(a, b, is_signed)) /* of integers only */
NUMBERS(rest, fmod(a, b), remainder_of(a, b, is_signed))
/* What is not a number wins. */
NUMBERS(maximum, a > b || a != a ? a : b, is_less(a, b, is_signed) ? b : a)
NUMBERS(minimum, a < b || a != a ? a : b, is_less(b, a, is_signed) ? b : a)
NUMBERS(leak, a < 0 ? a * b : a, is_negative(a, is_signed) ? a *b : a)

KIN_BINARY_OP(add)
KIN_BINARY_OP(subtract)
KIN_BINARY_OP(multiply)
KIN_BINARY_OP(divide)

static const kin_binary *mod_of(const kin_node *node)
{
    return kin_node_int(node, "fmod", 0) != 0 ? &rest : &modulus;
}

static kin_status mod_infer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute attribute = {"fmod", KIN_ATTRIBUTE_INT};
    kin_status status = kin_binary_infer(call, &rest, &attribute, error);
    if (status == KIN_OK && kin_type_in(call->inputs[0]->type, KIN_TYPES_REAL) &&
        mod_of(call->node) != &rest)
        return kin_fail(error, KIN_BAD_INPUT, "its inputs are of type %s and its 'fmod' is 0",
                        kin_type_name(call->inputs[0]->type));
    return status;
}

static void mod_run(const kin_op_call *call)
{
    kin_binary_run(call, mod_of(call->node));
}

/* --- Pow: base and exponent may be of different types ---------------------------------------- */

static kin_status pow_infer(kin_op_call *call, kin_error *error)
{
    kin_shape result;
    kin_status status = require_binary_node(call, NULL, error);
    for (uint32_t i = 0; status == KIN_OK && i < 2; i++)
        status = kin_op_require_types(call, i, KIN_TYPES_NUMBER, error);
    if (status == KIN_OK) status = kin_binary_shape(call, &result, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &result, error);
}

static void pow_mixed(kin_tensor *out, const kin_tensor *a, const kin_tensor *b)
{
    bool integers = kin_type_in(a->type, KIN_TYPES_INTEGER);
    integers = integers && kin_type_in(b->type, KIN_TYPES_INTEGER);
    bool a_signed = kin_type_in(a->type, KIN_TYPES_SIGNED);
    bool b_signed = kin_type_in(b->type, KIN_TYPES_SIGNED);
    const kin_shape *shapes[] = {&a->shape, &b->shape};
    kin_rows rows;
    for (bool more = kin_rows_first(&rows, &out->shape, shapes, 2); more;
         more = kin_rows_next(&rows))
        for (int64_t i = 0; i < rows.length; i++) {
            int64_t a_at = rows.offsets[0] + i * rows.steps[0];
            int64_t b_at = rows.offsets[1] + i * rows.steps[1];
            if (integers)
                kin_tensor_set_bits(out, rows.at + i,
                                    signed_power_of((uint64_t)kin_tensor_get_int(a, a_at), a_signed,
                                                    (uint64_t)kin_tensor_get_int(b, b_at),
                                                    b_signed));
            else
                kin_tensor_set(out, rows.at + i,
                               pow(kin_tensor_get(a, a_at), kin_tensor_get(b, b_at)));
        }
}

static void pow_run(const kin_op_call *call)
{
    kin_tensor second = kin_binary_second(call);
    if (call->inputs[0]->type == second.type)
        kin_binary_apply(&power, call->outputs[0], call->inputs[0], &second);
    else
        pow_mixed(call->outputs[0], call->inputs[0], &second);
}

/* --- PRelu: the slope is broadcast to x, and not the other way round ------------------------- */

/* Opset 6: a slope of one dimension is that of the channels. */
static kin_tensor slope_of(const kin_op_call *call)
{
    kin_tensor slope = *call->inputs[1];
    const kin_shape *x = &call->inputs[0]->shape;
    if (call->node->opset < BROADCAST_OPSET && slope.shape.rank == 1 && x->rank > 2)
        for (slope.shape.rank = 1; slope.shape.rank < x->rank - 1; slope.shape.rank++)
            slope.shape.dims[slope.shape.rank] = 1;
    return slope;
}

static kin_status prelu_infer(kin_op_call *call, kin_error *error)
{
    kin_shape result;
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    for (uint32_t i = 0; status == KIN_OK && i < 2; i++)
        status = kin_op_require_types(call, i, KIN_TYPES_NUMBER, error);
    if (status == KIN_OK) status = kin_op_require_same(call, 0, 1, error);
    if (status != KIN_OK) return status;
    const kin_shape *x = &call->inputs[0]->shape;
    kin_tensor slope = slope_of(call);
    if (!kin_op_broadcast(x, &slope.shape, &result) || !kin_shape_equal(x, &result))
        return refuse_shapes(x, &call->inputs[1]->shape, error);
    return kin_op_output(call, 0, call->inputs[0]->type, x, error);
}

static void prelu_run(const kin_op_call *call)
{
    kin_tensor slope = slope_of(call);
    kin_binary_apply(&leak, call->outputs[0], call->inputs[0], &slope);
}

/* --- BitShift -------------------------------------------------------------------------------- */

static uint64_t shifted_left(uint64_t a, uint64_t b, bool is_signed)
{
    (void)is_signed;
    return b < 64 ? a << b : 0;
}

static uint64_t shifted_right(uint64_t a, uint64_t b, bool is_signed)
{
    (void)is_signed;
    return b < 64 ? a >> b : 0;
}

static const kin_binary left = {.integer = shifted_left, .types = KIN_TYPES_UNSIGNED};
static const kin_binary right = {.integer = shifted_right, .types = KIN_TYPES_UNSIGNED};

static kin_status shift_infer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute attribute = {"direction", KIN_ATTRIBUTE_STRING};
    const char *direction = kin_node_string(call->node, "direction", "");
    if (strcmp(direction, "LEFT") != 0 && strcmp(direction, "RIGHT") != 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "its 'direction' is '%.20s'; it must be LEFT or RIGHT", direction);
    return kin_binary_infer(call, &left, &attribute, error);
}

static void shift_run(const kin_op_call *call)
{
    bool is_left = strcmp(kin_node_string(call->node, "direction", ""), "LEFT") == 0;
    kin_binary_run(call, is_left ? &left : &right);
}

/* --- Any number of inputs -------------------------------------------------------------------- */

static kin_status variadic_infer(kin_op_call *call, uint32_t types, kin_error *error)
{
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    if (status == KIN_OK) status = kin_op_require_types(call, 0, types, error);
    if (status != KIN_OK) return status;
    kin_shape result = call->inputs[0]->shape;
    for (uint32_t i = 1; i < call->input_count; i++) {
        status = kin_op_require_types(call, i, types, error);
        if (status == KIN_OK) status = kin_op_require_same(call, 0, i, error);
        if (status != KIN_OK) return status;
        const kin_shape *shape = &call->inputs[i]->shape;
        bool fits = call->node->opset < VARIADIC_BROADCAST_OPSET
                        ? kin_shape_equal(&result, shape)
                        : kin_op_broadcast(&result, shape, &result);
        if (!fits) return refuse_shapes(&result, shape, error);
    }
    return kin_op_output(call, 0, call->inputs[0]->type, &result, error);
}

static void copy_broadcast(kin_tensor *out, const kin_tensor *in)
{
    const kin_shape *shapes[] = {&in->shape};
    size_t bytes = kin_type_bytes(in->type);
    kin_rows rows;
    for (bool more = kin_rows_first(&rows, &out->shape, shapes, 1); more;
         more = kin_rows_next(&rows)) {
        char *to = (char *)out->data + (size_t)rows.at * bytes;
        const char *from = (const char *)in->data + (size_t)rows.offsets[0] * bytes;
        if (rows.steps[0] == 1)
            memcpy(to, from, (size_t)rows.length * bytes);
        else
            for (int64_t i = 0; i < rows.length; i++)
                memcpy(to + (size_t)i * bytes, from, bytes);
    }
}

/* From the first input to the last. */
static void variadic_run(const kin_op_call *call, const kin_binary *binary)
{
    kin_tensor *out = call->outputs[0];
    copy_broadcast(out, call->inputs[0]);
    for (uint32_t i = 1; i < call->input_count; i++)
        kin_binary_apply(binary, out, out, call->inputs[i]);
}

static kin_status sum_infer(kin_op_call *call, kin_error *error)
{
    return variadic_infer(call, KIN_TYPES_NUMBER, error);
}

static kin_status mean_infer(kin_op_call *call, kin_error *error)
{
    return variadic_infer(call, KIN_TYPES_REAL, error);
}

static void sum_run(const kin_op_call *call)
{
    variadic_run(call, &add);
}

static void mean_run(const kin_op_call *call)
{
    union {
        float single;
        double twice;
        uint16_t half;
    } number;
    kin_tensor count = {.type = call->outputs[0]->type, .data = &number};
    kin_tensor_set(&count, 0, call->input_count);
    variadic_run(call, &add);
    kin_binary_apply(&divide, call->outputs[0], call->outputs[0], &count);
}

static void max_run(const kin_op_call *call)
{
    variadic_run(call, &maximum);
}

static void min_run(const kin_op_call *call)
{
    variadic_run(call, &minimum);
}

const kin_op kin_binary_ops[] = {
    {"Add", 2, 2, 1, add_infer, add_run},
    {"BitShift", 2, 2, 1, shift_infer, shift_run},
    {"Div", 2, 2, 1, divide_infer, divide_run},
    {"Max", 1, KIN_NODE_INPUTS_MAX, 1, sum_infer, max_run},
    {"Mean", 1, KIN_NODE_INPUTS_MAX, 1, mean_infer, mean_run},
    {"Min", 1, KIN_NODE_INPUTS_MAX, 1, sum_infer, min_run},
    {"Mod", 2, 2, 1, mod_infer, mod_run},
    {"Mul", 2, 2, 1, multiply_infer, multiply_run},
    {"PRelu", 2, 2, 1, prelu_infer, prelu_run},
    {"Pow", 2, 2, 1, pow_infer, pow_run},
    {"Sub", 2, 2, 1, subtract_infer, subtract_run},
    {"Sum", 1, KIN_NODE_INPUTS_MAX, 1, sum_infer, sum_run},
    {.name = NULL},
};
