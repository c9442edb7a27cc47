#include "tests/support/plain_network.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/op.h"

#define ALIGNMENT 64

/* A value while the graph runs. */
typedef struct cell {
    kin_tensor tensor;
    bool known;    /* follows from constants and shapes: infer may see its data */
    bool owned;    /* tensor.data is ours */
    uint32_t uses; /* nodes still to come that take it, and one if it is wanted */
} cell;

typedef struct plain {
    const kin_graph *graph;
    cell *cells; /* [graph->value_count] */
} plain;

static void *aligned_data(size_t bytes)
{
    void *data = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT);
    if (data == NULL) abort();
    return data;
}

static void release(cell *used)
{
    if (used->uses > 0 && --used->uses > 0) return;
    if (used->owned) free(used->tensor.data);
    used->owned = false;
    used->tensor.data = NULL;
}

static kin_status start(plain *run, const kin_tensor *inputs, kin_error *error)
{
    const kin_graph *graph = run->graph;
    run->cells = kin_calloc(graph->value_count, sizeof *run->cells);
    for (uint32_t i = 0; i < graph->value_count; i++) {
        run->cells[i].tensor = graph->values[i].tensor;
        run->cells[i].known = graph->values[i].tensor.data != NULL;
    }
    for (uint32_t n = 0; n < graph->node_count; n++)
        for (uint32_t i = 0; i < graph->nodes[n].input_count; i++)
            if (graph->nodes[n].inputs[i] != KIN_VALUE_NONE)
                run->cells[graph->nodes[n].inputs[i]].uses++;
    for (uint32_t i = 0; i < graph->input_count; i++) {
        cell *input = &run->cells[graph->inputs[i]];
        if (input->tensor.type != KIN_TYPE_NONE && input->tensor.type != inputs[i].type)
            return kin_fail(error, KIN_BAD_INPUT, "input '%s' is of type %s, given is %s",
                            graph->values[graph->inputs[i]].name, kin_type_name(input->tensor.type),
                            kin_type_name(inputs[i].type));
        input->tensor = inputs[i];
        input->known = false;
    }
    return KIN_OK;
}

static const kin_op *look_up(const kin_node *node, kin_error *error)
{
    const kin_op *op = NULL;
    if (strcmp(node->domain, "") == 0 || strcmp(node->domain, "ai.onnx") == 0)
        op = kin_op_find(node->op);
    if (op == NULL)
        (void)kin_fail(error, KIN_BAD_INPUT, "there is no such operator");
    else if (node->input_count < op->inputs_min || node->input_count > op->inputs_max ||
             node->output_count > op->outputs_max) {
        (void)kin_fail(error, KIN_BAD_INPUT, "it does not take %u inputs, or give %u outputs",
                       node->input_count, node->output_count);
        op = NULL;
    }
    return op;
}

/* What infer may see: data of what is known only. *all: whether everything is. */
static kin_status hide(const plain *run, const kin_node *node, kin_tensor *seen,
                       const kin_tensor **inputs, bool *all, kin_error *error)
{
    *all = true;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == KIN_VALUE_NONE) continue;
        const cell *given = &run->cells[node->inputs[i]];
        if (given->tensor.type == KIN_TYPE_NONE || given->tensor.data == NULL)
            return kin_fail(error, KIN_BAD_INPUT, "nothing makes its input %u", i);
        seen[i] = given->tensor;
        if (!given->known) seen[i].data = NULL;
        *all = *all && (given->known || kin_tensor_count(&given->tensor) == 0);
        inputs[i] = &seen[i];
    }
    return KIN_OK;
}

static kin_status infer(const kin_op *op, kin_op_call *call, kin_error *error)
{
    kin_status status = op->infer(call, error);
    for (uint32_t i = 0; status == KIN_OK && i < call->output_count; i++) {
        const kin_tensor *output = call->outputs[i];
        if (output != NULL &&
            (kin_type_bytes(output->type) == 0 || !kin_shape_valid(&output->shape)))
            status = kin_fail(error, KIN_BAD_INPUT, "infer did not say what output %u is", i);
    }
    return status;
}

