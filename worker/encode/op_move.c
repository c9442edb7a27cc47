/* Elements to other places: Transpose, Concat, Split, Slice, Tile, DepthToSpace, SpaceToDepth,
 * ReverseSequence. */
#include <string.h>

#include "common/base/check.h"
#include "worker/encode/op.h"
#include "worker/encode/op_args.h"
#include "worker/encode/strided.h"

/* to, of these dimensions and dense, takes its dimension i from dimension perm[i] of a dense
 * tensor.
 */
static void permute(const kin_tensor *from, const kin_shape *seen_as, const uint32_t *perm,
                    kin_tensor *to)
{
    kin_strided walk = {0};
    kin_shape moved = {.rank = seen_as->rank};
    int64_t from_strides[KIN_TENSOR_RANK_MAX], to_strides[KIN_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < moved.rank; i++)
        moved.dims[i] = seen_as->dims[perm[i]];
    kin_shape_strides(seen_as, from_strides);
    kin_shape_strides(&moved, to_strides);
    for (uint32_t i = 0; i < moved.rank; i++)
        kin_strided_add(&walk, moved.dims[i], from_strides[perm[i]], to_strides[i]);
    kin_strided_copy(&walk, from->data, to->data, kin_type_bytes(to->type));
}

static kin_status transpose_perm(const kin_op_call *call, uint32_t rank, uint32_t *perm,
                                 kin_error *error)
{
    kin_ints ints;
    uint32_t seen = 0;
    kin_status status = kin_ints_of_attribute(call, "perm", &ints, error);
    if (status != KIN_OK) return status;
    if (ints.given && ints.count != rank)
        return kin_fail(error, KIN_BAD_INPUT, "its 'perm' has %u numbers for a tensor of rank %u",
                        ints.count, rank);
    for (uint32_t i = 0; i < rank; i++) {
        int64_t axis = ints.given ? ints.values[i] : (int64_t)rank - 1 - i;
        if (axis < 0 || axis >= (int64_t)rank || (seen >> axis & 1) != 0)
            return kin_fail(error, KIN_BAD_INPUT, "its 'perm' is no permutation: %lld at %u",
                            (long long)axis, i);
        seen |= 1u << axis;
        perm[i] = (uint32_t)axis;
    }
    return KIN_OK;
}

static kin_status transpose_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    uint32_t perm[KIN_TENSOR_RANK_MAX];
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = transpose_perm(call, from->shape.rank, perm, error);
    if (status != KIN_OK) return status;
    kin_shape shape = from->shape;
    for (uint32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = from->shape.dims[perm[i]];
    return kin_op_output(call, 0, from->type, &shape, error);
}

static void transpose_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    uint32_t perm[KIN_TENSOR_RANK_MAX];
    if (to == NULL) return;
    kin_status status = transpose_perm(call, to->shape.rank, perm, NULL);
    KIN_CHECK(status == KIN_OK);
    permute(call->inputs[0], &call->inputs[0]->shape, perm, to);
}

static kin_status concat_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *first, *next;
    uint32_t axis;
    char text[2][KIN_SHAPE_TEXT_BYTES];
    kin_status status = kin_op_given(call, 0, &first, error);
    if (status != KIN_OK) return status;
    if (kin_node_attribute(call->node, "axis", KIN_ATTRIBUTE_INT) == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "its 'axis' is missing");
    status = kin_op_axis(call, "axis", 0, &first->shape, &axis, error);
    if (status != KIN_OK) return status;
    kin_shape shape = first->shape;
    for (uint32_t i = 1; i < call->input_count; i++) {
        status = kin_op_given(call, i, &next, error);
        if (status == KIN_OK) status = kin_op_require(call, i, first->type, error);
        if (status != KIN_OK) return status;
        kin_shape same = next->shape;
        if (same.rank == shape.rank) same.dims[axis] = first->shape.dims[axis];
        if (!kin_shape_equal(&same, &first->shape))
            return kin_fail(error, KIN_BAD_INPUT, "%s does not fit %s along axis %u",
                            kin_shape_text(&next->shape, text[0]),
                            kin_shape_text(&first->shape, text[1]), axis);
        shape.dims[axis] += next->shape.dims[axis];
    }
    return kin_op_output(call, 0, first->type, &shape, error);
}

