/* What only changes how a tensor is seen: Shape, Size, Reshape, Flatten, Squeeze, Unsqueeze,
 * Identity, Dropout. */
#include <string.h>

#include "worker/encode/op.h"
#include "worker/encode/op_args.h"

/* The elements as they are; the result may lie where the input lies. */
static void copy_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL || to->data == call->inputs[0]->data) return;
    memcpy(to->data, call->inputs[0]->data, kin_tensor_bytes(to));
}

/* A bound of Shape: counted from the end where it is negative, cut to the rank. */
static uint32_t shape_bound(int64_t bound, uint32_t rank)
{
    if (bound < 0) bound += rank;
    if (bound < 0) return 0;
    return bound > rank ? rank : (uint32_t)bound;
}

static void shape_range(const kin_node *node, uint32_t rank, uint32_t *start, uint32_t *end)
{
    *start = 0;
    *end = rank;
    if (node->opset < 15) return;
    *start = shape_bound(kin_node_int(node, "start", 0), rank);
    *end = shape_bound(kin_node_int(node, "end", rank), rank);
    if (*end < *start) *end = *start;
}

static kin_status shape_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    uint32_t start, end;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status != KIN_OK) return status;
    shape_range(call->node, from->shape.rank, &start, &end);
    kin_shape shape = {.rank = 1, .dims = {end - start}};
    return kin_op_output(call, 0, KIN_TYPE_INT64, &shape, error);
}

static void shape_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    uint32_t start, end;
    if (to == NULL) return;
    shape_range(call->node, call->inputs[0]->shape.rank, &start, &end);
    memcpy(to->data, call->inputs[0]->shape.dims + start, (end - start) * sizeof(int64_t));
}

static kin_status size_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status != KIN_OK) return status;
    kin_shape shape = {.rank = 0};
    return kin_op_output(call, 0, KIN_TYPE_INT64, &shape, error);
}

static void size_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    *(int64_t *)to->data = kin_tensor_count(call->inputs[0]);
}

/* The shape that is asked for, with 1 at *open, the dimension to be worked out; *open
 * stays where there is none. */
static kin_status reshape_asked(const kin_op_call *call, const kin_shape *from, kin_shape *shape,
                                int *open, kin_error *error)
{
    kin_ints ints;
    bool keep_zero = call->node->opset >= 14 && kin_node_int(call->node, "allowzero", 0) != 0;
    bool zero = false;
    kin_status status = kin_op_ints(call, "shape", 1, 5, &ints, error);
    if (status != KIN_OK) return status;
    if (!ints.given) return kin_fail(error, KIN_BAD_INPUT, "its 'shape' is missing");
    if (ints.count > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "a shape of %u dimensions; the limit is %d", ints.count,
                        KIN_TENSOR_RANK_MAX);
    shape->rank = ints.count;
    for (uint32_t i = 0; i < ints.count; i++) {
        int64_t dim = ints.values[i];
        zero |= dim == 0;
        if (dim < -1 || (dim == -1 && *open >= 0))
            return kin_fail(error, KIN_BAD_INPUT, "dimension %u of its shape is %lld", i,
                            (long long)dim);
        if (dim == 0 && !keep_zero) {
            if (i >= from->rank)
                return kin_fail(error, KIN_BAD_INPUT,
                                "it keeps dimension %u of a tensor of rank %u", i, from->rank);
            dim = from->dims[i];
        }
        if (dim == -1) *open = (int)i;
        shape->dims[i] = dim == -1 ? 1 : dim;
    }
    if (keep_zero && zero && *open >= 0)
        return kin_fail(error, KIN_BAD_INPUT, "its shape has both 0 and -1");
    return KIN_OK;
}

static kin_status reshape_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    char text[2][KIN_SHAPE_TEXT_BYTES];
    kin_shape shape = {0};
    int open = -1;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = reshape_asked(call, &from->shape, &shape, &open, error);
    if (status != KIN_OK) return status;
    int64_t count = kin_tensor_count(from);
    if (kin_shape_valid(&shape) && open >= 0) {
        int64_t known = kin_shape_count(&shape);
        if (known == 0)
            return kin_fail(error, KIN_BAD_INPUT, "its -1 stands for any number beside a 0");
        if (count % known == 0) shape.dims[open] = count / known;
    }
    if (!kin_shape_valid(&shape) || kin_shape_count(&shape) != count)
        return kin_fail(error, KIN_BAD_INPUT, "%s does not become %s",
                        kin_shape_text(&from->shape, text[0]), kin_shape_text(&shape, text[1]));
    return kin_op_output(call, 0, from->type, &shape, error);
}

