/* Elements by their indices: Gather, GatherElements, GatherND, OneHot, Compress, NonZero. */
#include "worker/encode/op_gather.h"

#include <string.h>

#include "common/base/check.h"
#include "worker/encode/op_args.h"
#include "worker/encode/strided.h"

kin_status kin_gather_check_elements(const kin_shape *data, const kin_shape *indices, uint32_t axis,
                                     kin_error *error)
{
    char text[2][KIN_SHAPE_TEXT_BYTES];
    bool fits = data->rank == indices->rank;
    for (uint32_t i = 0; fits && i < data->rank; i++)
        fits = i == axis ? data->dims[i] > 0 : indices->dims[i] <= data->dims[i];
    if (fits || (data->rank == indices->rank && kin_shape_count(indices) == 0)) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "indices %s of %s along axis %u",
                    kin_shape_text(indices, text[0]), kin_shape_text(data, text[1]), axis);
}

int64_t kin_gather_element(const kin_shape *data, const kin_tensor *indices, uint32_t axis,
                           int64_t i)
{
    int64_t at[KIN_TENSOR_RANK_MAX], place = 0;
    kin_unravel(i, indices->shape.dims, data->rank, at);
    at[axis] = kin_index_wrap(kin_tensor_get_int(indices, i), data->dims[axis]);
    for (uint32_t d = 0; d < data->rank; d++)
        place = place * data->dims[d] + at[d];
    return place;
}

kin_status kin_gather_check_tuples(const kin_shape *data, const kin_shape *indices, uint32_t batch,
                                   kin_error *error)
{
    char text[2][KIN_SHAPE_TEXT_BYTES];
    int64_t width = indices->rank == 0 ? 0 : indices->dims[indices->rank - 1];
    bool fits = batch < indices->rank && batch < data->rank && width >= 1 &&
                width <= (int64_t)data->rank - batch;
    for (uint32_t i = 0; fits && i < batch; i++)
        fits = indices->dims[i] == data->dims[i];
    for (uint32_t i = 0; fits && i < width && kin_shape_count(indices) > 0; i++)
        fits = data->dims[batch + i] > 0;
    if (fits) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "tuples of indices %s of %s behind %u dimensions",
                    kin_shape_text(indices, text[0]), kin_shape_text(data, text[1]), batch);
}

int64_t kin_gather_tuple(const kin_shape *data, const kin_tensor *indices, uint32_t batch,
                         int64_t tuple)
{
    int64_t width = indices->shape.dims[indices->shape.rank - 1], block = 0;
    for (uint32_t i = 0; i < width; i++) {
        int64_t dim = data->dims[batch + i];
        int64_t index = kin_tensor_get_int(indices, tuple * width + i);
        block = block * dim + kin_index_wrap(index, dim);
    }
    return block;
}

/* shape with the dimensions [from, until) of another one behind its own. */
static kin_status append_dims(kin_shape *shape, const kin_shape *other, uint32_t from,
                              uint32_t until, kin_error *error)
{
    if (shape->rank + (until - from) > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "its result has rank %u; the limit is %d",
                        shape->rank + (until - from), KIN_TENSOR_RANK_MAX);
    for (uint32_t i = from; i < until; i++)
        shape->dims[shape->rank++] = other->dims[i];
    return KIN_OK;
}

static kin_status gather_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *data, *indices;
    uint32_t axis;
    kin_status status = kin_op_given(call, 0, &data, error);
    if (status == KIN_OK) status = kin_op_indices(call, 1, &indices, error);
    if (status == KIN_OK) status = kin_op_axis(call, "axis", 0, &data->shape, &axis, error);
    if (status != KIN_OK) return status;
    if (data->shape.dims[axis] == 0 && kin_tensor_count(indices) > 0)
        return kin_fail(error, KIN_BAD_INPUT, "axis %u has no elements to take", axis);
    kin_shape shape = {0};
    status = append_dims(&shape, &data->shape, 0, axis, error);
    if (status == KIN_OK)
        status = append_dims(&shape, &indices->shape, 0, indices->shape.rank, error);
    if (status == KIN_OK)
        status = append_dims(&shape, &data->shape, axis + 1, data->shape.rank, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, data->type, &shape, error);
}