static void concat_run(const kin_op_call *call)
{
    kin_tensor *to = kin_op_result(call, 0);
    uint32_t axis;
    if (to == NULL) return;
    kin_status status = kin_op_axis(call, "axis", 0, &to->shape, &axis, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t outer = kin_shape_product(&to->shape, 0, axis), at = 0;
    int64_t inner = kin_shape_product(&to->shape, axis + 1, to->shape.rank);
    for (uint32_t i = 0; i < call->input_count; i++) {
        const kin_tensor *from = call->inputs[i];
        int64_t part = from->shape.dims[axis] * inner;
        kin_strided walk = {0};
        kin_strided_add(&walk, outer, part, to->shape.dims[axis] * inner);
        kin_strided_add(&walk, part, 1, 1);
        size_t bytes = kin_type_bytes(to->type);
        kin_strided_copy(&walk, from->data, (char *)to->data + at * (int64_t)bytes, bytes);
        at += part;
    }
}

/* The axis, and how much of it each output gets. */
static kin_status split_sizes(const kin_op_call *call, const kin_shape *shape, uint32_t *axis,
                              kin_ints *sizes, kin_error *error)
{
    kin_status status = kin_op_axis(call, "axis", 0, shape, axis, error);
    if (status == KIN_OK) status = kin_op_ints(call, "split", 1, 13, sizes, error);
    if (status != KIN_OK) return status;
    int64_t dim = shape->dims[*axis], sum = 0;
    uint32_t count = call->output_count;
    if (count == 0 || count > KIN_INTS_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "it has %u outputs", count);
    if (!sizes->given && dim % count != 0)
        return kin_fail(error, KIN_BAD_INPUT, "%lld does not split into %u equal parts",
                        (long long)dim, count);
    if (sizes->given && sizes->count != count)
        return kin_fail(error, KIN_BAD_INPUT, "%u sizes for %u outputs", sizes->count, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!sizes->given) sizes->values[i] = dim / count;
        if (sizes->values[i] < 0 || sizes->values[i] > dim)
            return kin_fail(error, KIN_BAD_INPUT, "a part of %lld out of %lld",
                            (long long)sizes->values[i], (long long)dim);
        sum += sizes->values[i];
    }
    if (sum != dim)
        return kin_fail(error, KIN_BAD_INPUT, "its parts are %lld together, and not %lld",
                        (long long)sum, (long long)dim);
    return KIN_OK;
}

static kin_status split_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    uint32_t axis;
    kin_ints sizes;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = split_sizes(call, &from->shape, &axis, &sizes, error);
    for (uint32_t i = 0; status == KIN_OK && i < call->output_count; i++) {
        kin_shape shape = from->shape;
        shape.dims[axis] = sizes.values[i];
        status = kin_op_output(call, i, from->type, &shape, error);
    }
    return status;
}

static void split_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0];
    uint32_t axis;
    kin_ints sizes;
    kin_status status = split_sizes(call, &from->shape, &axis, &sizes, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t outer = kin_shape_product(&from->shape, 0, axis), at = 0;
    int64_t inner = kin_shape_product(&from->shape, axis + 1, from->shape.rank);
    for (uint32_t i = 0; i < call->output_count; i++) {
        kin_tensor *to = kin_op_result(call, i);
        int64_t part = sizes.values[i] * inner;
        if (to != NULL) {
            kin_strided walk = {0};
            kin_strided_add(&walk, outer, from->shape.dims[axis] * inner, part);
            kin_strided_add(&walk, part, 1, 1);
            size_t bytes = kin_type_bytes(to->type);
            kin_strided_copy(&walk, (const char *)from->data + at * (int64_t)bytes, to->data,
                             bytes);
        }
        at += part;
    }
}

/* What a Slice takes of every axis: count elements, step apart, from start on. */
typedef struct slice {
    int64_t start[KIN_TENSOR_RANK_MAX], step[KIN_TENSOR_RANK_MAX], count[KIN_TENSOR_RANK_MAX];
} slice;

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void slice_axis(slice *s, uint32_t axis, int64_t dim, int64_t start, int64_t end,
                       int64_t step)
{
    step = clamp(step, -KIN_TENSOR_ELEMENTS_MAX, KIN_TENSOR_ELEMENTS_MAX);
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    start = step > 0 ? clamp(start, 0, dim) : clamp(start, -1, dim - 1);
    end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
    int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    s->start[axis] = start;
    s->count[axis] = span > 0 ? (span - 1) / stride + 1 : 0;
    s->step[axis] = s->count[axis] > 1 ? step : 1; /* within the dimension, whatever was asked */
}

