/* What borders elements: Pad, and Trilu, which pads from a diagonal on. */
#include <string.h>

#include "common/base/check.h"
#include "worker/encode/op.h"
#include "worker/encode/op_args.h"
#include "worker/encode/strided.h"

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE } pad_mode;

/* Negative pads cut first; what is left, [start, start + count) of an axis, lies `before` elements
 * behind the start of the result. */
typedef struct pad {
    pad_mode mode;
    int64_t start[KIN_TENSOR_RANK_MAX], count[KIN_TENSOR_RANK_MAX], before[KIN_TENSOR_RANK_MAX];
    kin_shape shape; /* of the result */
} pad;

static kin_status pad_axis(pad *p, uint32_t axis, int64_t dim, int64_t before, int64_t after,
                           kin_error *error)
{
    const int64_t limit = KIN_TENSOR_ELEMENTS_MAX;
    if (before > limit || after > limit)
        return kin_fail(error, KIN_LIMIT, "pads of %lld and %lld along axis %u", (long long)before,
                        (long long)after, axis);
    int64_t cut_before = before >= 0 ? 0 : before < -limit ? limit : -before;
    int64_t cut_after = after >= 0 ? 0 : after < -limit ? limit : -after;
    if (cut_before + cut_after > dim)
        return kin_fail(error, KIN_BAD_INPUT,
                        "pads of %lld and %lld cut more than the %lld of axis %u",
                        (long long)before, (long long)after, (long long)dim, axis);
    p->start[axis] = cut_before;
    p->count[axis] = dim - cut_before - cut_after;
    p->before[axis] = before > 0 ? before : 0;
    p->shape.dims[axis] = p->before[axis] + p->count[axis] + (after > 0 ? after : 0);
    if (p->mode != PAD_CONSTANT && p->count[axis] == 0 && p->shape.dims[axis] > 0)
        return kin_fail(error, KIN_BAD_INPUT, "axis %u has no elements to repeat", axis);
    return KIN_OK;
}

static kin_status pad_plan(const kin_op_call *call, const kin_shape *shape, pad *p,
                           kin_error *error)
{
    const char *mode = kin_node_string(call->node, "mode", "constant");
    kin_ints pads;
    kin_status status = kin_op_ints(call, "pads", 1, 11, &pads, error);
    if (status != KIN_OK) return status;
    if (strcmp(mode, "constant") == 0)
        p->mode = PAD_CONSTANT;
    else if (strcmp(mode, "reflect") == 0)
        p->mode = PAD_REFLECT;
    else if (strcmp(mode, "edge") == 0)
        p->mode = PAD_EDGE;
    else
        return kin_fail(error, KIN_BAD_INPUT, "its 'mode' is '%.40s'", mode);
    if (pads.count != 2 * shape->rank)
        return kin_fail(error, KIN_BAD_INPUT, "%u pads of a tensor of rank %u", pads.count,
                        shape->rank);
    p->shape.rank = shape->rank;
    for (uint32_t i = 0; status == KIN_OK && i < shape->rank; i++)
        status =
            pad_axis(p, i, shape->dims[i], pads.values[i], pads.values[i + shape->rank], error);
    return status;
}

static kin_status pad_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from, *value = kin_op_input(call, 2);
    pad p;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = pad_plan(call, &from->shape, &p, error);
    if (status == KIN_OK && value != NULL) status = kin_op_require(call, 2, from->type, error);
    if (status != KIN_OK) return status;
    if (value != NULL && kin_tensor_count(value) != 1)
        return kin_fail(error, KIN_BAD_INPUT, "its 'constant_value' is not one number");
    return kin_op_output(call, 0, from->type, &p.shape, error);
}

/* Where element i of an axis of the result comes from; -1: from nowhere, it is the constant. */
static int64_t pad_source(const pad *p, uint32_t axis, int64_t i)
{
    int64_t count = p->count[axis], at = i - p->before[axis];
    if (at < 0 || at >= count) {
        if (p->mode == PAD_CONSTANT) return -1;
        if (p->mode == PAD_EDGE) {
            at = at < 0 ? 0 : count - 1;
        } else { /* there and back again, without the ends twice; as often as it takes */
            int64_t period = count > 1 ? 2 * (count - 1) : 1;
            at %= period;
            if (at < 0) at += period;
            if (at >= count) at = period - at;
        }
    }
    return p->start[axis] + at;
}

