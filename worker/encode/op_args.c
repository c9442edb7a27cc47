#include "worker/encode/op_args.h"

#include <string.h>

kin_status kin_op_given(const kin_op_call *call, uint32_t i, const kin_tensor **tensor,
                        kin_error *error)
{
    *tensor = kin_op_input(call, i);
    if (*tensor == NULL) return kin_fail(error, KIN_BAD_INPUT, "its input %u is missing", i);
    if (kin_type_bytes((*tensor)->type) == 0)
        return kin_fail(error, KIN_BAD_INPUT, "its input %u is of a type that is not supported", i);
    return KIN_OK;
}

kin_status kin_ints_of_attribute(const kin_op_call *call, const char *name, kin_ints *ints,
                                 kin_error *error)
{
    const kin_attribute *attribute = kin_node_attribute(call->node, name, KIN_ATTRIBUTE_INTS);
    ints->given = attribute != NULL;
    ints->count = ints->given ? attribute->count : 0;
    if (ints->count > KIN_INTS_MAX)
        return kin_fail(error, KIN_LIMIT, "its '%s' has %u numbers; the limit is %d", name,
                        ints->count, KIN_INTS_MAX);
    if (ints->count > 0) memcpy(ints->values, attribute->ints, ints->count * sizeof *ints->values);
    return KIN_OK;
}

kin_status kin_ints_of_input(const kin_op_call *call, uint32_t i, const char *name, kin_ints *ints,
                             kin_error *error)
{
    const kin_tensor *tensor;
    kin_status status = kin_op_constant(call, i, name, &tensor, error);
    if (status != KIN_OK) return status;
    *ints = (kin_ints){.given = tensor != NULL};
    if (tensor == NULL) return KIN_OK;
    if (tensor->type != KIN_TYPE_INT64 && tensor->type != KIN_TYPE_INT32)
        return kin_fail(error, KIN_BAD_INPUT, "its '%s' is of type %s; int64 is supported", name,
                        kin_type_name(tensor->type));
    if (tensor->shape.rank > 1)
        return kin_fail(error, KIN_BAD_INPUT, "its '%s' is of rank %u; it has one dimension", name,
                        tensor->shape.rank);
    int64_t count = kin_tensor_count(tensor);
    if (count > KIN_INTS_MAX)
        return kin_fail(error, KIN_LIMIT, "its '%s' has %lld numbers; the limit is %d", name,
                        (long long)count, KIN_INTS_MAX);
    ints->count = (uint32_t)count;
    for (uint32_t j = 0; j < ints->count; j++)
        ints->values[j] = kin_tensor_get_int(tensor, j);
    return KIN_OK;
}

kin_status kin_op_ints(const kin_op_call *call, const char *name, uint32_t i, int64_t since,
                       kin_ints *ints, kin_error *error)
{
    bool attribute = kin_node_attribute(call->node, name, KIN_ATTRIBUTE_INTS) != NULL;
    if (call->node->opset >= since) {
        if (attribute)
            return kin_fail(error, KIN_BAD_INPUT,
                            "its '%s' is an attribute; since opset %lld it is an input", name,
                            (long long)since);
        return kin_ints_of_input(call, i, name, ints, error);
    }
    if (kin_op_input(call, i) != NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "its '%s' is an input; before opset %lld it is an attribute", name,
                        (long long)since);
    return kin_ints_of_attribute(call, name, ints, error);
}

static kin_status normal_axis(int64_t value, const kin_shape *shape, uint32_t *axis,
                              kin_error *error)
{
    if (kin_shape_axis(shape, value, axis)) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "axis %lld of a tensor of rank %u", (long long)value,
                    shape->rank);
}

kin_status kin_op_axis(const kin_op_call *call, const char *name, int64_t otherwise,
                       const kin_shape *shape, uint32_t *axis, kin_error *error)
{
    return normal_axis(kin_node_int(call->node, name, otherwise), shape, axis, error);
}

kin_status kin_op_axes(const kin_ints *axes, const kin_shape *shape, uint32_t *set,
                       kin_error *error)
{
    *set = 0;
    for (uint32_t i = 0; i < axes->count; i++) {
        uint32_t axis;
        kin_status status = normal_axis(axes->values[i], shape, &axis, error);
        if (status != KIN_OK) return status;
        if ((*set >> axis & 1) != 0)
            return kin_fail(error, KIN_BAD_INPUT, "axis %u is given twice", axis);
        *set |= 1u << axis;
    }
    return KIN_OK;
}

kin_status kin_op_indices(const kin_op_call *call, uint32_t i, const kin_tensor **tensor,
                          kin_error *error)
{
    kin_status status = kin_op_given(call, i, tensor, error);
    if (status != KIN_OK) return status;
    if ((*tensor)->type != KIN_TYPE_INT64 && (*tensor)->type != KIN_TYPE_INT32)
        return kin_fail(error, KIN_BAD_INPUT, "its input %u is of type %s; indices are int64", i,
                        kin_type_name((*tensor)->type));
    return KIN_OK;
}

kin_tensor *kin_op_result(const kin_op_call *call, uint32_t i)
{
    kin_tensor *tensor = i < call->output_count ? call->outputs[i] : NULL;
    return tensor == NULL || kin_tensor_count(tensor) == 0 ? NULL : tensor;
}
