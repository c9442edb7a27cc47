/* Any bytes as a network that is made ready and run, by the plain loops and by the fast engine:
 * what a model says may be refused, and else stays within its memory. Models whose numbers are
 * large are passed over: they only take long. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "worker/encode/fast_ops.h"
#include "worker/encode/network.h"
#include "worker/encode/onnx_file.h"

#define LARGEST 12
#define ELEMENTS_MAX 20000
#define WORK_MAX 1e7
#define MEMORY_MAX ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool small_tensor(const kin_tensor *tensor)
{
    if (tensor->data == NULL) return true;
    if (kin_tensor_count(tensor) > ELEMENTS_MAX) return false;
    if (tensor->type != KIN_TYPE_INT64 && tensor->type != KIN_TYPE_INT32) return true;
    for (int64_t i = 0; i < kin_tensor_count(tensor); i++) {
        double value = kin_tensor_get(tensor, i);
        if (value > LARGEST && value < 1e9) return false;
    }
    return true;
}

static bool small_attribute(const kin_attribute *attribute)
{
    for (uint32_t i = 0; attribute->kind == KIN_ATTRIBUTE_INTS && i < attribute->count; i++)
        if (attribute->ints[i] > LARGEST && attribute->ints[i] < 1000000000) return false;
    return attribute->kind != KIN_ATTRIBUTE_TENSOR || small_tensor(&attribute->tensor);
}

/* Whether all numbers that could be sizes are small, or far beyond any limit. Inputs that are left
 * open get a size. */
static bool is_small(kin_graph *graph)
{
    for (uint32_t n = 0; n < graph->node_count; n++)
        for (uint32_t a = 0; a < graph->nodes[n].attribute_count; a++)
            if (!small_attribute(&graph->nodes[n].attributes[a])) return false;
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (!small_tensor(&graph->values[i].tensor)) return false;
    for (uint32_t i = 0; i < graph->input_count; i++) {
        kin_shape *shape = &graph->values[graph->inputs[i]].tensor.shape;
        for (uint32_t d = 0; d < shape->rank; d++) {
            if (shape->dims[d] < 0) shape->dims[d] = 3;
            if (shape->dims[d] > 4 * LARGEST) return false;
        }
        if (kin_shape_valid(shape) && kin_shape_count(shape) > ELEMENTS_MAX) return false;
    }
    return graph->node_count <= 64;
}

static double work_of(const kin_graph *graph)
{
    double work = 0;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->removed || node->output_count == 0 || node->outputs[0] == KIN_VALUE_NONE)
            continue;
        work += (double)kin_shape_count(&graph->values[node->outputs[0]].tensor.shape) *
                (double)(1 + kin_fast_depth(graph, node));
    }
    return work;
}

static void run(kin_network *network)
{
    for (uint32_t i = 0; i < kin_network_input_count(network); i++) {
        kin_tensor *input = kin_network_input(network, i);
        for (int64_t e = 0; e < kin_tensor_count(input); e++)
            kin_tensor_set(input, e, (double)((e * 7) % 5) - 1);
    }
    kin_network_run(network);
    for (uint32_t i = 0; i < kin_network_output_count(network); i++) {
        const kin_tensor *output = kin_network_output(network, i);
        for (int64_t e = 0; e < kin_tensor_count(output); e++)
            (void)kin_tensor_get(output, e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 << 16) return 0;
    for (int reference = 0; reference < 2; reference++) {
        kin_graph *graph = NULL;
        kin_network *network = NULL;
        kin_error error = {0};
        kin_network_options options = {.reference = reference != 0};
        if (kin_onnx_parse(&graph, data, size, NULL, "input", &error) != KIN_OK) return 0;
        if (!is_small(graph)) {
            kin_graph_destroy(&graph);
            return 0;
        }
        if (kin_network_open(&network, &graph, &options, &error) != KIN_OK) {
            KIN_CHECK(network == NULL && graph == NULL && error.text[0] != 0);
            continue;
        }
        if (kin_network_activation_bytes(network) < MEMORY_MAX &&
            work_of(kin_network_graph(network)) < WORK_MAX)
            run(network);
        kin_network_close(&network);
    }
    return 0;
}