static kin_status run_node(plain *run, const kin_node *node, kin_error *error)
{
    const kin_op *op = look_up(node, error);
    if (op == NULL) return KIN_BAD_INPUT;
    kin_tensor *seen = kin_calloc(node->input_count, sizeof *seen);
    kin_op_call call = {.node = node, .input_count = node->input_count};
    call.output_count = node->output_count;
    call.inputs = kin_calloc(node->input_count, sizeof *call.inputs);
    call.outputs = kin_calloc(node->output_count, sizeof *call.outputs);
    bool known;
    kin_status status = hide(run, node, seen, call.inputs, &known, error);
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != KIN_VALUE_NONE) {
            call.outputs[i] = &run->cells[node->outputs[i]].tensor;
            *call.outputs[i] = (kin_tensor){0}; /* what the model says of it is not trusted */
        }
    if (status == KIN_OK) status = infer(op, &call, error);
    if (status == KIN_OK) {
        for (uint32_t i = 0; i < node->input_count; i++)
            if (call.inputs[i] != NULL) call.inputs[i] = &run->cells[node->inputs[i]].tensor;
        for (uint32_t i = 0; i < node->output_count; i++) {
            if (call.outputs[i] == NULL) continue;
            cell *made = &run->cells[node->outputs[i]];
            made->tensor.data = aligned_data(kin_tensor_bytes(&made->tensor));
            made->owned = true;
            made->known = known || strcmp(node->op, "Shape") == 0 || strcmp(node->op, "Size") == 0;
        }
        call.scratch = aligned_data(call.scratch_bytes);
        op->run(&call);
        free(call.scratch);
        for (uint32_t i = 0; i < node->output_count; i++)
            if (call.outputs[i] != NULL && run->cells[node->outputs[i]].uses == 0)
                release(&run->cells[node->outputs[i]]);
        for (uint32_t i = 0; i < node->input_count; i++)
            if (call.inputs[i] != NULL) release(&run->cells[node->inputs[i]]);
    }
    free(call.inputs);
    free(call.outputs);
    free(seen);
    return status;
}

static kin_status take(plain *run, uint32_t value, kin_tensor *output, kin_error *error)
{
    const kin_tensor *made = &run->cells[value].tensor;
    *output = *made;
    output->data = NULL;
    if (made->data == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "nothing makes '%s'", run->graph->values[value].name);
    size_t bytes = kin_tensor_bytes(made);
    output->data = aligned_data(bytes);
    if (bytes > 0) memcpy(output->data, made->data, bytes);
    return KIN_OK;
}

kin_status plain_network_run(const kin_graph *graph, const kin_tensor *inputs,
                             const char *const *names, uint32_t count, kin_tensor *outputs,
                             kin_error *error)
{
    plain run = {.graph = graph};
    uint32_t *wanted = kin_calloc(count, sizeof *wanted);
    memset(outputs, 0, count * sizeof *outputs);
    kin_status status = start(&run, inputs, error);
    for (uint32_t i = 0; status == KIN_OK && i < count; i++) {
        wanted[i] = kin_graph_find(graph, names[i]);
        if (wanted[i] == KIN_VALUE_NONE)
            status = kin_fail(error, KIN_BAD_INPUT, "the model has no tensor '%s'", names[i]);
        else
            run.cells[wanted[i]].uses++;
    }
    for (uint32_t n = 0; status == KIN_OK && n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        kin_error why = {0};
        if (node->removed || (status = run_node(&run, node, &why)) == KIN_OK) continue;
        (void)kin_fail(error, status, "node '%s' (%s): %s", node->name, node->op, why.text);
    }
    for (uint32_t i = 0; status == KIN_OK && i < count; i++)
        status = take(&run, wanted[i], &outputs[i], error);
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (run.cells[i].owned) free(run.cells[i].tensor.data);
    free(run.cells);
    free(wanted);
    return status;
}
