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
