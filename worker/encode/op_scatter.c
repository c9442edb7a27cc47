/* Elements to indices: ScatterElements, its older name Scatter, ScatterND. */
#include <string.h>

#include "common/base/check.h"
#include "worker/encode/op.h"
#include "worker/encode/op_args.h"
#include "worker/encode/op_gather.h"

typedef enum reduction { REDUCE_NONE, REDUCE_ADD, REDUCE_MULTIPLY } reduction;

static kin_status reduction_of(const kin_op_call *call, kin_type type, reduction *reduce,
                               kin_error *error)
{
    const char *name = kin_node_string(call->node, "reduction", "none");
    if (strcmp(name, "none") == 0)
        *reduce = REDUCE_NONE;
    else if (strcmp(name, "add") == 0)
        *reduce = REDUCE_ADD;
    else if (strcmp(name, "mul") == 0)
        *reduce = REDUCE_MULTIPLY;
    else
        return kin_fail(error, KIN_BAD_INPUT, "its 'reduction' is '%.40s'", name);
    if (*reduce != REDUCE_NONE && type == KIN_TYPE_BOOL)
        return kin_fail(error, KIN_BAD_INPUT, "a 'reduction' of truth values");
    return KIN_OK;
}

static uint64_t joined(uint64_t a, uint64_t b, reduction reduce)
{
    return reduce == REDUCE_ADD ? a + b : a * b;
}

/* Element `at` of `to` joined with element i of `from`. Integers wrap: signed or not, the bits are
 * the same. The sum and the product of floats are exact in double, or rounded once more without
 * harm. */
static void join(kin_tensor *to, int64_t at, const kin_tensor *from, int64_t i, reduction reduce)
{
    switch (to->type) {
    case KIN_TYPE_FLOAT:
    case KIN_TYPE_DOUBLE:
    case KIN_TYPE_FLOAT16:
    case KIN_TYPE_BFLOAT16: {
        double a = kin_tensor_get(to, at), b = kin_tensor_get(from, i);
        kin_tensor_set(to, at, reduce == REDUCE_ADD ? a + b : a * b);
        return;
    }
    default:
        break;
    }
    uint64_t bits =
        joined((uint64_t)kin_tensor_get_int(to, at), (uint64_t)kin_tensor_get_int(from, i), reduce);
    switch (kin_type_bytes(to->type)) {
    case 1:
        ((uint8_t *)to->data)[at] = (uint8_t)bits;
        break;
    case 2:
        ((uint16_t *)to->data)[at] = (uint16_t)bits;
        break;
    case 4:
        ((uint32_t *)to->data)[at] = (uint32_t)bits;
        break;
    default:
        ((uint64_t *)to->data)[at] = bits;
    }
}

/* The data, indices and updates of a call; the type of the updates is that of the data. */
static kin_status scatter_inputs(const kin_op_call *call, reduction *reduce, kin_error *error)
{
    const kin_tensor *data, *indices;
    kin_status status = kin_op_given(call, 0, &data, error);
    if (status == KIN_OK) status = kin_op_indices(call, 1, &indices, error);
    if (status == KIN_OK) status = kin_op_require(call, 2, data->type, error);
    if (status == KIN_OK) status = reduction_of(call, data->type, reduce, error);
    return status;
}

/* The data as they are, before updates come. */
static void copy_data(const kin_op_call *call, kin_tensor *to)
{
    if (to->data != call->inputs[0]->data)
        memcpy(to->data, call->inputs[0]->data, kin_tensor_bytes(to));
}

static kin_status check_updates(const kin_shape *updates, const kin_shape *expected,
                                kin_error *error)
{
    char text[2][KIN_SHAPE_TEXT_BYTES];
    if (kin_shape_equal(updates, expected)) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "its 'updates' are %s, and its indices want %s",
                    kin_shape_text(updates, text[0]), kin_shape_text(expected, text[1]));
}

