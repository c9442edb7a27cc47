/* Softmaxes and normalisations by norms; those by mean and variance are in op_normalize_moments.c.
 */
#include "worker/encode/op_args.h"
#include "worker/encode/op_element.h"
#include "worker/encode/op_elementwise.h"

#include <math.h>

/* --- Softmax, LogSoftmax, Hardmax ------------------------------------------------------------ */

/* The sets that are to sum to 1. Before opset 13 the input is seen as a matrix, and axis is where
 * its columns begin. */
static kin_status read_sets(const kin_op_call *call, kin_sets *sets, kin_error *error)
{
    const kin_shape *shape = &call->inputs[0]->shape;
    bool matrix = call->node->opset < 13;
    uint32_t axis;
    kin_status status = kin_op_axis(call, "axis", matrix ? 1 : -1, shape, &axis, error);
    if (status != KIN_OK) return status;
    uint32_t from_axis = ((1u << shape->rank) - 1) >> axis << axis;
    kin_sets_init(sets, shape, matrix ? from_axis : 1u << axis);
    return KIN_OK;
}

static kin_status infer_softmax(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {{"axis", KIN_ATTRIBUTE_INT}};
    kin_sets sets;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 1, error);
    if (status == KIN_OK) status = read_sets(call, &sets, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &call->inputs[0]->shape, error);
}

/* The largest element of a set is taken out, so that no exponential is too large. */
static void softmax(const kin_op_call *call, bool logarithm)
{
    const kin_tensor *input = call->inputs[0];
    kin_sets sets;
    if (read_sets(call, &sets, NULL) != KIN_OK) return;
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i);
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < sets.length; j++)
            most = fmax(most, kin_element(input, first + kin_sets_step(&sets, j)));
        for (int64_t j = 0; j < sets.length; j++)
            sum += exp(kin_element(input, first + kin_sets_step(&sets, j)) - most);
        for (int64_t j = 0; j < sets.length; j++) {
            int64_t at = first + kin_sets_step(&sets, j);
            double value = kin_element(input, at) - most;
            kin_element_set(call->outputs[0], at, logarithm ? value - log(sum) : exp(value) / sum);
        }
    }
}

static void run_softmax(const kin_op_call *call)
{
    softmax(call, false);
}

static void run_log_softmax(const kin_op_call *call)
{
    softmax(call, true);
}

static void run_hardmax(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_sets sets;
    if (read_sets(call, &sets, NULL) != KIN_OK) return;
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i), best = 0;
        for (int64_t j = 1; j < sets.length; j++)
            if (kin_element_compare(input, first + kin_sets_step(&sets, j),
                                    first + kin_sets_step(&sets, best)) > 0)
                best = j;
        for (int64_t j = 0; j < sets.length; j++)
            kin_element_set(call->outputs[0], first + kin_sets_step(&sets, j), j == best ? 1 : 0);
    }
}

/* --- LRN ------------------------------------------------------------------------------------- */

/* AlexNet has 5; the limit keeps the work for an element bounded. */
#define LRN_SIZE_MAX 4096

static kin_status infer_lrn(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"alpha", KIN_ATTRIBUTE_FLOAT},
        {"beta", KIN_ATTRIBUTE_FLOAT},
        {"bias", KIN_ATTRIBUTE_FLOAT},
        {"size", KIN_ATTRIBUTE_INT},
    };
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 4, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    int64_t size = kin_node_int(call->node, "size", 0);
    if (size < 1 || size > LRN_SIZE_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "its 'size' is %lld; 1 to %d are possible",
                        (long long)size, LRN_SIZE_MAX);
    if (input->shape.rank < 2)
        return kin_fail(error, KIN_BAD_INPUT, "an input of rank %u has no channels",
                        input->shape.rank);
    return kin_op_output(call, 0, input->type, &input->shape, error);
}

/* Krizhevsky, Sutskever and Hinton, NIPS 2012, 3.3, with alpha / size in place of alpha. */
static void run_lrn(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    int64_t size = kin_node_int(call->node, "size", 1), channels = input->shape.dims[1];
    double alpha = kin_node_float(call->node, "alpha", 0.0001f) / (double)size;
    double beta = kin_node_float(call->node, "beta", 0.75f);
    double bias = kin_node_float(call->node, "bias", 1);
    int64_t pixels = kin_shape_product(&input->shape, 2, input->shape.rank);
    for (int64_t i = 0; i < kin_tensor_count(input); i++) {
        int64_t channel = i / pixels % channels, pixel = i - channel * pixels;
        int64_t low = channel - (size - 1) / 2, high = channel + size / 2;
        double sum = 0;
        if (low < 0) low = 0;
        if (high > channels - 1) high = channels - 1;
        for (int64_t c = low; c <= high; c++) {
            double value = kin_element(input, pixel + c * pixels);
            sum += value * value;
        }
        kin_element_set(call->outputs[0], i, kin_element(input, i) / pow(bias + alpha * sum, beta));
    }
}

/* --- LpNormalization ------------------------------------------------------------------------- */

static kin_status infer_lp(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"axis", KIN_ATTRIBUTE_INT},
        {"p", KIN_ATTRIBUTE_INT},
    };
    uint32_t axis;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 2, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    int64_t p = kin_node_int(call->node, "p", 2);
    if (p != 1 && p != 2)
        return kin_fail(error, KIN_BAD_INPUT, "its 'p' is %lld; 1 and 2 are possible",
                        (long long)p);
    status = kin_op_axis(call, "axis", -1, &input->shape, &axis, error);
    return status == KIN_OK ? kin_op_output(call, 0, input->type, &input->shape, error) : status;
}

/* A set of zeros stays one. */
static void run_lp(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    bool square = kin_node_int(call->node, "p", 2) == 2;
    kin_sets sets;
    uint32_t axis;
    if (kin_op_axis(call, "axis", -1, &input->shape, &axis, NULL) != KIN_OK) return;
    kin_sets_init(&sets, &input->shape, 1u << axis);
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i);
        double norm = 0;
        for (int64_t j = 0; j < sets.length; j++) {
            double value = kin_element(input, first + kin_sets_step(&sets, j));
            norm += square ? value * value : fabs(value);
        }
        if (square) norm = sqrt(norm);
        for (int64_t j = 0; j < sets.length; j++) {
            int64_t at = first + kin_sets_step(&sets, j);
            kin_element_set(call->outputs[0], at, norm == 0 ? 0 : kin_element(input, at) / norm);
        }
    }
}

const kin_op kin_normalize_ops[] = {
    {"Softmax", 1, 1, 1, infer_softmax, run_softmax},
    {"LogSoftmax", 1, 1, 1, infer_softmax, run_log_softmax},
    {"Hardmax", 1, 1, 1, infer_softmax, run_hardmax},
    {"LRN", 1, 1, 1, infer_lrn, run_lrn},
    {"LpNormalization", 1, 1, 1, infer_lp, run_lp},
    {.name = NULL},
};
