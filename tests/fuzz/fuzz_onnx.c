/* Any bytes as a model and as a tensor; of what is accepted every reference is in bounds, every
 * name is found again and every element can be read. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "worker/encode/onnx_embed.h"
#include "worker/encode/onnx_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads all elements, for the sanitizer to see. */
static void read_elements(const kin_tensor *tensor)
{
    const volatile uint8_t *bytes = tensor->data;
    KIN_CHECK(bytes != NULL && kin_shape_valid(&tensor->shape));
    KIN_CHECK(kin_type_bytes(tensor->type) > 0);
    for (size_t i = 0; i < kin_tensor_bytes(tensor); i++) {
        uint8_t byte = bytes[i];
        KIN_CHECK(tensor->type != KIN_TYPE_BOOL || byte <= 1);
    }
}

static void check_node(const kin_graph *graph, uint32_t index)
{
    const kin_node *node = &graph->nodes[index];
    KIN_CHECK(node->op[0] != 0 && node->input_count <= KIN_NODE_INPUTS_MAX);
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == KIN_VALUE_NONE) continue;
        KIN_CHECK(node->inputs[i] < graph->value_count);
        const kin_value *value = &graph->values[node->inputs[i]];
        if (value->producer != KIN_VALUE_NONE)
            KIN_CHECK(value->producer < index);
        else
            KIN_CHECK(value->is_input || value->tensor.data != NULL);
    }
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != KIN_VALUE_NONE)
            KIN_CHECK(graph->values[node->outputs[i]].producer == index);
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        const kin_attribute *attribute = &node->attributes[i];
        if (attribute->kind == KIN_ATTRIBUTE_TENSOR) read_elements(&attribute->tensor);
        for (uint32_t j = 0; attribute->kind == KIN_ATTRIBUTE_STRINGS && j < attribute->count; j++)
            KIN_CHECK(strlen(attribute->strings[j]) < SIZE_MAX);
    }
}

static void check_graph(const kin_graph *graph)
{
    KIN_CHECK(graph->opset >= KIN_ONNX_OPSET_MIN && graph->opset <= KIN_ONNX_OPSET_MAX);
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const kin_value *value = &graph->values[i];
        KIN_CHECK(kin_graph_find(graph, value->name) == i);
        if (value->tensor.data != NULL) read_elements(&value->tensor);
        for (uint32_t d = 0; value->is_input && d < value->tensor.shape.rank; d++)
            KIN_CHECK(value->tensor.shape.dims[d] >= -1);
    }
    for (uint32_t i = 0; i < graph->node_count; i++)
        check_node(graph, i);
    KIN_CHECK(graph->output_count > 0);
}

/* Nothing can be taken in where nothing is: what comes out is the model as it was, or an error. */
static void embed(const uint8_t *data, size_t size)
{
    kin_buffer model = {0};
    kin_error error = {0};
    kin_buffer_append(&model, data, size);
    if (kin_onnx_embed(&model, "/no/such/folder", "input", &error) == KIN_OK)
        KIN_CHECK(model.bytes == size && (size == 0 || memcmp(model.data, data, size) == 0));
    else
        KIN_CHECK(error.text[0] != 0);
    kin_buffer_fini(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_graph *graph;
    kin_tensor tensor;
    kin_error error = {0};
    if (kin_onnx_parse(&graph, data, size, "/no/such/folder", "input", &error) == KIN_OK)
        check_graph(graph);
    else
        KIN_CHECK(graph == NULL && error.text[0] != 0);
    kin_graph_destroy(&graph);
    error.text[0] = 0;
    if (kin_onnx_tensor_parse(&tensor, data, size, "input", &error) == KIN_OK)
        read_elements(&tensor);
    else
        KIN_CHECK(tensor.data == NULL && error.text[0] != 0);
    free(tensor.data);
    embed(data, size);
    return 0;
}