static void gather_run(const kin_op_call *call)
{
    const kin_tensor *data = call->inputs[0], *indices = call->inputs[1];
    kin_tensor *to = kin_op_result(call, 0);
    uint32_t axis;
    if (to == NULL) return;
    kin_status status = kin_op_axis(call, "axis", 0, &data->shape, &axis, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t outer = kin_shape_product(&data->shape, 0, axis), dim = data->shape.dims[axis];
    int64_t inner = kin_shape_product(&data->shape, axis + 1, data->shape.rank);
    int64_t count = kin_tensor_count(indices);
    size_t bytes = (size_t)inner * kin_type_bytes(to->type);
    char *to_at = to->data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < count; i++, to_at += bytes) {
            int64_t index = kin_index_wrap(kin_tensor_get_int(indices, i), dim);
            memcpy(to_at, (const char *)data->data + (size_t)(o * dim + index) * bytes, bytes);
        }
}

static kin_status gather_elements_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *data, *indices;
    uint32_t axis;
    kin_status status = kin_op_given(call, 0, &data, error);
    if (status == KIN_OK) status = kin_op_indices(call, 1, &indices, error);
    if (status == KIN_OK) status = kin_op_axis(call, "axis", 0, &data->shape, &axis, error);
    if (status == KIN_OK)
        status = kin_gather_check_elements(&data->shape, &indices->shape, axis, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, data->type, &indices->shape, error);
}

static void gather_elements_run(const kin_op_call *call)
{
    const kin_tensor *data = call->inputs[0], *indices = call->inputs[1];
    kin_tensor *to = kin_op_result(call, 0);
    uint32_t axis;
    if (to == NULL) return;
    kin_status status = kin_op_axis(call, "axis", 0, &data->shape, &axis, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t count = kin_tensor_count(to);
    size_t bytes = kin_type_bytes(to->type);
    for (int64_t i = 0; i < count; i++) {
        size_t place = (size_t)kin_gather_element(&data->shape, indices, axis, i);
        memcpy((char *)to->data + (size_t)i * bytes, (const char *)data->data + place * bytes,
               bytes);
    }
}

static kin_status gather_nd_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *data, *indices;
    kin_status status = kin_op_given(call, 0, &data, error);
    if (status == KIN_OK) status = kin_op_indices(call, 1, &indices, error);
    if (status != KIN_OK) return status;
    int64_t batch = kin_node_int(call->node, "batch_dims", 0);
    if (batch < 0 || batch > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "its 'batch_dims' is %lld", (long long)batch);
    status = kin_gather_check_tuples(&data->shape, &indices->shape, (uint32_t)batch, error);
    if (status != KIN_OK) return status;
    uint32_t last = indices->shape.rank - 1;
    uint32_t behind = (uint32_t)batch + (uint32_t)indices->shape.dims[last];
    kin_shape shape = {0};
    status = append_dims(&shape, &indices->shape, 0, last, error);
    if (status == KIN_OK)
        status = append_dims(&shape, &data->shape, behind, data->shape.rank, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, data->type, &shape, error);
}

static void gather_nd_run(const kin_op_call *call)
{
    const kin_tensor *data = call->inputs[0], *indices = call->inputs[1];
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    uint32_t batch = (uint32_t)kin_node_int(call->node, "batch_dims", 0);
    uint32_t last = indices->shape.rank - 1, rank = data->shape.rank;
    uint32_t behind = batch + (uint32_t)indices->shape.dims[last];
    int64_t batches = kin_shape_product(&indices->shape, 0, batch);
    int64_t tuples = kin_shape_product(&indices->shape, batch, last);
    size_t bytes = (size_t)kin_shape_product(&data->shape, behind, rank) * kin_type_bytes(to->type);
    size_t batch_bytes =
        (size_t)kin_shape_product(&data->shape, batch, rank) * kin_type_bytes(to->type);
    for (int64_t i = 0; i < batches * tuples; i++) {
        size_t block = (size_t)kin_gather_tuple(&data->shape, indices, batch, i);
        memcpy((char *)to->data + (size_t)i * bytes,
               (const char *)data->data + (size_t)(i / tuples) * batch_bytes + block * bytes,
               bytes);
    }
}

