/* Pools. A maximum skips what is not a number; a mean is summed in doubles. */
#include "worker/encode/op_args.h"
#include "worker/encode/op_element.h"
#include "worker/encode/op_elementwise.h"
#include "worker/encode/window.h"

#include <math.h>
#include <string.h>

#include "common/base/check.h"

#define MAX_TYPES (KIN_TYPES_REAL | KIN_TYPE_BIT(KIN_TYPE_INT8) | KIN_TYPE_BIT(KIN_TYPE_UINT8))

/* The taps of one window that lie on the input, by dimension. */
typedef struct patch {
    const kin_window *window;
    int64_t first[KIN_WINDOW_AXES], until[KIN_WINDOW_AXES], start[KIN_WINDOW_AXES];
} patch;

static void patch_at(patch *p, const kin_window *window, const int64_t *at)
{
    p->window = window;
    for (int i = 0; i < KIN_WINDOW_AXES; i++) {
        kin_window_taps(&window->axes[i], at[i], &p->first[i], &p->until[i]);
        p->start[i] = kin_window_start(&window->axes[i], at[i]);
    }
}

static int64_t patch_taps(const patch *p)
{
    return (p->until[0] - p->first[0]) * (p->until[1] - p->first[1]) * (p->until[2] - p->first[2]);
}

/* The element of a plane under tap t of patch_taps, first dimension slowest. */
static int64_t patch_element(const patch *p, int64_t t)
{
    const kin_window_axis *axes = p->window->axes;
    int64_t index[KIN_WINDOW_AXES];
    for (int i = KIN_WINDOW_AXES; i-- > 0;) {
        int64_t taps = p->until[i] - p->first[i];
        index[i] = p->start[i] + (p->first[i] + t % taps) * axes[i].dilation;
        t /= taps;
    }
    return (index[0] * axes[1].input + index[1]) * axes[2].input + index[2];
}

/* --- Maximum --------------------------------------------------------------------------------- */

static kin_status infer_max_pool(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"auto_pad", KIN_ATTRIBUTE_STRING}, {"ceil_mode", KIN_ATTRIBUTE_INT},
        {"dilations", KIN_ATTRIBUTE_INTS},  {"kernel_shape", KIN_ATTRIBUTE_INTS},
        {"pads", KIN_ATTRIBUTE_INTS},       {"storage_order", KIN_ATTRIBUTE_INT},
        {"strides", KIN_ATTRIBUTE_INTS},
    };
    kin_window window;
    kin_status status = kin_op_require_node(call, known, sizeof known / sizeof *known, error);
    if (status == KIN_OK) status = kin_op_require_types(call, 0, MAX_TYPES, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    status = kin_window_read(&window, KIN_WINDOW_POOL, call->node, &input->shape, NULL, error);
    if (status != KIN_OK) return status;
    kin_shape shape = kin_window_output_shape(&window, input->shape.dims[0], input->shape.dims[1]);
    status = kin_op_output(call, 0, input->type, &shape, error);
    return status == KIN_OK ? kin_op_output(call, 1, KIN_TYPE_INT64, &shape, error) : status;
}

/* The element of the plane that is largest (the first of equal ones), or -1 for no tap, or none
 * that is a number. */
static int64_t largest(const patch *p, const kin_tensor *input, int64_t plane)
{
    int64_t best = -1, taps = patch_taps(p);
    double value = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t element = patch_element(p, t);
        double candidate = kin_element(input, plane + element);
        if (best < 0 ? candidate == candidate : candidate > value) {
            best = element;
            value = candidate;
        }
    }
    return best;
}

/* What a window without numbers gives. */
static double lowest(kin_type type)
{
    return type == KIN_TYPE_INT8 ? INT8_MIN : type == KIN_TYPE_UINT8 ? 0 : -INFINITY;
}