static kin_status scatter_elements_infer(kin_op_call *call, kin_error *error)
{
    reduction reduce;
    uint32_t axis;
    kin_status status = scatter_inputs(call, &reduce, error);
    if (status != KIN_OK) return status;
    const kin_shape *data = &call->inputs[0]->shape, *indices = &call->inputs[1]->shape;
    status = kin_op_axis(call, "axis", 0, data, &axis, error);
    if (status == KIN_OK) status = kin_gather_check_elements(data, indices, axis, error);
    if (status == KIN_OK) status = check_updates(&call->inputs[2]->shape, indices, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, data, error);
}

static void scatter_elements_run(const kin_op_call *call)
{
    const kin_tensor *indices = call->inputs[1], *updates = call->inputs[2];
    kin_tensor *to = kin_op_result(call, 0);
    reduction reduce;
    uint32_t axis;
    if (to == NULL) return;
    kin_status status = scatter_inputs(call, &reduce, NULL);
    if (status == KIN_OK) status = kin_op_axis(call, "axis", 0, &to->shape, &axis, NULL);
    KIN_CHECK(status == KIN_OK);
    copy_data(call, to);
    int64_t count = kin_tensor_count(indices);
    size_t bytes = kin_type_bytes(to->type);
    for (int64_t i = 0; i < count; i++) {
        int64_t place = kin_gather_element(&to->shape, indices, axis, i);
        if (reduce != REDUCE_NONE)
            join(to, place, updates, i, reduce);
        else
            memcpy((char *)to->data + (size_t)place * bytes,
                   (const char *)updates->data + (size_t)i * bytes, bytes);
    }
}

static kin_status scatter_nd_infer(kin_op_call *call, kin_error *error)
{
    reduction reduce;
    kin_status status = scatter_inputs(call, &reduce, error);
    if (status != KIN_OK) return status;
    const kin_shape *data = &call->inputs[0]->shape, *indices = &call->inputs[1]->shape;
    status = kin_gather_check_tuples(data, indices, 0, error);
    if (status != KIN_OK) return status;
    uint32_t last = indices->rank - 1, width = (uint32_t)indices->dims[last];
    kin_shape expected = *indices;
    expected.rank = last;
    if (last + data->rank - width > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "its 'updates' have rank %u; the limit is %d",
                        last + data->rank - width, KIN_TENSOR_RANK_MAX);
    for (uint32_t i = width; i < data->rank; i++)
        expected.dims[expected.rank++] = data->dims[i];
    status = check_updates(&call->inputs[2]->shape, &expected, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, data, error);
}

static void scatter_nd_run(const kin_op_call *call)
{
    const kin_tensor *indices = call->inputs[1], *updates = call->inputs[2];
    kin_tensor *to = kin_op_result(call, 0);
    reduction reduce;
    if (to == NULL) return;
    kin_status status = scatter_inputs(call, &reduce, NULL);
    KIN_CHECK(status == KIN_OK);
    copy_data(call, to);
    uint32_t last = indices->shape.rank - 1, width = (uint32_t)indices->shape.dims[last];
    int64_t tuples = kin_shape_product(&indices->shape, 0, last);
    int64_t block = kin_shape_product(&to->shape, width, to->shape.rank);
    size_t bytes = (size_t)block * kin_type_bytes(to->type);
    for (int64_t t = 0; t < tuples; t++) {
        int64_t place = kin_gather_tuple(&to->shape, indices, 0, t);
        for (int64_t i = 0; reduce != REDUCE_NONE && i < block; i++)
            join(to, place * block + i, updates, t * block + i, reduce);
        if (reduce == REDUCE_NONE)
            memcpy((char *)to->data + (size_t)place * bytes,
                   (const char *)updates->data + (size_t)t * bytes, bytes);
    }
}

const kin_op kin_scatter_ops[] = {
    {"ScatterElements", 3, 3, 1, scatter_elements_infer, scatter_elements_run},
    {"Scatter", 3, 3, 1, scatter_elements_infer, scatter_elements_run},
    {"ScatterND", 3, 3, 1, scatter_nd_infer, scatter_nd_run},
    {.name = NULL},
};