/* The new axis and its size. */
static kin_status one_hot_plan(const kin_op_call *call, uint32_t *axis, int64_t *depth,
                               kin_error *error)
{
    const kin_tensor *indices, *tensor;
    kin_status status = kin_op_given(call, 0, &indices, error);
    if (status == KIN_OK) status = kin_op_given(call, 1, &tensor, error);
    if (status == KIN_OK) status = kin_op_constant(call, 1, "depth", &tensor, error);
    if (status != KIN_OK) return status;
    if (kin_tensor_count(tensor) != 1)
        return kin_fail(error, KIN_BAD_INPUT, "its 'depth' is not one number");
    *depth = kin_tensor_get_int(tensor, 0);
    if (*depth < 0) return kin_fail(error, KIN_BAD_INPUT, "its 'depth' is %lld", (long long)*depth);
    kin_shape longer = {.rank = indices->shape.rank + 1};
    return kin_op_axis(call, "axis", -1, &longer, axis, error);
}

static kin_status one_hot_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *values;
    uint32_t axis;
    int64_t depth;
    kin_status status = one_hot_plan(call, &axis, &depth, error);
    if (status == KIN_OK) status = kin_op_given(call, 2, &values, error);
    if (status != KIN_OK) return status;
    if (kin_tensor_count(values) != 2)
        return kin_fail(error, KIN_BAD_INPUT, "its 'values' are not two");
    const kin_shape *from = &call->inputs[0]->shape;
    const kin_shape new_axis = {.rank = 1, .dims = {depth}};
    kin_shape shape = {0};
    status = append_dims(&shape, from, 0, axis, error);
    if (status == KIN_OK) status = append_dims(&shape, &new_axis, 0, 1, error);
    if (status == KIN_OK) status = append_dims(&shape, from, axis, from->rank, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, values->type, &shape, error);
}

static void one_hot_run(const kin_op_call *call)
{
    const kin_tensor *indices = call->inputs[0], *values = call->inputs[2];
    kin_tensor *to = kin_op_result(call, 0);
    uint32_t axis;
    int64_t depth;
    if (to == NULL) return;
    kin_status status = one_hot_plan(call, &axis, &depth, NULL);
    KIN_CHECK(status == KIN_OK);
    size_t bytes = kin_type_bytes(to->type);
    kin_fill(to->data, values->data, kin_tensor_count(to), bytes);
    int64_t inner = kin_shape_product(&indices->shape, axis, indices->shape.rank);
    int64_t count = kin_tensor_count(indices);
    for (int64_t i = 0; i < count; i++) {
        int64_t index = kin_tensor_get_int(indices, i);
        if (index < 0) index += depth;
        if (index < 0 || index >= depth) continue; /* no such class: all off, says ONNX */
        int64_t place = (i / inner * depth + index) * inner + i % inner;
        memcpy((char *)to->data + (size_t)place * bytes, (const char *)values->data + bytes, bytes);
    }
}

/* The data as [outer][dim][inner], of which the condition chooses along dim. */
typedef struct compress {
    int64_t outer, dim, inner;
    uint32_t axis;
    bool flat; /* no axis is named */
} compress;