/* One row of `axis`, the last one that is padded, in pieces of `bytes`. */
static void pad_row(const pad *p, uint32_t axis, const char *from, char *to, const void *value,
                    size_t value_bytes, size_t bytes)
{
    int64_t length = p->shape.dims[axis], count = p->count[axis], before = p->before[axis];
    int64_t pieces = (int64_t)(bytes / value_bytes);
    for (int64_t i = 0; i < length; i++) {
        if (i == before && count > 0) { /* the part that is there, in one go */
            memcpy(to + (size_t)i * bytes, from + (size_t)p->start[axis] * bytes,
                   (size_t)count * bytes);
            i += count - 1;
            continue;
        }
        int64_t source = pad_source(p, axis, i);
        if (source >= 0)
            memcpy(to + (size_t)i * bytes, from + (size_t)source * bytes, bytes);
        else
            kin_fill(to + (size_t)i * bytes, value, pieces, value_bytes);
    }
}

/* value [8 bytes] of the type of the result. */
static void pad_value(const kin_op_call *call, kin_type type, void *value)
{
    const kin_tensor *given = kin_op_input(call, 2);
    kin_tensor one = {.type = type, .data = value};
    if (given != NULL)
        memcpy(value, given->data, kin_type_bytes(type));
    else
        kin_tensor_set(&one, 0, (double)kin_node_float(call->node, "value", 0));
}

static void pad_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0];
    kin_tensor *to = kin_op_result(call, 0);
    pad p;
    uint64_t value;
    if (to == NULL) return;
    kin_status status = pad_plan(call, &from->shape, &p, NULL);
    KIN_CHECK(status == KIN_OK);
    pad_value(call, to->type, &value);
    uint32_t axis = to->shape.rank;
    while (axis > 0 && p.shape.dims[axis - 1] == from->shape.dims[axis - 1] &&
           p.count[axis - 1] == from->shape.dims[axis - 1])
        axis--;
    size_t element = kin_type_bytes(to->type);
    if (axis-- == 0) { /* nothing is padded */
        memcpy(to->data, from->data, kin_tensor_bytes(to));
        return;
    }
    size_t bytes = (size_t)kin_shape_product(&to->shape, axis + 1, to->shape.rank) * element;
    size_t to_row = (size_t)to->shape.dims[axis] * bytes;
    size_t from_row = (size_t)from->shape.dims[axis] * bytes;
    int64_t rows = kin_shape_product(&to->shape, 0, axis), at[KIN_TENSOR_RANK_MAX];
    for (int64_t row = 0; row < rows; row++) {
        int64_t source = 0;
        kin_unravel(row, to->shape.dims, axis, at);
        for (uint32_t i = 0; i < axis && source >= 0; i++) {
            int64_t here = pad_source(&p, i, at[i]);
            source = here < 0 ? -1 : source * from->shape.dims[i] + here;
        }
        char *to_at = (char *)to->data + (size_t)row * to_row;
        if (source < 0)
            kin_fill(to_at, &value, (int64_t)(to_row / element), element);
        else
            pad_row(&p, axis, (const char *)from->data + (size_t)source * from_row, to_at, &value,
                    element, bytes);
    }
}

static kin_status trilu_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from, *k = kin_op_input(call, 1);
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK && k != NULL) status = kin_op_require(call, 1, KIN_TYPE_INT64, error);
    if (status != KIN_OK) return status;
    if (from->shape.rank < 2)
        return kin_fail(error, KIN_BAD_INPUT, "a tensor of rank %u; it takes matrices",
                        from->shape.rank);
    if (k != NULL && kin_tensor_count(k) != 1)
        return kin_fail(error, KIN_BAD_INPUT, "its 'k' is not one number");
    return kin_op_output(call, 0, from->type, &from->shape, error);
}

static void trilu_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0], *k = kin_op_input(call, 1);
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    bool upper = kin_node_int(call->node, "upper", 1) != 0;
    uint32_t rank = to->shape.rank;
    int64_t rows = to->shape.dims[rank - 2], columns = to->shape.dims[rank - 1];
    int64_t shift = k == NULL ? 0 : kin_tensor_get_int(k, 0);
    shift = shift < -rows ? -rows : shift > columns ? columns : shift;
    int64_t total = kin_shape_product(&to->shape, 0, rank - 1);
    size_t element = kin_type_bytes(to->type), bytes = (size_t)columns * element;
    for (int64_t r = 0; r < total; r++) { /* 0 has no bit set, whatever the type */
        const char *from_row = (const char *)from->data + (size_t)r * bytes;
        char *to_row = (char *)to->data + (size_t)r * bytes;
        int64_t border = r % rows + shift + (upper ? 0 : 1);
        size_t left = (size_t)(border < 0 ? 0 : border > columns ? columns : border) * element;
        memset(to_row, 0, bytes);
        if (upper)
            memcpy(to_row + left, from_row + left, bytes - left);
        else
            memcpy(to_row, from_row, left);
    }
}

const kin_op kin_pad_ops[] = {
    {"Pad", 1, 3, 1, pad_infer, pad_run},
    {"Trilu", 1, 2, 1, trilu_infer, trilu_run},
    {.name = NULL},
};
