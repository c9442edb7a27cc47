/* Normalisations by mean and variance, which are computed in doubles, the mean before the variance.
 */
#include "worker/encode/op_args.h"
#include "worker/encode/op_element.h"
#include "worker/encode/op_elementwise.h"

#include <math.h>

typedef struct moments {
    double mean, variance; /* of the whole set: divided by its length */
} moments;

static moments moments_of(const kin_tensor *input, const kin_sets *sets, int64_t first)
{
    moments m = {0, 0};
    for (int64_t i = 0; i < sets->length; i++)
        m.mean += kin_element(input, first + kin_sets_step(sets, i));
    m.mean /= (double)sets->length;
    for (int64_t i = 0; i < sets->length; i++) {
        double difference = kin_element(input, first + kin_sets_step(sets, i)) - m.mean;
        m.variance += difference * difference;
    }
    m.variance /= (double)sets->length;
    return m;
}

/* Input i must be there, a real, and have count elements; rank 0: of any rank. */
static kin_status check_parameter(const kin_op_call *call, uint32_t i, uint32_t rank, int64_t count,
                                  kin_error *error)
{
    char text[KIN_SHAPE_TEXT_BYTES];
    kin_status status = kin_op_require_types(call, i, KIN_TYPES_REAL, error);
    if (status != KIN_OK) return status;
    const kin_shape *shape = &call->inputs[i]->shape;
    if ((rank > 0 && shape->rank != rank) || kin_shape_count(shape) != count)
        return kin_fail(error, KIN_BAD_INPUT, "its input %u is %s, not of %lld numbers", i,
                        kin_shape_text(shape, text), (long long)count);
    return KIN_OK;
}

/* Dimensions [from, rank) as bits. */
static uint32_t dims_from(const kin_shape *shape, uint32_t from)
{
    return ((1u << shape->rank) - 1) >> from << from;
}

/* --- BatchNormalization ---------------------------------------------------------------------- */

/* spatial 0, until opset 8: scale, bias, mean and variance for every element of a picture. */
static bool is_spatial(const kin_op_call *call)
{
    return kin_node_int(call->node, "spatial", 1) != 0;
}

static int64_t batch_parameters(const kin_op_call *call)
{
    const kin_shape *shape = &call->inputs[0]->shape;
    if (!is_spatial(call)) return kin_shape_product(shape, 1, shape->rank);
    return shape->rank > 1 ? shape->dims[1] : 1;
}

static bool is_training(const kin_op_call *call)
{
    return kin_node_int(call->node, "training_mode", 0) != 0;
}

static kin_status check_batch_attributes(const kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute since_14[] = {{"epsilon", KIN_ATTRIBUTE_FLOAT},
                                                {"momentum", KIN_ATTRIBUTE_FLOAT},
                                                {"training_mode", KIN_ATTRIBUTE_INT}};
    static const kin_op_attribute until_13[] = {{"epsilon", KIN_ATTRIBUTE_FLOAT},
                                                {"momentum", KIN_ATTRIBUTE_FLOAT},
                                                {"spatial", KIN_ATTRIBUTE_INT},
                                                {"is_test", KIN_ATTRIBUTE_INT}};
    int64_t opset = call->node->opset;
    if (opset >= 14) return kin_op_require_node(call, since_14, 3, error);
    /* is_test until opset 6, spatial until 8. */
    return kin_op_require_node(call, until_13, opset >= 9 ? 2 : opset >= 7 ? 3 : 4, error);
}

