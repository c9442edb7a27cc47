/* What makes tensors of little: Constant, ConstantOfShape, Range, Expand, EyeLike. */
#include <math.h>
#include <string.h>

#include "worker/encode/op.h"
#include "worker/encode/op_args.h"
#include "worker/encode/strided.h"

/* A tensor of an attribute, as the model's file gives it. */
static kin_status check_attribute_tensor(const kin_tensor *tensor, kin_error *error)
{
    if (kin_type_bytes(tensor->type) == 0)
        return kin_fail(error, KIN_BAD_INPUT, "its 'value' is of a type that is not supported");
    if (!kin_shape_valid(&tensor->shape))
        return kin_fail(error, KIN_LIMIT, "its 'value' is too large");
    if (tensor->data == NULL && kin_tensor_count(tensor) > 0)
        return kin_fail(error, KIN_BAD_INPUT, "its 'value' has no data");
    return KIN_OK;
}

/* The value of a Constant, borrowed from its attributes. */
static kin_status constant_value(const kin_node *node, kin_tensor *value, kin_error *error)
{
    static const struct form {
        const char *name;
        kin_attribute_kind kind;
    } forms[] = {{"value", KIN_ATTRIBUTE_TENSOR},
                 {"value_float", KIN_ATTRIBUTE_FLOAT},
                 {"value_floats", KIN_ATTRIBUTE_FLOATS},
                 {"value_int", KIN_ATTRIBUTE_INT},
                 {"value_ints", KIN_ATTRIBUTE_INTS}};
    const kin_attribute *found = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && found == NULL; i++)
        found = kin_node_attribute(node, forms[i].name, forms[i].kind);
    if (found == NULL) return kin_fail(error, KIN_BAD_INPUT, "it has no value of numbers");
    if (found->kind == KIN_ATTRIBUTE_TENSOR) {
        *value = found->tensor;
        return check_attribute_tensor(value, error);
    }
    bool whole = found->kind == KIN_ATTRIBUTE_INT || found->kind == KIN_ATTRIBUTE_INTS;
    bool many = found->kind == KIN_ATTRIBUTE_FLOATS || found->kind == KIN_ATTRIBUTE_INTS;
    *value = (kin_tensor){.type = whole ? KIN_TYPE_INT64 : KIN_TYPE_FLOAT};
    if (many) value->shape = (kin_shape){.rank = 1, .dims = {found->count}};
    const void *data = whole ? (const void *)&found->i : &found->f;
    if (many) data = whole ? (const void *)found->ints : found->floats;
    value->data = (void *)data;
    return KIN_OK;
}

static kin_status constant_infer(kin_op_call *call, kin_error *error)
{
    kin_tensor value;
    kin_status status = constant_value(call->node, &value, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, value.type, &value.shape, error);
}

static void constant_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0), value;
    if (to == NULL || constant_value(call->node, &value, NULL) != KIN_OK) return;
    memcpy(to->data, value.data, kin_tensor_bytes(to));
}

/* A list of sizes as a shape. */
static kin_status shape_of_ints(const kin_ints *ints, kin_shape *shape, kin_error *error)
{
    if (!ints->given) return kin_fail(error, KIN_BAD_INPUT, "its shape is missing");
    if (ints->count > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "a shape of %u dimensions; the limit is %d", ints->count,
                        KIN_TENSOR_RANK_MAX);
    *shape = (kin_shape){.rank = ints->count};
    for (uint32_t i = 0; i < ints->count; i++) {
        shape->dims[i] = ints->values[i];
        if (ints->values[i] < 0)
            return kin_fail(error, KIN_BAD_INPUT, "dimension %u of its shape is %lld", i,
                            (long long)ints->values[i]);
    }
    return KIN_OK;
}

static kin_status constant_of_shape_infer(kin_op_call *call, kin_error *error)
{
    const kin_attribute *value = kin_node_attribute(call->node, "value", KIN_ATTRIBUTE_TENSOR);
    kin_ints ints;
    kin_shape shape;
    kin_status status = kin_ints_of_input(call, 0, "input", &ints, error);
    if (status == KIN_OK) status = shape_of_ints(&ints, &shape, error);
    if (status == KIN_OK && value != NULL) status = check_attribute_tensor(&value->tensor, error);
    if (status != KIN_OK) return status;
    if (value != NULL && kin_tensor_count(&value->tensor) != 1)
        return kin_fail(error, KIN_BAD_INPUT, "its 'value' is not one number");
    return kin_op_output(call, 0, value == NULL ? KIN_TYPE_FLOAT : value->tensor.type, &shape,
                         error);
}

static void constant_of_shape_run(const kin_op_call *call)
{
    const kin_attribute *value = kin_node_attribute(call->node, "value", KIN_ATTRIBUTE_TENSOR);
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    const float zero = 0;
    kin_fill(to->data, value == NULL ? &zero : value->tensor.data, kin_tensor_count(to),
             kin_type_bytes(to->type));
}