static kin_status compress_plan(const kin_op_call *call, compress *c, kin_error *error)
{
    const kin_tensor *data;
    kin_status status = kin_op_given(call, 0, &data, error);
    if (status != KIN_OK) return status;
    const kin_shape *shape = &data->shape;
    *c = (compress){.outer = 1, .dim = kin_shape_count(shape), .inner = 1, .flat = true};
    if (kin_node_attribute(call->node, "axis", KIN_ATTRIBUTE_INT) == NULL) return KIN_OK;
    status = kin_op_axis(call, "axis", 0, shape, &c->axis, error);
    if (status != KIN_OK) return status;
    c->flat = false;
    c->outer = kin_shape_product(shape, 0, c->axis);
    c->dim = shape->dims[c->axis];
    c->inner = kin_shape_product(shape, c->axis + 1, shape->rank);
    return KIN_OK;
}

static kin_status compress_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *condition;
    compress c;
    kin_status status = compress_plan(call, &c, error);
    if (status == KIN_OK) status = kin_op_require(call, 1, KIN_TYPE_BOOL, error);
    if (status == KIN_OK) status = kin_op_constant(call, 1, "condition", &condition, error);
    if (status != KIN_OK) return status;
    int64_t length = kin_tensor_count(condition), chosen = 0;
    if (condition->shape.rank != 1 || length > c.dim)
        return kin_fail(error, KIN_BAD_INPUT, "a condition of %lld for %lld elements",
                        (long long)length, (long long)c.dim);
    for (int64_t i = 0; i < length; i++)
        chosen += kin_tensor_get_int(condition, i) != 0;
    kin_shape shape = {.rank = 1, .dims = {chosen}};
    if (!c.flat) {
        shape = call->inputs[0]->shape;
        shape.dims[c.axis] = chosen;
    }
    return kin_op_output(call, 0, call->inputs[0]->type, &shape, error);
}

static void compress_run(const kin_op_call *call)
{
    const kin_tensor *data = call->inputs[0], *condition = call->inputs[1];
    kin_tensor *to = kin_op_result(call, 0);
    compress c;
    if (to == NULL) return;
    kin_status status = compress_plan(call, &c, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t length = kin_tensor_count(condition);
    size_t bytes = (size_t)c.inner * kin_type_bytes(to->type);
    char *to_at = to->data;
    for (int64_t o = 0; o < c.outer; o++)
        for (int64_t i = 0; i < length; i++) {
            if (kin_tensor_get_int(condition, i) == 0) continue;
            memcpy(to_at, (const char *)data->data + (size_t)(o * c.dim + i) * bytes, bytes);
            to_at += bytes;
        }
}

/* How many elements are not 0 is part of the shape, so that they must be known. */
static kin_status non_zero_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = kin_op_constant(call, 0, "X", &from, error);
    if (status != KIN_OK) return status;
    int64_t count = kin_tensor_count(from), found = 0;
    for (int64_t i = 0; i < count; i++)
        found += kin_tensor_get(from, i) != 0;
    uint32_t rank = from->shape.rank == 0 ? 1 : from->shape.rank; /* numpy: a scalar is [1] */
    kin_shape shape = {.rank = 2, .dims = {rank, found}};
    return kin_op_output(call, 0, KIN_TYPE_INT64, &shape, error);
}

static void non_zero_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0];
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    int64_t count = kin_tensor_count(from), found = to->shape.dims[1], next = 0;
    int64_t at[KIN_TENSOR_RANK_MAX] = {0};
    for (int64_t i = 0; i < count && next < found; i++) {
        if (kin_tensor_get(from, i) == 0) continue;
        kin_unravel(i, from->shape.dims, from->shape.rank, at);
        for (int64_t d = 0; d < to->shape.dims[0]; d++)
            ((int64_t *)to->data)[d * found + next] = at[d];
        next++;
    }
}

const kin_op kin_gather_ops[] = {
    {"Gather", 2, 2, 1, gather_infer, gather_run},
    {"GatherElements", 2, 2, 1, gather_elements_infer, gather_elements_run},
    {"GatherND", 2, 2, 1, gather_nd_infer, gather_nd_run},
    {"OneHot", 3, 3, 1, one_hot_infer, one_hot_run},
    {"Compress", 2, 2, 1, compress_infer, compress_run},
    {"NonZero", 1, 1, 1, non_zero_infer, non_zero_run},
    {.name = NULL},
};