/* A list of numbers that is there twice, before opset 10 and since, must be as long as `starts`. */
static kin_status slice_list(const kin_op_call *call, const char *name, uint32_t i, uint32_t count,
                             kin_ints *ints, kin_error *error)
{
    kin_status status = kin_op_ints(call, name, i, 10, ints, error);
    if (status != KIN_OK) return status;
    if (ints->given && ints->count != count)
        return kin_fail(error, KIN_BAD_INPUT, "its '%s' has %u numbers, and its 'starts' %u", name,
                        ints->count, count);
    return KIN_OK;
}

static kin_status slice_plan(const kin_op_call *call, const kin_shape *shape, slice *s,
                             kin_error *error)
{
    kin_ints starts, ends, axes, steps = {0};
    uint32_t set;
    kin_status status = kin_op_ints(call, "starts", 1, 10, &starts, error);
    if (status == KIN_OK) status = slice_list(call, "ends", 2, starts.count, &ends, error);
    if (status == KIN_OK) status = slice_list(call, "axes", 3, starts.count, &axes, error);
    if (status == KIN_OK && call->node->opset >= 10)
        status = slice_list(call, "steps", 4, starts.count, &steps, error);
    if (status != KIN_OK) return status;
    if (!starts.given || !ends.given)
        return kin_fail(error, KIN_BAD_INPUT, "its 'starts' or 'ends' are missing");
    if (!axes.given) axes.count = starts.count;
    for (uint32_t i = 0; i < axes.count && !axes.given; i++)
        axes.values[i] = i;
    status = kin_op_axes(&axes, shape, &set, error);
    if (status != KIN_OK) return status;
    for (uint32_t i = 0; i < shape->rank; i++)
        slice_axis(s, i, shape->dims[i], 0, shape->dims[i], 1);
    for (uint32_t i = 0; i < axes.count; i++) {
        uint32_t axis =
            (uint32_t)(axes.values[i] < 0 ? axes.values[i] + shape->rank : axes.values[i]);
        int64_t step = steps.given ? steps.values[i] : 1;
        if (step == 0) return kin_fail(error, KIN_BAD_INPUT, "a step of 0 along axis %u", axis);
        slice_axis(s, axis, shape->dims[axis], starts.values[i], ends.values[i], step);
    }
    return KIN_OK;
}

static kin_status slice_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    slice s;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = slice_plan(call, &from->shape, &s, error);
    if (status != KIN_OK) return status;
    kin_shape shape = from->shape;
    for (uint32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = s.count[i];
    return kin_op_output(call, 0, from->type, &shape, error);
}

static void slice_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0];
    kin_tensor *to = kin_op_result(call, 0);
    slice s;
    if (to == NULL) return;
    kin_status status = slice_plan(call, &from->shape, &s, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t from_strides[KIN_TENSOR_RANK_MAX], to_strides[KIN_TENSOR_RANK_MAX], first = 0;
    kin_strided walk = {0};
    kin_shape_strides(&from->shape, from_strides);
    kin_shape_strides(&to->shape, to_strides);
    for (uint32_t i = 0; i < to->shape.rank; i++) {
        first += s.start[i] * from_strides[i];
        kin_strided_add(&walk, s.count[i], s.step[i] * from_strides[i], to_strides[i]);
    }
    int64_t bytes = (int64_t)kin_type_bytes(to->type);
    kin_strided_copy(&walk, (const char *)from->data + first * bytes, to->data, (size_t)bytes);
}

