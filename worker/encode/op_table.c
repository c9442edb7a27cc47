#include <string.h>

#include "worker/encode/op.h"

static const kin_op *const tables[] = {
    kin_unary_ops,     kin_activation_ops,
    kin_binary_ops,    kin_compare_ops,
    kin_cast_ops,      kin_quantize_ops,
    kin_reduce_ops,    kin_reduce_axis_ops,
    kin_normalize_ops, kin_normalize_moments_ops,
    kin_matrix_ops,    kin_einsum_ops,
    kin_convolve_ops,  kin_pool_ops,
    kin_shape_ops,     kin_fill_ops,
    kin_move_ops,      kin_pad_ops,
    kin_gather_ops,    kin_scatter_ops,
    kin_resize_ops,
};

const kin_op *kin_op_at(uint32_t index)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const kin_op *op = tables[t]; op->name != NULL; op++)
            if (index-- == 0) return op;
    return NULL;
}

const kin_op *kin_op_find(const char *name)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const kin_op *op = tables[t]; op->name != NULL; op++)
            if (strcmp(op->name, name) == 0) return op;
    return NULL;
}

const kin_tensor *kin_op_input(const kin_op_call *call, uint32_t i)
{
    return i < call->input_count ? call->inputs[i] : NULL;
}

kin_status kin_op_output(kin_op_call *call, uint32_t i, kin_type type, const kin_shape *shape,
                         kin_error *error)
{
    char text[KIN_SHAPE_TEXT_BYTES];
    if (!kin_shape_valid(shape))
        return kin_fail(error, KIN_LIMIT, "its result %s has a rank above %d, or is too large",
                        kin_shape_text(shape, text), KIN_TENSOR_RANK_MAX);
    if (i < call->output_count && call->outputs[i] != NULL) {
        call->outputs[i]->type = type;
        call->outputs[i]->shape = *shape;
    }
    return KIN_OK;
}

kin_status kin_op_constant(const kin_op_call *call, uint32_t i, const char *what,
                           const kin_tensor **tensor, kin_error *error)
{
    *tensor = kin_op_input(call, i);
    if (*tensor != NULL && (*tensor)->data == NULL && kin_tensor_count(*tensor) > 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "its input %u ('%s') is computed from the picture; it must be known before",
                        i, what);
    return KIN_OK;
}

kin_status kin_op_require(const kin_op_call *call, uint32_t i, kin_type type, kin_error *error)
{
    const kin_tensor *tensor = kin_op_input(call, i);
    if (tensor == NULL) return kin_fail(error, KIN_BAD_INPUT, "its input %u is missing", i);
    if (tensor->type != type)
        return kin_fail(error, KIN_BAD_INPUT, "its input %u is of type %s; %s is supported", i,
                        kin_type_name(tensor->type), kin_type_name(type));
    return KIN_OK;
}

bool kin_op_broadcast(const kin_shape *a, const kin_shape *b, kin_shape *result)
{
    const kin_shape *longer = a->rank >= b->rank ? a : b, *shorter = longer == a ? b : a;
    uint32_t shift = longer->rank - shorter->rank;
    kin_shape made = *longer;
    for (uint32_t i = 0; i < shorter->rank; i++) {
        int64_t *dim = &made.dims[i + shift], other = shorter->dims[i];
        if (*dim == 1)
            *dim = other;
        else if (other != 1 && other != *dim)
            return false;
    }
    *result = made;
    return true;
}

void kin_op_broadcast_strides(const kin_shape *from, const kin_shape *result, int64_t *strides)
{
    uint32_t shift = result->rank - from->rank;
    int64_t own[KIN_TENSOR_RANK_MAX] = {0};
    kin_shape_strides(from, own);
    for (uint32_t i = 0; i < result->rank; i++)
        strides[i] = i < shift || from->dims[i - shift] == 1 ? 0 : own[i - shift];
}