static kin_status infer_batch(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = check_batch_attributes(call, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    if (input->shape.rank < 1) return kin_fail(error, KIN_BAD_INPUT, "its input is a scalar");
    int64_t count = batch_parameters(call);
    for (uint32_t i = 1; i < 5; i++) {
        status = check_parameter(call, i, is_spatial(call) ? 1 : 0, count, error);
        if (status != KIN_OK) return status;
    }
    for (uint32_t i = 1; i < call->output_count; i++) {
        if (call->outputs[i] == NULL) continue;
        /* Before opset 14 more than one output is what says that it trains. */
        if (!is_training(call) || i > 2)
            return kin_fail(error, KIN_BAD_INPUT, "it is to train; only inference is supported");
        const kin_tensor *given = call->inputs[2 + i];
        status = kin_op_output(call, i, given->type, &given->shape, error);
        if (status != KIN_OK) return status;
    }
    return kin_op_output(call, 0, input->type, &input->shape, error);
}

static double momentum_mean(const kin_op_call *call, double before, double now)
{
    double momentum = kin_node_float(call->node, "momentum", 0.9f);
    return before * momentum + now * (1 - momentum);
}

/* training_mode: by the batch's own moments, which go into the running ones. */
static void train_batch(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *means = kin_op_result(call, 1), *variances = kin_op_result(call, 2);
    double epsilon = kin_node_float(call->node, "epsilon", 1e-5f);
    kin_sets sets;
    kin_sets_init(&sets, &input->shape, dims_from(&input->shape, 0) & ~2u);
    for (int64_t c = 0; c < sets.count; c++) {
        int64_t first = kin_sets_first(&sets, c);
        moments m = moments_of(input, &sets, first);
        double factor = kin_element(call->inputs[1], c) / sqrt(m.variance + epsilon);
        for (int64_t i = 0; i < sets.length; i++) {
            int64_t at = first + kin_sets_step(&sets, i);
            kin_element_set(call->outputs[0], at,
                            (kin_element(input, at) - m.mean) * factor +
                                kin_element(call->inputs[2], c));
        }
        if (means != NULL)
            kin_element_set(means, c, momentum_mean(call, kin_element(call->inputs[3], c), m.mean));
        if (variances != NULL)
            kin_element_set(variances, c,
                            momentum_mean(call, kin_element(call->inputs[4], c), m.variance));
    }
}

static void run_batch(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    int64_t total = kin_tensor_count(input), parameters = batch_parameters(call);
    double epsilon = kin_node_float(call->node, "epsilon", 1e-5f);
    if (is_training(call)) {
        train_batch(call);
        return;
    }
    /* Elements that lie side by side and have the same parameters. */
    int64_t width = is_spatial(call) ? kin_shape_product(&input->shape, 2, input->shape.rank) : 1;
    for (int64_t row = 0; row * width < total; row++) {
        int64_t p = row % parameters;
        double factor =
            kin_element(call->inputs[1], p) / sqrt(kin_element(call->inputs[4], p) + epsilon);
        double bias = kin_element(call->inputs[2], p), mean = kin_element(call->inputs[3], p);
        for (int64_t i = row * width; i < (row + 1) * width; i++)
            kin_element_set(call->outputs[0], i, (kin_element(input, i) - mean) * factor + bias);
    }
}

/* --- InstanceNormalization ------------------------------------------------------------------- */

static kin_status infer_instance(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {{"epsilon", KIN_ATTRIBUTE_FLOAT}};
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 1, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    if (input->shape.rank < 2)
        return kin_fail(error, KIN_BAD_INPUT, "an input of rank %u has no channels",
                        input->shape.rank);
    for (uint32_t i = 1; status == KIN_OK && i < 3; i++)
        status = check_parameter(call, i, 1, input->shape.dims[1], error);
    return status == KIN_OK ? kin_op_output(call, 0, input->type, &input->shape, error) : status;
}

static void run_instance(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    double epsilon = kin_node_float(call->node, "epsilon", 1e-5f);
    kin_sets sets;
    kin_sets_init(&sets, &input->shape, dims_from(&input->shape, 2));
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i), channel = i % input->shape.dims[1];
        moments m = moments_of(input, &sets, first);
        double factor = kin_element(call->inputs[1], channel) / sqrt(m.variance + epsilon);
        double bias = kin_element(call->inputs[2], channel);
        for (int64_t j = 0; j < sets.length; j++) {
            int64_t at = first + kin_sets_step(&sets, j);
            kin_element_set(call->outputs[0], at,
                            (kin_element(input, at) - m.mean) * factor + bias);
        }
    }
}

/* --- LayerNormalization ---------------------------------------------------------------------- */