/* storage_order 1: the index of an element where the first spatial dimension is the fastest. */
static int64_t column_major(const kin_window *window, int64_t element)
{
    const kin_window_axis *axes = window->axes;
    int64_t x = element % axes[2].input, row = element / axes[2].input;
    int64_t y = row % axes[1].input, z = row / axes[1].input;
    return (x * axes[1].input + y) * axes[0].input + z;
}

static void run_max_pool(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *output = call->outputs[0], *indices = kin_op_result(call, 1);
    int64_t planes = input->shape.dims[0] * input->shape.dims[1], o = 0, at[KIN_WINDOW_AXES];
    bool columns = kin_node_int(call->node, "storage_order", 0) != 0;
    kin_window window;
    kin_status status =
        kin_window_read(&window, KIN_WINDOW_POOL, call->node, &input->shape, NULL, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t pixels = kin_window_input_count(&window);
    for (int64_t plane = 0; plane < planes; plane++)
        for (at[0] = 0; at[0] < window.axes[0].output; at[0]++)
            for (at[1] = 0; at[1] < window.axes[1].output; at[1]++)
                for (at[2] = 0; at[2] < window.axes[2].output; at[2]++, o++) {
                    patch p;
                    patch_at(&p, &window, at);
                    int64_t best = largest(&p, input, plane * pixels);
                    double value =
                        best < 0 ? lowest(input->type) : kin_element(input, plane * pixels + best);
                    if (best < 0) best = 0;
                    if (columns) best = column_major(&window, best);
                    kin_element_set(output, o, value);
                    if (indices != NULL) ((int64_t *)indices->data)[o] = plane * pixels + best;
                }
}

/* --- Means and norms ------------------------------------------------------------------------- */

static kin_status infer_window(kin_op_call *call, kin_error *error)
{
    kin_window window;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    status = kin_window_read(&window, KIN_WINDOW_POOL, call->node, &input->shape, NULL, error);
    if (status != KIN_OK) return status;
    kin_shape shape = kin_window_output_shape(&window, input->shape.dims[0], input->shape.dims[1]);
    return kin_op_output(call, 0, input->type, &shape, error);
}

static kin_status infer_average_pool(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"auto_pad", KIN_ATTRIBUTE_STRING},
        {"ceil_mode", KIN_ATTRIBUTE_INT},
        {"count_include_pad", KIN_ATTRIBUTE_INT},
        {"kernel_shape", KIN_ATTRIBUTE_INTS},
        {"pads", KIN_ATTRIBUTE_INTS},
        {"strides", KIN_ATTRIBUTE_INTS},
    };
    kin_status status = kin_op_require_node(call, known, sizeof known / sizeof *known, error);
    return status == KIN_OK ? infer_window(call, error) : status;
}

/* The p of a norm, an integer of 1 or more. */
static kin_status check_norm(const kin_op_call *call, kin_error *error)
{
    int64_t p = kin_node_int(call->node, "p", 2);
    if (p >= 1 && p <= INT32_MAX) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "attribute 'p' is %lld; 1 or more is possible",
                    (long long)p);
}

static kin_status infer_lp_pool(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"auto_pad", KIN_ATTRIBUTE_STRING}, {"kernel_shape", KIN_ATTRIBUTE_INTS},
        {"p", KIN_ATTRIBUTE_INT},           {"pads", KIN_ATTRIBUTE_INTS},
        {"strides", KIN_ATTRIBUTE_INTS},
    };
    kin_status status = kin_op_require_node(call, known, sizeof known / sizeof *known, error);
    if (status == KIN_OK) status = check_norm(call, error);
    return status == KIN_OK ? infer_window(call, error) : status;
}

/* What the mean of a window is divided by: its taps on the input, or on its padding too. What
 * ceil_mode lets hang over the padding counts in neither case. */
static int64_t divisor(const patch *p, const int64_t *at, bool include_pad)
{
    int64_t count = 1;
    if (!include_pad) return patch_taps(p);
    for (int i = 0; i < KIN_WINDOW_AXES; i++) {
        kin_window_axis padded = p->window->axes[i];
        int64_t first, until;
        padded.input += padded.pad_begin + padded.pad_end;
        padded.pad_begin = 0;
        kin_window_taps(&padded, at[i], &first, &until);
        count *= until - first;
    }
    return count;
}

