/* Operators along one axis: where its largest elements are, sums so far. */
#include "worker/encode/op_args.h"
#include "worker/encode/op_element.h"
#include "worker/encode/op_elementwise.h"

#include <string.h>

/* --- ArgMax, ArgMin -------------------------------------------------------------------------- */

static kin_status infer_arg(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"axis", KIN_ATTRIBUTE_INT},
        {"keepdims", KIN_ATTRIBUTE_INT},
        {"select_last_index", KIN_ATTRIBUTE_INT},
    };
    uint32_t axis;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_NUMBER, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 3, error);
    if (status != KIN_OK) return status;
    const kin_shape *input = &call->inputs[0]->shape;
    status = kin_op_axis(call, "axis", 0, input, &axis, error);
    if (status != KIN_OK) return status;
    if (input->dims[axis] == 0)
        return kin_fail(error, KIN_BAD_INPUT, "axis %u of its input is 0 long", axis);
    bool keep = kin_node_int(call->node, "keepdims", 1) != 0;
    kin_shape shape = {.rank = 0};
    for (uint32_t i = 0; i < input->rank; i++)
        if (i != axis || keep) shape.dims[shape.rank++] = i == axis ? 1 : input->dims[i];
    return kin_op_output(call, 0, KIN_TYPE_INT64, &shape, error);
}

/* sign 1: the largest; -1: the smallest. */
static void find(const kin_op_call *call, int sign)
{
    const kin_tensor *input = call->inputs[0];
    int64_t *output = call->outputs[0]->data;
    bool last = kin_node_int(call->node, "select_last_index", 0) != 0;
    kin_sets sets;
    uint32_t axis;
    if (kin_op_axis(call, "axis", 0, &input->shape, &axis, NULL) != KIN_OK) return;
    kin_sets_init(&sets, &input->shape, 1u << axis);
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i), best = 0;
        for (int64_t j = 1; j < sets.length; j++) {
            int order = sign * kin_element_compare(input, first + kin_sets_step(&sets, j),
                                                   first + kin_sets_step(&sets, best));
            if (order > 0 || (order == 0 && last)) best = j;
        }
        output[i] = best;
    }
}

static void run_arg_max(const kin_op_call *call)
{
    find(call, 1);
}

static void run_arg_min(const kin_op_call *call)
{
    find(call, -1);
}

/* --- CumSum ---------------------------------------------------------------------------------- */

static kin_status read_axis_input(const kin_op_call *call, uint32_t *axis, kin_error *error)
{
    const kin_shape *shape = &call->inputs[0]->shape;
    kin_ints given;
    kin_status status = kin_ints_of_input(call, 1, "axis", &given, error);
    if (status != KIN_OK) return status;
    if (given.count != 1)
        return kin_fail(error, KIN_BAD_INPUT, "its 'axis' has %u numbers; it is one", given.count);
    if (!kin_shape_axis(shape, given.values[0], axis))
        return kin_fail(error, KIN_BAD_INPUT, "axis %lld of a tensor of rank %u",
                        (long long)given.values[0], shape->rank);
    return KIN_OK;
}

static kin_status infer_cum_sum(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"exclusive", KIN_ATTRIBUTE_INT},
        {"reverse", KIN_ATTRIBUTE_INT},
    };
    uint32_t axis;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_NUMBER, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 2, error);
    if (status == KIN_OK) status = read_axis_input(call, &axis, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &call->inputs[0]->shape, error);
}

static void run_cum_sum(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *output = call->outputs[0];
    bool integers = kin_type_in(input->type, KIN_TYPES_INTEGER);
    bool exclusive = kin_node_int(call->node, "exclusive", 0) != 0;
    bool reverse = kin_node_int(call->node, "reverse", 0) != 0;
    kin_sets sets;
    uint32_t axis;
    if (read_axis_input(call, &axis, NULL) != KIN_OK) return;
    kin_sets_init(&sets, &input->shape, 1u << axis);
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i);
        uint64_t bits = 0; /* integers wrap */
        double sum = 0;
        for (int64_t j = 0; j < sets.length; j++) {
            int64_t at = first + kin_sets_step(&sets, reverse ? sets.length - 1 - j : j);
            uint64_t bits_with = bits;
            double sum_with = sum;
            if (integers)
                bits_with += (uint64_t)kin_tensor_get_int(input, at);
            else
                sum_with += kin_element(input, at);
            if (integers)
                kin_tensor_set_bits(output, at, exclusive ? bits : bits_with);
            else
                kin_element_set(output, at, exclusive ? sum : sum_with);
            bits = bits_with;
            sum = sum_with;
        }
    }
}

/* --- TopK ------------------------------------------------------------------------------------ */

/* k: an attribute before opset 10, a constant input from then on. */
static kin_status read_k(const kin_op_call *call, int64_t *k, kin_error *error)
{
    kin_ints given;
    if (call->node->opset < 10) {
        *k = kin_node_int(call->node, "k", -1);
    } else {
        kin_status status = kin_ints_of_input(call, 1, "K", &given, error);
        if (status != KIN_OK) return status;
        *k = given.count == 1 ? given.values[0] : -1;
    }
    if (*k < 0)
        return kin_fail(error, KIN_BAD_INPUT, "its 'k' is missing, negative or not one number");
    return KIN_OK;
}