static kin_status tile_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    kin_ints repeats;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = kin_ints_of_input(call, 1, "repeats", &repeats, error);
    if (status != KIN_OK) return status;
    kin_shape shape = from->shape;
    if (repeats.count != shape.rank)
        return kin_fail(error, KIN_BAD_INPUT, "%u repeats of a tensor of rank %u", repeats.count,
                        shape.rank);
    for (uint32_t i = 0; i < shape.rank; i++) {
        if (repeats.values[i] < 0 || repeats.values[i] > KIN_TENSOR_ELEMENTS_MAX)
            return kin_fail(error, KIN_BAD_INPUT, "%lld repeats along axis %u",
                            (long long)repeats.values[i], i);
        shape.dims[i] *= repeats.values[i];
    }
    return kin_op_output(call, 0, from->type, &shape, error);
}

static void tile_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0];
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    int64_t from_strides[KIN_TENSOR_RANK_MAX], to_strides[KIN_TENSOR_RANK_MAX];
    kin_strided walk = {0};
    kin_shape_strides(&from->shape, from_strides);
    kin_shape_strides(&to->shape, to_strides);
    for (uint32_t i = 0; i < to->shape.rank; i++) {
        int64_t dim = from->shape.dims[i];
        kin_strided_add(&walk, to->shape.dims[i] / dim, 0, dim * to_strides[i]);
        kin_strided_add(&walk, dim, from_strides[i], to_strides[i]);
    }
    kin_strided_copy(&walk, from->data, to->data, kin_type_bytes(to->type));
}

/* A picture [n][c][h][w], and the size of the blocks between depth and space. */
static kin_status block_plan(const kin_op_call *call, const kin_tensor **from, int64_t *block,
                             kin_error *error)
{
    kin_status status = kin_op_given(call, 0, from, error);
    if (status != KIN_OK) return status;
    if ((*from)->shape.rank != 4)
        return kin_fail(error, KIN_BAD_INPUT, "a tensor of rank %u; it takes [n][c][h][w]",
                        (*from)->shape.rank);
    *block = kin_node_int(call->node, "blocksize", 0);
    if (*block < 1 || *block > KIN_TENSOR_ELEMENTS_MAX || *block * *block > KIN_TENSOR_ELEMENTS_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "its 'blocksize' is %lld", (long long)*block);
    return KIN_OK;
}

/* Whether depth counts blocks first (DCR); CRD: channels first. */
static kin_status depth_first(const kin_node *node, bool *blocks_first, kin_error *error)
{
    const char *mode = kin_node_string(node, "mode", "DCR");
    *blocks_first = strcmp(mode, "DCR") == 0;
    if (!*blocks_first && strcmp(mode, "CRD") != 0)
        return kin_fail(error, KIN_BAD_INPUT, "its 'mode' is '%.40s'", mode);
    return KIN_OK;
}

static kin_status depth_to_space_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    int64_t block;
    bool blocks_first;
    kin_status status = block_plan(call, &from, &block, error);
    if (status == KIN_OK) status = depth_first(call->node, &blocks_first, error);
    if (status != KIN_OK) return status;
    kin_shape shape = from->shape;
    if (shape.dims[1] % (block * block) != 0)
        return kin_fail(error, KIN_BAD_INPUT, "%lld channels do not fill blocks of %lld x %lld",
                        (long long)shape.dims[1], (long long)block, (long long)block);
    shape.dims[1] /= block * block;
    shape.dims[2] *= block;
    shape.dims[3] *= block;
    return kin_op_output(call, 0, from->type, &shape, error);
}

static void depth_to_space_run(const kin_op_call *call)
{
    static const uint32_t blocks_perm[] = {0, 3, 4, 1, 5, 2}, channels_perm[] = {0, 1, 4, 2, 5, 3};
    kin_tensor *to = kin_op_result(call, 0);
    const kin_tensor *from;
    int64_t block;
    bool blocks_first = true;
    if (to == NULL) return;
    kin_status status = block_plan(call, &from, &block, NULL);
    if (status == KIN_OK) status = depth_first(call->node, &blocks_first, NULL);
    KIN_CHECK(status == KIN_OK);
    const int64_t *dims = from->shape.dims;
    int64_t channels = to->shape.dims[1];
    kin_shape seen_as = {.rank = 6, .dims = {dims[0], block, block, channels, dims[2], dims[3]}};
    if (!blocks_first) {
        seen_as.dims[1] = channels;
        seen_as.dims[3] = block;
    }
    permute(from, &seen_as, blocks_first ? blocks_perm : channels_perm, to);
}

