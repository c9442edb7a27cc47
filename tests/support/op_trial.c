#include "tests/support/op_trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "tests/support/test.h"

void op_trial_init(op_trial *trial, const char *op, int64_t opset)
{
    *trial = (op_trial){.op = kin_op_find(op), .output_count = 1};
    assert_non_null(trial->op);
    trial->graph = kin_graph_new();
    trial->graph->opset = opset;
    trial->node = kin_graph_add_node(trial->graph, op, "");
}

void op_trial_fini(op_trial *trial)
{
    for (uint32_t i = 0; i < OP_TRIAL_INPUTS_MAX; i++)
        free(trial->inputs[i].data);
    for (uint32_t i = 0; i < OP_TRIAL_OUTPUTS_MAX; i++)
        free(trial->outputs[i].data);
    kin_graph_destroy(&trial->graph);
}

void op_trial_int(op_trial *trial, const char *name, int64_t value)
{
    kin_node_add_attribute(trial->node, name, KIN_ATTRIBUTE_INT)->i = value;
}

void op_trial_float(op_trial *trial, const char *name, float value)
{
    kin_node_add_attribute(trial->node, name, KIN_ATTRIBUTE_FLOAT)->f = value;
}

void op_trial_string(op_trial *trial, const char *name, const char *value)
{
    kin_node_add_attribute(trial->node, name, KIN_ATTRIBUTE_STRING)->s = kin_strdup(value);
}

kin_tensor *op_trial_input(op_trial *trial, kin_type type, kin_shape shape, const double *values)
{
    assert_true(trial->input_count < OP_TRIAL_INPUTS_MAX);
    kin_tensor *input = &trial->inputs[trial->input_count++];
    *input = (kin_tensor){.type = type, .shape = shape};
    input->data = kin_calloc(kin_tensor_bytes(input), 1);
    for (int64_t i = 0; values != NULL && i < kin_tensor_count(input); i++)
        kin_tensor_set(input, i, values[i]);
    return input;
}

void op_trial_no_input(op_trial *trial)
{
    assert_true(trial->input_count < OP_TRIAL_INPUTS_MAX);
    trial->input_count++;
}

kin_status op_trial_run(op_trial *trial, uint32_t constants)
{
    const kin_tensor *inputs[OP_TRIAL_INPUTS_MAX] = {NULL};
    kin_tensor *outputs[OP_TRIAL_OUTPUTS_MAX], unknown[OP_TRIAL_INPUTS_MAX];
    kin_op_call call = {.node = trial->node,
                        .input_count = trial->input_count,
                        .output_count = trial->output_count,
                        .inputs = inputs,
                        .outputs = outputs};
    for (uint32_t i = 0; i < trial->input_count; i++) {
        unknown[i] = trial->inputs[i];
        if ((constants >> i & 1) == 0) unknown[i].data = NULL;
        if (unknown[i].type != KIN_TYPE_NONE) inputs[i] = &unknown[i];
    }
    for (uint32_t i = 0; i < OP_TRIAL_OUTPUTS_MAX; i++) {
        free(trial->outputs[i].data);
        trial->outputs[i] = (kin_tensor){.type = KIN_TYPE_NONE};
        outputs[i] = &trial->outputs[i];
    }
    kin_status status = trial->op->infer(&call, &trial->error);
    if (status != KIN_OK) return status;
    for (uint32_t i = 0; i < trial->input_count; i++)
        unknown[i].data = trial->inputs[i].data;
    for (uint32_t i = 0; i < trial->output_count; i++) {
        size_t bytes = kin_tensor_bytes(outputs[i]);
        outputs[i]->data = kin_malloc(bytes);
        memset(outputs[i]->data, 0xa5, bytes); /* for what run forgets */
    }
    if (call.scratch_bytes > 0) call.scratch = kin_malloc(call.scratch_bytes);
    trial->op->run(&call);
    free(call.scratch);
    return KIN_OK;
}

void op_trial_expect(op_trial *trial, uint32_t i, kin_type type, kin_shape shape,
                     const double *values, double tolerance)
{
    const kin_tensor *output = &trial->outputs[i];
    char made[KIN_SHAPE_TEXT_BYTES], expected[KIN_SHAPE_TEXT_BYTES];
    if (output->data == NULL && op_trial_run(trial, 0) != KIN_OK)
        fail_msg("%s: %s", trial->op->name, trial->error.text);
    if (output->type != type || !kin_shape_equal(&output->shape, &shape))
        fail_msg("%s: %s %s, not %s %s", trial->op->name, kin_type_name(output->type),
                 kin_shape_text(&output->shape, made), kin_type_name(type),
                 kin_shape_text(&shape, expected));
    for (int64_t e = 0; e < kin_tensor_count(output); e++) {
        double value = kin_tensor_get(output, e);
        if (value != values[e] && !(fabs(value - values[e]) <= tolerance) &&
            !(isnan(value) && isnan(values[e])))
            fail_msg("%s: element %lld is %.17g, not %.17g", trial->op->name, (long long)e, value,
                     values[e]);
    }
}

void op_trial_refused(op_trial *trial, const char *words)
{
    kin_status status = op_trial_run(trial, 0);
    if (status == KIN_OK) fail_msg("%s was not refused (%s)", trial->op->name, words);
    if (strstr(trial->error.text, words) == NULL)
        fail_msg("%s: '%s' does not say '%s'", trial->op->name, trial->error.text, words);
}

kin_shape op_trial_shape(const int *dims, uint32_t rank)
{
    kin_shape shape = {.rank = rank};
    for (uint32_t d = 0; d < rank; d++)
        shape.dims[d] = dims[d];
    return shape;
}