static kin_status infer_layer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"axis", KIN_ATTRIBUTE_INT},
        {"epsilon", KIN_ATTRIBUTE_FLOAT},
        {"stash_type", KIN_ATTRIBUTE_INT},
    };
    uint32_t axis;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 3, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    status = kin_op_axis(call, "axis", -1, &input->shape, &axis, error);
    if (status != KIN_OK) return status;
    if (kin_node_int(call->node, "stash_type", KIN_TYPE_FLOAT) != KIN_TYPE_FLOAT)
        return kin_fail(error, KIN_BAD_INPUT, "its 'stash_type' is not float");
    int64_t length = kin_shape_product(&input->shape, axis, input->shape.rank);
    for (uint32_t i = 1; status == KIN_OK && i < 3; i++)
        if (i == 1 || kin_op_input(call, i) != NULL)
            status = check_parameter(call, i, 0, length, error);
    kin_shape kept = input->shape;
    for (uint32_t i = axis; i < kept.rank; i++)
        kept.dims[i] = 1;
    for (uint32_t i = 1; status == KIN_OK && i < 3; i++)
        status = kin_op_output(call, i, KIN_TYPE_FLOAT, &kept, error);
    return status == KIN_OK ? kin_op_output(call, 0, input->type, &input->shape, error) : status;
}

/* Also gives mean and 1 / standard deviation of every set, if asked. */
static void run_layer(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0], *bias = kin_op_input(call, 2);
    kin_tensor *means = kin_op_result(call, 1), *inverses = kin_op_result(call, 2);
    double epsilon = kin_node_float(call->node, "epsilon", 1e-5f);
    kin_sets sets;
    uint32_t axis;
    if (kin_op_axis(call, "axis", -1, &input->shape, &axis, NULL) != KIN_OK) return;
    kin_sets_init(&sets, &input->shape, dims_from(&input->shape, axis));
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i);
        moments m = moments_of(input, &sets, first);
        double inverse = 1 / sqrt(m.variance + epsilon);
        for (int64_t j = 0; j < sets.length; j++) {
            double value = (kin_element(input, first + j) - m.mean) * inverse;
            value *= kin_element(call->inputs[1], j);
            if (bias != NULL) value += kin_element(bias, j);
            kin_element_set(call->outputs[0], first + j, value);
        }
        if (means != NULL) kin_element_set(means, i, m.mean);
        if (inverses != NULL) kin_element_set(inverses, i, inverse);
    }
}

/* --- MeanVarianceNormalization --------------------------------------------------------------- */

static kin_status read_mean_variance_axes(const kin_op_call *call, uint32_t *chosen,
                                          kin_error *error)
{
    kin_ints axes;
    kin_status status = kin_ints_of_attribute(call, "axes", &axes, error);
    if (status != KIN_OK) return status;
    if (!axes.given) {
        axes.count = 3;
        axes.values[0] = 0;
        axes.values[1] = 2;
        axes.values[2] = 3;
    }
    return kin_op_axes(&axes, &call->inputs[0]->shape, chosen, error);
}

static kin_status infer_mean_variance(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {{"axes", KIN_ATTRIBUTE_INTS}};
    uint32_t chosen;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, 1, error);
    if (status == KIN_OK) status = read_mean_variance_axes(call, &chosen, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &call->inputs[0]->shape, error);
}

static void run_mean_variance(const kin_op_call *call)
{
    const kin_tensor *input = call->inputs[0];
    kin_sets sets;
    uint32_t chosen;
    if (read_mean_variance_axes(call, &chosen, NULL) != KIN_OK) return;
    kin_sets_init(&sets, &input->shape, chosen);
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i);
        moments m = moments_of(input, &sets, first);
        double deviation = sqrt(m.variance) + 1e-9; /* as ONNX defines it */
        for (int64_t j = 0; j < sets.length; j++) {
            int64_t at = first + kin_sets_step(&sets, j);
            kin_element_set(call->outputs[0], at, (kin_element(input, at) - m.mean) / deviation);
        }
    }
}

const kin_op kin_normalize_moments_ops[] = {
    {"BatchNormalization", 5, 5, 5, infer_batch, run_batch},
    {"InstanceNormalization", 3, 3, 1, infer_instance, run_instance},
    {"LayerNormalization", 2, 3, 3, infer_layer, run_layer},
    {"MeanVarianceNormalization", 1, 1, 1, infer_mean_variance, run_mean_variance},
    {.name = NULL},
};