static kin_status flatten_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status != KIN_OK) return status;
    uint32_t rank = from->shape.rank;
    int64_t axis = kin_node_int(call->node, "axis", 1);
    if (axis < -(int64_t)rank || axis > (int64_t)rank)
        return kin_fail(error, KIN_BAD_INPUT, "axis %lld of a tensor of rank %u", (long long)axis,
                        rank);
    uint32_t split = (uint32_t)(axis < 0 ? axis + rank : axis);
    kin_shape shape = {.rank = 2,
                       .dims = {kin_shape_product(&from->shape, 0, split),
                                kin_shape_product(&from->shape, split, rank)}};
    return kin_op_output(call, 0, from->type, &shape, error);
}

static kin_status squeeze_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_ints axes;
    uint32_t set;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = kin_op_ints(call, "axes", 1, 13, &axes, error);
    if (status == KIN_OK) status = kin_op_axes(&axes, &from->shape, &set, error);
    if (status != KIN_OK) return status;
    kin_shape shape = {0};
    for (uint32_t i = 0; i < from->shape.rank; i++) {
        int64_t dim = from->shape.dims[i];
        bool named = (set >> i & 1) != 0;
        if (named && dim != 1)
            return kin_fail(error, KIN_BAD_INPUT, "dimension %u is %lld, and not 1", i,
                            (long long)dim);
        if (!named && (axes.given || dim != 1)) shape.dims[shape.rank++] = dim;
    }
    return kin_op_output(call, 0, from->type, &shape, error);
}

static kin_status unsqueeze_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_ints axes;
    uint32_t set;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = kin_op_ints(call, "axes", 1, 13, &axes, error);
    if (status != KIN_OK) return status;
    if (!axes.given) return kin_fail(error, KIN_BAD_INPUT, "its 'axes' are missing");
    kin_shape shape = {.rank = from->shape.rank + axes.count};
    if (shape.rank > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "its result has rank %u; the limit is %d", shape.rank,
                        KIN_TENSOR_RANK_MAX);
    status = kin_op_axes(&axes, &shape, &set, error);
    if (status != KIN_OK) return status;
    for (uint32_t i = 0, next = 0; i < shape.rank; i++)
        shape.dims[i] = (set >> i & 1) != 0 ? 1 : from->shape.dims[next++];
    return kin_op_output(call, 0, from->type, &shape, error);
}

static kin_status identity_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, from->type, &from->shape, error);
}

/* Whether an opset of 12 or more asks for what a network that is in use does not do: training, with
 * a ratio other than 0. */
static kin_status dropout_check(const kin_op_call *call, kin_error *error)
{
    const kin_tensor *ratio, *training;
    kin_status status = kin_op_constant(call, 2, "training_mode", &training, error);
    if (status != KIN_OK || training == NULL) return status;
    if (training->type != KIN_TYPE_BOOL || kin_tensor_count(training) != 1)
        return kin_fail(error, KIN_BAD_INPUT, "its 'training_mode' is not one truth value");
    if (kin_tensor_get_int(training, 0) == 0) return KIN_OK;
    status = kin_op_constant(call, 1, "ratio", &ratio, error);
    if (status != KIN_OK) return status;
    if (ratio != NULL && kin_tensor_count(ratio) == 1 && kin_type_bytes(ratio->type) > 0 &&
        kin_tensor_get(ratio, 0) == 0)
        return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "it is in training mode");
}

static kin_status dropout_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = dropout_check(call, error);
    if (status == KIN_OK) status = kin_op_output(call, 0, from->type, &from->shape, error);
    if (status != KIN_OK) return status;
    kin_type mask = call->node->opset < 10 ? from->type : KIN_TYPE_BOOL;
    return kin_op_output(call, 1, mask, &from->shape, error);
}

static void dropout_run(const kin_op_call *call)
{
    kin_tensor *mask = kin_op_result(call, 1);
    copy_run(call);
    if (mask == NULL) return;
    int64_t count = kin_tensor_count(mask);
    for (int64_t i = 0; i < count; i++)
        kin_tensor_set(mask, i, 1);
}

const kin_op kin_shape_ops[] = {
    {"Shape", 1, 1, 1, shape_infer, shape_run},
    {"Size", 1, 1, 1, size_infer, size_run},
    {"Reshape", 2, 2, 1, reshape_infer, copy_run},
    {"Flatten", 1, 1, 1, flatten_infer, copy_run},
    {"Squeeze", 1, 2, 1, squeeze_infer, copy_run},
    {"Unsqueeze", 1, 2, 1, unsqueeze_infer, copy_run},
    {"Identity", 1, 1, 1, identity_infer, copy_run},
    {"Dropout", 1, 3, 2, dropout_infer, dropout_run},
    {.name = NULL},
};
