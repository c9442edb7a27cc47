#include "worker/encode/infer.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/fast_ops.h"

#define ALIGNMENT 64

kin_op_call kin_call_of(const kin_node *node, kin_tensor *const *tensors)
{
    kin_op_call call = {
        .node = node, .input_count = node->input_count, .output_count = node->output_count};
    call.inputs = kin_calloc(node->input_count, sizeof *call.inputs);
    call.outputs = kin_calloc(node->output_count, sizeof *call.outputs);
    for (uint32_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] != KIN_VALUE_NONE) call.inputs[i] = tensors[node->inputs[i]];
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != KIN_VALUE_NONE) call.outputs[i] = tensors[node->outputs[i]];
    return call;
}

void kin_call_fini(kin_op_call *call)
{
    free(call->inputs);
    free(call->outputs);
}

static kin_status refuse(const kin_node *node, const kin_error *why, kin_error *error)
{
    return kin_fail(error, why->status, "node '%s' (%s): %s", node->name, node->op, why->text);
}

static kin_status look_up(kin_node *node, kin_error *error)
{
    kin_error why;
    if (strcmp(node->domain, "") != 0 && strcmp(node->domain, "ai.onnx") != 0) {
        (void)kin_fail(&why, KIN_BAD_INPUT, "operators of the domain '%.100s' are not supported",
                       node->domain);
        return refuse(node, &why, error);
    }
    const kin_op *op = kin_op_find(node->op);
    node->implementation = op;
    if (op == NULL)
        (void)kin_fail(&why, KIN_BAD_INPUT, "this operator is not supported");
    else if (node->input_count < op->inputs_min || node->input_count > op->inputs_max)
        (void)kin_fail(&why, KIN_BAD_INPUT, "it has %u inputs; it takes %u to %u",
                       node->input_count, op->inputs_min, op->inputs_max);
    else if (node->output_count > op->outputs_max)
        (void)kin_fail(&why, KIN_BAD_INPUT, "it has %u outputs; %u are supported",
                       node->output_count, op->outputs_max);
    else
        return KIN_OK;
    return refuse(node, &why, error);
}

static bool is_op(const kin_node *node, const char *op)
{
    return strcmp(node->op, op) == 0;
}

/* Whether a node's result is known before any picture is. Shape and Size know it from shapes. */
static bool is_foldable(const kin_graph *graph, const kin_node *node)
{
    if (is_op(node, "Shape") || is_op(node, "Size")) return true;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == KIN_VALUE_NONE) continue;
        const kin_tensor *tensor = &graph->values[node->inputs[i]].tensor;
        if (tensor->data == NULL && kin_tensor_count(tensor) > 0) return false;
    }
    return true;
}

/* Multiplications and additions for all that is folded from one node: a second or so. */
#define FOLDED_WORK_MAX 1e10

static kin_status fold(kin_graph *graph, kin_node *node, kin_op_call *call, size_t *folded,
                       kin_error *error)
{
    for (uint32_t i = 0; i < call->output_count; i++)
        if (call->outputs[i] != NULL) *folded += kin_tensor_bytes(call->outputs[i]);
    *folded += call->scratch_bytes;
    if (*folded > KIN_FOLDED_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "constants of more than %zu MB come of the model's own",
                        KIN_FOLDED_BYTES_MAX >> 20);
    if (call->output_count > 0 && call->outputs[0] != NULL &&
        (double)kin_tensor_count(call->outputs[0]) * (double)kin_fast_depth(graph, node) >
            FOLDED_WORK_MAX)
        return kin_fail(error, KIN_LIMIT,
                        "too much is to be computed of the model's own constants");
    for (uint32_t i = 0; i < call->output_count; i++)
        if (call->outputs[i] != NULL)
            call->outputs[i]->data = kin_calloc(kin_tensor_bytes(call->outputs[i]) + 1, 1);
    size_t scratch = (call->scratch_bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    call->scratch = aligned_alloc(ALIGNMENT, scratch);
    if (call->scratch == NULL) return kin_fail(error, KIN_LIMIT, "no memory for its constants");
    node->implementation->run(call);
    free(call->scratch);
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != KIN_VALUE_NONE)
            graph->values[node->outputs[i]].producer = KIN_VALUE_NONE;
    node->removed = true;
    return KIN_OK;
}

