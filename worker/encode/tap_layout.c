#include "worker/encode/tap_layout.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

static bool is_one_of(const char *op, const char *const *ops)
{
    while (*ops != NULL && strcmp(op, *ops) != 0)
        ops++;
    return *ops != NULL;
}

/* What an operator says of its result, whatever it takes. */
static kin_tap_layout said_by(const kin_graph *graph, const kin_node *node)
{
    static const char *const maps[] = {"Conv",
                                       "ConvTranspose",
                                       "MaxPool",
                                       "AveragePool",
                                       "LpPool",
                                       "GlobalMaxPool",
                                       "GlobalLpPool",
                                       "GlobalAveragePool",
                                       "InstanceNormalization",
                                       "LRN",
                                       "DepthToSpace",
                                       "SpaceToDepth",
                                       "BatchNormalization",
                                       NULL};
    static const char *const rows[] = {"Gemm", "LayerNormalization", NULL};
    if (is_one_of(node->op, maps)) return KIN_TAP_CHANNELS_SECOND;
    if (is_one_of(node->op, rows)) return KIN_TAP_CHANNELS_LAST;
    if (strcmp(node->op, "MatMul") != 0 || node->input_count < 2) return KIN_TAP_UNKNOWN;
    if (node->inputs[1] == KIN_VALUE_NONE) return KIN_TAP_UNKNOWN;
    const kin_tensor *weights = &graph->values[node->inputs[1]].tensor;
    bool learned = weights->data != NULL && weights->shape.rank == 2;
    return learned ? KIN_TAP_CHANNELS_LAST : KIN_TAP_UNKNOWN;
}

/* Of a transposed tensor: the channels go with their dimension. */
static kin_tap_layout turned(const kin_node *node, kin_tap_layout from)
{
    const kin_attribute *perm = kin_node_attribute(node, "perm", KIN_ATTRIBUTE_INTS);
    if (perm == NULL || perm->count < 3 || from == KIN_TAP_UNKNOWN) return KIN_TAP_UNKNOWN;
    int64_t last = (int64_t)perm->count - 1;
    int64_t channels = from == KIN_TAP_CHANNELS_SECOND ? 1 : last;
    if (perm->ints[1] == channels) return KIN_TAP_CHANNELS_SECOND;
    return perm->ints[last] == channels ? KIN_TAP_CHANNELS_LAST : KIN_TAP_UNKNOWN;
}

/* Operators whose result lies as what they take does. */
static bool keeps_layout(const char *op)
{
    static const char *const ops[] = {
        "Add",       "Sub",         "Mul",      "Div",  "Pow",       "Sqrt",       "Max",
        "Min",       "Relu",        "Clip",     "Tanh", "Sigmoid",   "Erf",        "Exp",
        "HardSwish", "HardSigmoid", "PRelu",    "Elu",  "LeakyRelu", "Softplus",   "Selu",
        "Identity",  "Dropout",     "Cast",     "Pad",  "Resize",    "Concat",     "Sum",
        "Slice",     "Where",       "Upsample", "Neg",  "Abs",       "ReduceMean", NULL};
    return is_one_of(op, ops);
}

static kin_tap_layout of_input(const kin_shape *shape)
{
    if (shape->rank != 4) return KIN_TAP_UNKNOWN;
    bool last = shape->dims[1] != 3 && shape->dims[3] == 3;
    return last ? KIN_TAP_CHANNELS_LAST : KIN_TAP_CHANNELS_SECOND;
}

static kin_tap_layout of_result(const kin_graph *graph, const kin_node *node,
                                const kin_tap_layout *layouts)
{
    kin_tap_layout found = said_by(graph, node);
    if (found != KIN_TAP_UNKNOWN) return found;
    bool turns = strcmp(node->op, "Transpose") == 0;
    if (!turns && !keeps_layout(node->op)) return found;
    for (uint32_t i = 0; i < node->input_count && found == KIN_TAP_UNKNOWN; i++)
        if (node->inputs[i] != KIN_VALUE_NONE) found = layouts[node->inputs[i]];
    return turns ? turned(node, found) : found;
}

kin_tap_layout kin_tap_layout_of(const kin_graph *graph, uint32_t value)
{
    kin_tap_layout *layouts = kin_calloc(graph->value_count, sizeof *layouts);
    for (uint32_t i = 0; i < graph->input_count; i++)
        layouts[graph->inputs[i]] = of_input(&graph->values[graph->inputs[i]].tensor.shape);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        kin_tap_layout result = of_result(graph, node, layouts);
        for (uint32_t i = 0; i < node->output_count; i++)
            if (node->outputs[i] != KIN_VALUE_NONE) layouts[node->outputs[i]] = result;
    }
    kin_tap_layout found = layouts[value];
    free(layouts);
    return found;
}