static double sum_of_powers(const patch *p, const kin_tensor *input, int64_t plane, double power)
{
    int64_t taps = patch_taps(p);
    double sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        double value = kin_element(input, plane + patch_element(p, t));
        sum += power == 0 ? value : pow(fabs(value), power);
    }
    return sum;
}

/* Means (power 0), or norms. */
static void pool(const kin_op_call *call, double power)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *output = call->outputs[0];
    int64_t planes = input->shape.dims[0] * input->shape.dims[1], o = 0, at[KIN_WINDOW_AXES];
    bool include_pad = kin_node_int(call->node, "count_include_pad", 0) != 0;
    kin_window window;
    kin_status status =
        kin_window_read(&window, KIN_WINDOW_POOL, call->node, &input->shape, NULL, NULL);
    KIN_CHECK(status == KIN_OK);
    int64_t pixels = kin_window_input_count(&window);
    for (int64_t plane = 0; plane < planes; plane++)
        for (at[0] = 0; at[0] < window.axes[0].output; at[0]++)
            for (at[1] = 0; at[1] < window.axes[1].output; at[1]++)
                for (at[2] = 0; at[2] < window.axes[2].output; at[2]++, o++) {
                    patch p;
                    patch_at(&p, &window, at);
                    double sum = sum_of_powers(&p, input, plane * pixels, power);
                    kin_element_set(output, o,
                                    power == 0 ? sum / (double)divisor(&p, at, include_pad)
                                               : pow(sum, 1 / power));
                }
}

static void run_average_pool(const kin_op_call *call)
{
    pool(call, 0);
}

static void run_lp_pool(const kin_op_call *call)
{
    pool(call, (double)kin_node_int(call->node, "p", 2));
}

/* --- Whole planes ---------------------------------------------------------------------------- */

static kin_status infer_global(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status != KIN_OK) return status;
    kin_shape shape = call->inputs[0]->shape;
    if (shape.rank < 2)
        return kin_fail(error, KIN_BAD_INPUT, "an input of rank %u; 2 is the least", shape.rank);
    for (uint32_t i = 2; i < shape.rank; i++) {
        if (shape.dims[i] == 0)
            return kin_fail(error, KIN_BAD_INPUT, "dimension %u of its input is 0", i);
        shape.dims[i] = 1;
    }
    return kin_op_output(call, 0, call->inputs[0]->type, &shape, error);
}

static kin_status infer_global_plain(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    return status == KIN_OK ? infer_global(call, error) : status;
}

static kin_status infer_global_lp(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {{"p", KIN_ATTRIBUTE_INT}};
    kin_status status = kin_op_require_node(call, known, 1, error);
    if (status == KIN_OK) status = check_norm(call, error);
    return status == KIN_OK ? infer_global(call, error) : status;
}

static void run_global_max(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *output = call->outputs[0];
    int64_t pixels = kin_shape_product(&input->shape, 2, input->shape.rank);
    for (int64_t i = 0; i < kin_tensor_count(output); i++) {
        double best = -INFINITY;
        for (int64_t j = 0; j < pixels; j++) {
            double value = kin_element(input, i * pixels + j);
            if (value > best) best = value;
        }
        kin_element_set(output, i, best);
    }
}

/* Means (power 0), or norms. */
static void global(const kin_op_call *call, double power)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *output = call->outputs[0];
    int64_t pixels = kin_shape_product(&input->shape, 2, input->shape.rank);
    for (int64_t i = 0; i < kin_tensor_count(output); i++) {
        double sum = 0;
        for (int64_t j = 0; j < pixels; j++) {
            double value = kin_element(input, i * pixels + j);
            sum += power == 0 ? value : pow(fabs(value), power);
        }
        kin_element_set(output, i, power == 0 ? sum / (double)pixels : pow(sum, 1 / power));
    }
}