static kin_status infer_node(kin_graph *graph, kin_node *node, kin_tensor *const *tensors,
                             size_t *folded, kin_error *error)
{
    kin_error why = {0};
    kin_status status = look_up(node, error);
    if (status != KIN_OK) return status;
    kin_op_call call = kin_call_of(node, tensors);
    status = node->implementation->infer(&call, &why);
    for (uint32_t i = 0; status == KIN_OK && i < call.output_count; i++)
        if (call.outputs[i] != NULL && call.outputs[i]->type == KIN_TYPE_NONE)
            status = kin_fail(&why, KIN_BAD_INPUT, "its output %u is not supported", i);
    if (status == KIN_OK && is_foldable(graph, node))
        status = fold(graph, node, &call, folded, &why);
    kin_call_fini(&call);
    return status == KIN_OK ? KIN_OK : refuse(node, &why, error);
}

/* Whoever takes the output takes the input instead; outputs of the model keep their names. */
static void hand_on(kin_graph *graph, kin_node *node, uint32_t *instead)
{
    uint32_t output = node->outputs[0];
    if (output == KIN_VALUE_NONE || graph->values[output].is_output) return;
    for (uint32_t i = 1; i < node->output_count; i++)
        if (node->outputs[i] != KIN_VALUE_NONE) return; /* a mask that somebody may want */
    instead[output] = node->inputs[0];
    node->removed = true;
}

kin_status kin_graph_infer(kin_graph *graph, kin_error *error)
{
    size_t folded = 0;
    kin_status status = KIN_OK;
    kin_tensor **tensors = kin_calloc(graph->value_count, sizeof *tensors);
    uint32_t *instead = kin_calloc(graph->value_count, sizeof *instead);
    for (uint32_t i = 0; i < graph->value_count; i++) {
        tensors[i] = &graph->values[i].tensor;
        instead[i] = i;
    }
    for (uint32_t n = 0; status == KIN_OK && n < graph->node_count; n++) {
        kin_node *node = &graph->nodes[n];
        if (node->removed) continue;
        for (uint32_t i = 0; i < node->input_count; i++)
            if (node->inputs[i] != KIN_VALUE_NONE) node->inputs[i] = instead[node->inputs[i]];
        status = infer_node(graph, node, tensors, &folded, error);
        if (status == KIN_OK && !node->removed && node->output_count > 0 &&
            (is_op(node, "Identity") || is_op(node, "Dropout")))
            hand_on(graph, node, instead);
    }
    free(instead);
    free(tensors);
    return status;
}

static bool becomes_float(kin_type type)
{
    return type == KIN_TYPE_FLOAT16 || type == KIN_TYPE_BFLOAT16 || type == KIN_TYPE_DOUBLE;
}

static void to_float(kin_tensor *tensor)
{
    if (!becomes_float(tensor->type)) return;
    kin_tensor made = {.type = KIN_TYPE_FLOAT, .shape = tensor->shape};
    if (tensor->data != NULL) {
        int64_t count = kin_tensor_count(tensor);
        float *values = kin_malloc((size_t)count * sizeof *values);
        for (int64_t i = 0; i < count; i++)
            values[i] = (float)kin_tensor_get(tensor, i);
        free(tensor->data);
        made.data = values;
    }
    *tensor = made;
}

void kin_graph_floats(kin_graph *graph)
{
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (!graph->values[i].borrowed) to_float(&graph->values[i].tensor);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        kin_node *node = &graph->nodes[n];
        for (uint32_t a = 0; a < node->attribute_count; a++) {
            kin_attribute *attribute = &node->attributes[a];
            if (attribute->kind == KIN_ATTRIBUTE_TENSOR) to_float(&attribute->tensor);
            if (attribute->kind == KIN_ATTRIBUTE_INT && is_op(node, "Cast") &&
                strcmp(attribute->name, "to") == 0 && becomes_float((kin_type)attribute->i))
                attribute->i = KIN_TYPE_FLOAT;
        }
    }
}