/* How many steps lead from start to limit; more than a tensor holds counts as too many. */
static int64_t range_count_ints(int64_t start, int64_t limit, int64_t delta)
{
    if (delta > 0 ? start >= limit : start <= limit) return 0;
    bool up = delta > 0;
    uint64_t span = up ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = up ? (uint64_t)delta : 0 - (uint64_t)delta;
    uint64_t count = (span - 1) / step + 1;
    return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

static int64_t range_count(const kin_op_call *call)
{
    const kin_tensor *const *in = call->inputs;
    if (in[0]->type == KIN_TYPE_FLOAT || in[0]->type == KIN_TYPE_DOUBLE) {
        double start = kin_tensor_get(in[0], 0), limit = kin_tensor_get(in[1], 0);
        double count = ceil((limit - start) / kin_tensor_get(in[2], 0));
        if (count != count) return -1;
        return count < 0 ? 0 : count < 0x1p62 ? (int64_t)count : INT64_MAX;
    }
    int64_t delta = kin_tensor_get_int(in[2], 0);
    if (delta == 0) return -1;
    return range_count_ints(kin_tensor_get_int(in[0], 0), kin_tensor_get_int(in[1], 0), delta);
}

static kin_status range_infer(kin_op_call *call, kin_error *error)
{
    static const char *const names[] = {"start", "limit", "delta"};
    const kin_tensor *tensor;
    kin_status status = KIN_OK;
    for (uint32_t i = 0; i < 3; i++) {
        status = kin_op_given(call, i, &tensor, error);
        if (status == KIN_OK) status = kin_op_require(call, i, call->inputs[0]->type, error);
        if (status == KIN_OK) status = kin_op_constant(call, i, names[i], &tensor, error);
        if (status != KIN_OK) return status;
        if (kin_tensor_count(tensor) != 1)
            return kin_fail(error, KIN_BAD_INPUT, "its '%s' is not one number", names[i]);
    }
    kin_type type = call->inputs[0]->type;
    if (type != KIN_TYPE_FLOAT && type != KIN_TYPE_DOUBLE && type != KIN_TYPE_INT16 &&
        type != KIN_TYPE_INT32 && type != KIN_TYPE_INT64)
        return kin_fail(error, KIN_BAD_INPUT, "a range of type %s", kin_type_name(type));
    int64_t count = range_count(call);
    if (count < 0) return kin_fail(error, KIN_BAD_INPUT, "its 'delta' leads nowhere");
    kin_shape shape = {.rank = 1, .dims = {count}};
    return kin_op_output(call, 0, type, &shape, error);
}

static void range_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    int64_t count = kin_tensor_count(to);
    if (to->type == KIN_TYPE_INT64) { /* beyond what a double holds exactly */
        int64_t start = kin_tensor_get_int(call->inputs[0], 0);
        int64_t delta = kin_tensor_get_int(call->inputs[2], 0);
        for (int64_t i = 0; i < count; i++)
            ((int64_t *)to->data)[i] = (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)delta);
        return;
    }
    double start = kin_tensor_get(call->inputs[0], 0), delta = kin_tensor_get(call->inputs[2], 0);
    for (int64_t i = 0; i < count; i++)
        kin_tensor_set(to, i, start + (double)i * delta);
}

static kin_status expand_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_ints ints;
    kin_shape asked, shape;
    char text[2][KIN_SHAPE_TEXT_BYTES];
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = kin_ints_of_input(call, 1, "shape", &ints, error);
    if (status == KIN_OK) status = shape_of_ints(&ints, &asked, error);
    if (status != KIN_OK) return status;
    if (!kin_op_broadcast(&from->shape, &asked, &shape))
        return kin_fail(error, KIN_BAD_INPUT, "%s does not stretch to %s",
                        kin_shape_text(&from->shape, text[0]), kin_shape_text(&asked, text[1]));
    return kin_op_output(call, 0, from->type, &shape, error);
}

static void expand_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    int64_t from_strides[KIN_TENSOR_RANK_MAX], to_strides[KIN_TENSOR_RANK_MAX];
    kin_strided walk = {0};
    kin_op_broadcast_strides(&call->inputs[0]->shape, &to->shape, from_strides);
    kin_shape_strides(&to->shape, to_strides);
    for (uint32_t i = 0; i < to->shape.rank; i++)
        kin_strided_add(&walk, to->shape.dims[i], from_strides[i], to_strides[i]);
    kin_strided_copy(&walk, call->inputs[0]->data, to->data, kin_type_bytes(to->type));
}

static kin_status eye_like_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status != KIN_OK) return status;
    if (from->shape.rank != 2)
        return kin_fail(error, KIN_BAD_INPUT, "a tensor of rank %u; it takes matrices",
                        from->shape.rank);
    int64_t type = kin_node_int(call->node, "dtype", from->type);
    if (type < 0 || type > KIN_TYPE_BFLOAT16 || kin_type_bytes((kin_type)type) == 0)
        return kin_fail(error, KIN_BAD_INPUT, "its 'dtype' is %lld", (long long)type);
    return kin_op_output(call, 0, (kin_type)type, &from->shape, error);
}

static void eye_like_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    int64_t rows = to->shape.dims[0], columns = to->shape.dims[1];
    int64_t shift = kin_node_int(call->node, "k", 0);
    memset(to->data, 0, kin_tensor_bytes(to));
    if (shift <= -rows || shift >= columns) return; /* the diagonal lies outside */
    for (int64_t row = 0; row < rows; row++)
        if (row + shift >= 0 && row + shift < columns)
            kin_tensor_set(to, row * columns + row + shift, 1);
}

const kin_op kin_fill_ops[] = {
    {"Constant", 0, 0, 1, constant_infer, constant_run},
    {"ConstantOfShape", 1, 1, 1, constant_of_shape_infer, constant_of_shape_run},
    {"Range", 3, 3, 1, range_infer, range_run},
    {"Expand", 2, 2, 1, expand_infer, expand_run},
    {"EyeLike", 1, 1, 1, eye_like_infer, eye_like_run},
    {.name = NULL},
};