static kin_status infer_top_k(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"axis", KIN_ATTRIBUTE_INT},
        {"largest", KIN_ATTRIBUTE_INT},
        {"sorted", KIN_ATTRIBUTE_INT},
        {"k", KIN_ATTRIBUTE_INT}, /* last: until opset 9 */
    };
    uint32_t axis;
    int64_t k;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_NUMBER, error);
    if (status == KIN_OK)
        status = kin_op_require_node(call, known, call->node->opset < 10 ? 4 : 3, error);
    if (status == KIN_OK) status = read_k(call, &k, error);
    if (status != KIN_OK) return status;
    kin_shape shape = call->inputs[0]->shape;
    status = kin_op_axis(call, "axis", -1, &shape, &axis, error);
    if (status != KIN_OK) return status;
    if (k > shape.dims[axis])
        return kin_fail(error, KIN_BAD_INPUT, "the %lld largest of %lld", (long long)k,
                        (long long)shape.dims[axis]);
    shape.dims[axis] = k;
    call->scratch_bytes = (size_t)k * sizeof(int64_t);
    status = kin_op_output(call, 0, call->inputs[0]->type, &shape, error);
    return status == KIN_OK ? kin_op_output(call, 1, KIN_TYPE_INT64, &shape, error) : status;
}

/* The elements of one set, in the order that is asked for. */
typedef struct ranking {
    const kin_tensor *input;
    kin_sets sets;
    int64_t first; /* of the set */
    int sign;      /* 1: the largest come first */
} ranking;

/* Whether element a comes after element b; of equal ones the later does. */
static bool comes_after(const ranking *r, int64_t a, int64_t b)
{
    int order = r->sign * kin_element_compare(r->input, r->first + kin_sets_step(&r->sets, a),
                                              r->first + kin_sets_step(&r->sets, b));
    return order < 0 || (order == 0 && a > b);
}

/* Lets heap[at] sink in a heap whose root comes last. */
static void sink(const ranking *r, int64_t *heap, int64_t count, int64_t at)
{
    for (;;) {
        int64_t last = at, left = 2 * at + 1, right = left + 1;
        if (left < count && comes_after(r, heap[left], heap[last])) last = left;
        if (right < count && comes_after(r, heap[right], heap[last])) last = right;
        if (last == at) return;
        int64_t kept = heap[at];
        heap[at] = heap[last];
        heap[last] = kept;
        at = last;
    }
}

/* chosen [k]: the k that come first, in order (whatever `sorted` says). k is 1 or more. */
static void choose(const ranking *r, int64_t *chosen, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        chosen[i] = i;
    for (int64_t i = k / 2; i-- > 0;)
        sink(r, chosen, k, i);
    for (int64_t i = k; i < r->sets.length; i++)
        if (comes_after(r, chosen[0], i)) {
            chosen[0] = i;
            sink(r, chosen, k, 0);
        }
    for (int64_t count = k; count-- > 1;) {
        int64_t last = chosen[0];
        chosen[0] = chosen[count];
        chosen[count] = last;
        sink(r, chosen, count, 0);
    }
}

static void run_top_k(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *values = kin_op_result(call, 0), *indices = kin_op_result(call, 1);
    ranking r = {.input = input, .sign = kin_node_int(call->node, "largest", 1) != 0 ? 1 : -1};
    size_t bytes = kin_type_bytes(input->type);
    int64_t *chosen = call->scratch;
    uint32_t axis;
    kin_sets outputs;
    if (values == NULL || kin_op_axis(call, "axis", -1, &input->shape, &axis, NULL) != KIN_OK)
        return;
    kin_sets_init(&r.sets, &input->shape, 1u << axis);
    kin_sets_init(&outputs, &values->shape, 1u << axis);
    for (int64_t i = 0; i < r.sets.count; i++) {
        int64_t first = kin_sets_first(&outputs, i);
        r.first = kin_sets_first(&r.sets, i);
        choose(&r, chosen, outputs.length);
        for (int64_t j = 0; j < outputs.length; j++) {
            int64_t to = first + kin_sets_step(&outputs, j);
            int64_t from = r.first + kin_sets_step(&r.sets, chosen[j]);
            memcpy((char *)values->data + (size_t)to * bytes,
                   (const char *)input->data + (size_t)from * bytes, bytes);
            if (indices != NULL) ((int64_t *)indices->data)[to] = chosen[j];
        }
    }
}

const kin_op kin_reduce_axis_ops[] = {
    {"ArgMax", 1, 1, 1, infer_arg, run_arg_max},
    {"ArgMin", 1, 1, 1, infer_arg, run_arg_min},
    {"CumSum", 2, 2, 1, infer_cum_sum, run_cum_sum},
    {"TopK", 1, 2, 2, infer_top_k, run_top_k},
    {.name = NULL},
};