static kin_status space_to_depth_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from;
    int64_t block;
    kin_status status = block_plan(call, &from, &block, error);
    if (status != KIN_OK) return status;
    kin_shape shape = from->shape;
    if (shape.dims[2] % block != 0 || shape.dims[3] % block != 0)
        return kin_fail(error, KIN_BAD_INPUT, "%lld x %lld pixels are not blocks of %lld",
                        (long long)shape.dims[2], (long long)shape.dims[3], (long long)block);
    shape.dims[2] /= block;
    shape.dims[3] /= block;
    shape.dims[1] *= block * block;
    return kin_op_output(call, 0, from->type, &shape, error);
}

static void space_to_depth_run(const kin_op_call *call)
{
    static const uint32_t perm[] = {0, 3, 5, 1, 2, 4};
    kin_tensor *to = kin_op_result(call, 0);
    const kin_tensor *from;
    int64_t block;
    if (to == NULL) return;
    kin_status status = block_plan(call, &from, &block, NULL);
    KIN_CHECK(status == KIN_OK);
    const int64_t *dims = from->shape.dims;
    kin_shape seen_as = {
        .rank = 6, .dims = {dims[0], dims[1], dims[2] / block, block, dims[3] / block, block}};
    permute(from, &seen_as, perm, to);
}

static kin_status reverse_sequence_infer(kin_op_call *call, kin_error *error)
{
    const kin_tensor *from, *lengths;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = kin_op_indices(call, 1, &lengths, error);
    if (status != KIN_OK) return status;
    int64_t batch = kin_node_int(call->node, "batch_axis", 1);
    int64_t time = kin_node_int(call->node, "time_axis", 0);
    if (from->shape.rank < 2)
        return kin_fail(error, KIN_BAD_INPUT, "a tensor of rank %u; it takes 2 or more",
                        from->shape.rank);
    if (batch < 0 || batch > 1 || time < 0 || time > 1 || batch == time)
        return kin_fail(error, KIN_BAD_INPUT, "its axes of batch and time are %lld and %lld",
                        (long long)batch, (long long)time);
    if (lengths->shape.rank != 1 || lengths->shape.dims[0] != from->shape.dims[batch])
        return kin_fail(error, KIN_BAD_INPUT, "its 'sequence_lens' are not one for each of %lld",
                        (long long)from->shape.dims[batch]);
    return kin_op_output(call, 0, from->type, &from->shape, error);
}

static void reverse_sequence_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0], *lengths = call->inputs[1];
    kin_tensor *to = kin_op_result(call, 0);
    if (to == NULL) return;
    bool time_first = kin_node_int(call->node, "time_axis", 0) == 0;
    size_t bytes =
        (size_t)kin_shape_product(&to->shape, 2, to->shape.rank) * kin_type_bytes(to->type);
    int64_t times = to->shape.dims[time_first ? 0 : 1];
    int64_t batches = to->shape.dims[time_first ? 1 : 0];
    for (int64_t b = 0; b < batches; b++) {
        int64_t length = clamp(kin_tensor_get_int(lengths, b), 0, times);
        for (int64_t t = 0; t < times; t++) {
            int64_t source = t < length ? length - 1 - t : t;
            int64_t to_at = time_first ? t * batches + b : b * times + t;
            int64_t from_at = time_first ? source * batches + b : b * times + source;
            memcpy((char *)to->data + (size_t)to_at * bytes,
                   (const char *)from->data + (size_t)from_at * bytes, bytes);
        }
    }
}

const kin_op kin_move_ops[] = {
    {"Transpose", 1, 1, 1, transpose_infer, transpose_run},
    {"Concat", 1, KIN_NODE_INPUTS_MAX, 1, concat_infer, concat_run},
    {"Split", 1, 2, KIN_NODE_OUTPUTS_MAX, split_infer, split_run},
    {"Slice", 1, 5, 1, slice_infer, slice_run},
    {"Tile", 2, 2, 1, tile_infer, tile_run},
    {"DepthToSpace", 1, 1, 1, depth_to_space_infer, depth_to_space_run},
    {"SpaceToDepth", 1, 1, 1, space_to_depth_infer, space_to_depth_run},
    {"ReverseSequence", 2, 2, 1, reverse_sequence_infer, reverse_sequence_run},
    {.name = NULL},
};
