#include <math.h>
#include <string.h>

#include "worker/encode/op_elementwise.h"

/* Types that a number of ONNX's words may be, of those that we hold. */
static bool is_known(int64_t type)
{
    return type >= 0 && type <= KIN_TYPE_BFLOAT16 && kin_type_bytes((kin_type)type) > 0;
}

static kin_status cast_infer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {{"to", KIN_ATTRIBUTE_INT}};
    kin_status status = kin_op_require_node(call, known, 1, error);
    if (status == KIN_OK) status = kin_op_require_types(call, 0, KIN_TYPES_ALL, error);
    if (status != KIN_OK) return status;
    int64_t to = kin_node_int(call->node, "to", KIN_TYPE_NONE);
    if (!is_known(to))
        return kin_fail(error, KIN_BAD_INPUT, "its 'to' is type %lld, which is not supported",
                        (long long)to);
    return kin_op_output(call, 0, (kin_type)to, &call->inputs[0]->shape, error);
}

static kin_status cast_like_infer(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    for (uint32_t i = 0; status == KIN_OK && i < 2; i++)
        status = kin_op_require_types(call, i, KIN_TYPES_ALL, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[1]->type, &call->inputs[0]->shape, error);
}

/* The float below or above value whose last bit is set, unless value is a float: rounded once more,
 * to fewer bits, it becomes what value would have become. */
static float to_odd_float(double value)
{
    float nearest = (float)value;
    uint32_t bits;
    if (!isfinite(value) || (double)nearest == value) return nearest;
    memcpy(&bits, &nearest, sizeof bits);
    if ((bits & 1) == 0)
        nearest = nextafterf(nearest, (double)nearest < value ? INFINITY : -INFINITY);
    return nearest;
}

/* The integer that a number is cut to; what is out of range becomes the nearest, as no C cast is
 * defined for it. */
static uint64_t to_uint64(double value)
{
    if (!(value > 0)) return 0;
    return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
}

static void cast_of_reals(kin_tensor *out, const kin_tensor *in, int64_t count)
{
    bool narrow = out->type == KIN_TYPE_FLOAT16 || out->type == KIN_TYPE_BFLOAT16;
    for (int64_t i = 0; i < count; i++) {
        double value = kin_tensor_get(in, i);
        if (out->type == KIN_TYPE_UINT64)
            kin_tensor_set_bits(out, i, to_uint64(value));
        else
            kin_tensor_set(out, i, narrow ? (double)to_odd_float(value) : value);
    }
}

/* To integers modulo their number, as C does; to reals rounded once. */
static void cast_of_integers(kin_tensor *out, const kin_tensor *in, int64_t count)
{
    bool large = in->type == KIN_TYPE_UINT64, to_integer = !kin_type_in(out->type, KIN_TYPES_REAL);
    for (int64_t i = 0; i < count; i++) {
        int64_t value = kin_tensor_get_int(in, i);
        if (to_integer)
            kin_tensor_set_bits(out, i, (uint64_t)value);
        else if (out->type == KIN_TYPE_FLOAT)
            ((float *)out->data)[i] = large ? (float)(uint64_t)value : (float)value;
        else if (out->type == KIN_TYPE_DOUBLE)
            ((double *)out->data)[i] = large ? (double)(uint64_t)value : (double)value;
        else
            kin_tensor_set(out, i, to_odd_float(large ? (double)(uint64_t)value : (double)value));
    }
}

static void cast_run(const kin_op_call *call)
{
    const kin_tensor *in = call->inputs[0];
    kin_tensor *out = call->outputs[0];
    int64_t count = kin_tensor_count(in);
    if (count == 0) return;
    if (in->type == out->type)
        memcpy(out->data, in->data, kin_tensor_bytes(in));
    else if (kin_type_in(in->type, KIN_TYPES_REAL))
        cast_of_reals(out, in, count);
    else
        cast_of_integers(out, in, count);
}

const kin_op kin_cast_ops[] = {
    {"Cast", 1, 1, 1, cast_infer, cast_run},
    {"CastLike", 2, 2, 1, cast_like_infer, cast_run},
    {.name = NULL},
};
