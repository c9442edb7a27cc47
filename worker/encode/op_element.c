#include "worker/encode/op_element.h"

#include "worker/encode/op_elementwise.h"

int kin_element_compare(const kin_tensor *tensor, int64_t a, int64_t b)
{
    if (tensor->type == KIN_TYPE_UINT64) {
        uint64_t x = (uint64_t)kin_tensor_get_int(tensor, a);
        uint64_t y = (uint64_t)kin_tensor_get_int(tensor, b);
        return (x > y) - (x < y);
    }
    if (kin_type_in(tensor->type, KIN_TYPES_INTEGER | KIN_TYPES_BOOL)) {
        int64_t x = kin_tensor_get_int(tensor, a), y = kin_tensor_get_int(tensor, b);
        return (x > y) - (x < y);
    }
    double x = kin_element(tensor, a), y = kin_element(tensor, b);
    if (x != x || y != y) return (x != x) - (y != y);
    return (x > y) - (x < y);
}

static void append(kin_shape *dims, int64_t *strides, int64_t dim, int64_t stride, bool merge)
{
    if (merge) {
        dims->dims[dims->rank - 1] *= dim;
        strides[dims->rank - 1] = stride;
    } else {
        strides[dims->rank] = stride;
        dims->dims[dims->rank++] = dim;
    }
}

void kin_sets_init(kin_sets *sets, const kin_shape *shape, uint32_t chosen)
{
    int64_t strides[KIN_TENSOR_RANK_MAX];
    bool before = false;
    kin_shape_strides(shape, strides);
    *sets = (kin_sets){.count = 1, .length = 1};
    for (uint32_t i = 0; i < shape->rank; i++) {
        bool now = (chosen >> i & 1) != 0, merge = i > 0 && now == before;
        if (now)
            append(&sets->chosen, sets->chosen_strides, shape->dims[i], strides[i], merge);
        else
            append(&sets->kept, sets->kept_strides, shape->dims[i], strides[i], merge);
        *(now ? &sets->length : &sets->count) *= shape->dims[i];
        before = now;
    }
}

int64_t kin_sets_offset(const kin_shape *dims, const int64_t *strides, int64_t i)
{
    int64_t offset = 0;
    for (uint32_t d = dims->rank; d-- > 0;) {
        offset += i % dims->dims[d] * strides[d];
        i /= dims->dims[d];
    }
    return offset;
}

kin_status kin_op_axes_bits(const int64_t *axes, int64_t count, uint32_t rank, uint32_t *bits,
                            kin_error *error)
{
    kin_shape shape = {.rank = rank};
    *bits = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t axis;
        if (!kin_shape_axis(&shape, axes[i], &axis))
            return kin_fail(error, KIN_BAD_INPUT, "axis %lld of a tensor of rank %u",
                            (long long)axes[i], rank);
        if ((*bits >> axis & 1) != 0)
            return kin_fail(error, KIN_BAD_INPUT, "axis %u is there twice", axis);
        *bits |= 1u << axis;
    }
    return KIN_OK;
}

kin_status kin_op_axis(const kin_op_call *call, const kin_shape *shape, int64_t otherwise,
                       uint32_t *axis, kin_error *error)
{
    int64_t given = kin_node_int(call->node, "axis", otherwise);
    if (kin_shape_axis(shape, given, axis)) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "axis %lld of a tensor of rank %u", (long long)given,
                    shape->rank);
}