static void run_global_average(const kin_op_call *call)
{
    global(call, 0);
}

static void run_global_lp(const kin_op_call *call)
{
    global(call, (double)kin_node_int(call->node, "p", 2));
}

/* --- The way back ---------------------------------------------------------------------------- */

/* The shape that the indices refer to, and the output's, which output_shape may make larger. */
static kin_status read_unpool(const kin_op_call *call, kin_shape *inner, kin_shape *outer,
                              kin_error *error)
{
    const kin_shape *input = &call->inputs[0]->shape;
    kin_window window;
    kin_ints given;
    kin_status status =
        kin_window_read(&window, KIN_WINDOW_TRANSPOSED, call->node, input, NULL, error);
    if (status == KIN_OK) status = kin_ints_of_input(call, 2, "output_shape", &given, error);
    if (status != KIN_OK) return status;
    *inner = *outer = kin_window_output_shape(&window, input->dims[0], input->dims[1]);
    if (!given.given) return KIN_OK;
    if (given.count != inner->rank || given.values[0] != inner->dims[0] ||
        given.values[1] != inner->dims[1])
        return kin_fail(error, KIN_BAD_INPUT, "its 'output_shape' is of other pictures");
    memcpy(outer->dims, given.values, inner->rank * sizeof *inner->dims);
    return KIN_OK;
}

static kin_status infer_max_unpool(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"kernel_shape", KIN_ATTRIBUTE_INTS},
        {"pads", KIN_ATTRIBUTE_INTS},
        {"strides", KIN_ATTRIBUTE_INTS},
    };
    kin_shape inner, outer;
    kin_status status = kin_op_require_node(call, known, sizeof known / sizeof *known, error);
    if (status == KIN_OK) status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require(call, 1, KIN_TYPE_INT64, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    if (!kin_shape_equal(&input->shape, &call->inputs[1]->shape))
        return kin_fail(error, KIN_BAD_INPUT, "its indices are of another shape than its input");
    status = read_unpool(call, &inner, &outer, error);
    if (status == KIN_OK) status = kin_op_output(call, 0, input->type, &inner, error);
    return status == KIN_OK ? kin_op_output(call, 0, input->type, &outer, error) : status;
}

/* Every element goes to its index; those that have none in the output are left out. */
static void run_max_unpool(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *output = kin_op_result(call, 0);
    int64_t strides[KIN_TENSOR_RANK_MAX];
    kin_shape inner, outer;
    if (output == NULL || read_unpool(call, &inner, &outer, NULL) != KIN_OK) return;
    memset(output->data, 0, kin_tensor_bytes(output));
    kin_shape_strides(&outer, strides);
    for (int64_t i = 0; i < kin_tensor_count(input); i++) {
        int64_t index = ((const int64_t *)call->inputs[1]->data)[i], to = 0;
        bool inside = index >= 0 && index < kin_shape_count(&inner);
        for (uint32_t d = inner.rank; inside && d-- > 0; index /= inner.dims[d]) {
            inside = index % inner.dims[d] < outer.dims[d];
            to += index % inner.dims[d] * strides[d];
        }
        if (inside) kin_element_set(output, to, kin_element(input, i));
    }
}

const kin_op kin_pool_ops[] = {
    {"MaxPool", 1, 1, 2, infer_max_pool, run_max_pool},
    {"AveragePool", 1, 1, 1, infer_average_pool, run_average_pool},
    {"LpPool", 1, 1, 1, infer_lp_pool, run_lp_pool},
    {"GlobalMaxPool", 1, 1, 1, infer_global_plain, run_global_max},
    {"GlobalAveragePool", 1, 1, 1, infer_global_plain, run_global_average},
    {"GlobalLpPool", 1, 1, 1, infer_global_lp, run_global_lp},
    {"MaxUnpool", 2, 3, 1, infer_max_unpool, run_max_unpool},
    {.name = NULL},
};
