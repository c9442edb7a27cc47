#include "worker/index/model_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/encode/fast_ops.h"
#include "worker/encode/fuse.h"
#include "worker/encode/infer.h"
#include "worker/encode/onnx_file.h"
#include "worker/encode/picture_network.h"
#include "worker/index/models.h"

/* Settings say what the sides are; the model may know better. */
static kin_status check_sides(const kin_shape *own, const kin_network_spec *spec, bool last,
                              const char *path, kin_error *error)
{
    char text[KIN_SHAPE_TEXT_BYTES];
    int64_t height = own->dims[last ? 1 : 2], width = own->dims[last ? 2 : 3];
    if ((height < 0 || height == spec->height) && (width < 0 || width == spec->width))
        return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT,
                    "--set has pictures of %u x %u, and the input of %s is %s",
                    (unsigned)spec->width, (unsigned)spec->height, path, kin_shape_text(own, text));
}

kin_status kin_model_listing_guess(const kin_graph *graph, const char *path,
                                   const kin_option_list *settings, kin_shape *shape,
                                   uint32_t *count, kin_error *error)
{
    bool assumed;
    kin_network_spec spec;
    if (graph->input_count == 0) return KIN_OK;
    const kin_shape *own = &graph->values[graph->inputs[0]].tensor.shape;
    bool open = false;
    for (uint32_t i = 1; i < own->rank; i++)
        open = open || own->dims[i] < 0;
    if ((!open || own->rank != 4) && (settings == NULL || settings->count == 0)) return KIN_OK;
    kin_status status = kin_model_spec(&spec, path, NULL, settings, &assumed, error);
    if (status != KIN_OK || own->rank != 4) return status;
    bool channels_last = own->dims[3] == 3 && own->dims[1] != 3;
    if (settings != NULL && settings->count > 0)
        status = check_sides(own, &spec, channels_last, path, error);
    if (status != KIN_OK || !open) return status;
    *shape = *own;
    const int64_t first[4] = {1, 3, spec.height, spec.width};
    const int64_t last[4] = {1, spec.height, spec.width, 3};
    for (uint32_t i = 0; i < 4; i++)
        if (shape->dims[i] < 0) shape->dims[i] = channels_last ? last[i] : first[i];
    *count = 1;
    return KIN_OK;
}

/* The graph once more, with its shapes; NULL where they cannot be told, which opening says. */
static kin_graph *infer_again(const char *path, const kin_shape *shape)
{
    kin_graph *graph = NULL;
    kin_error error;
    if (kin_onnx_open(&graph, path, &error) != KIN_OK) return NULL;
    for (uint32_t i = 0; i < graph->input_count; i++) {
        kin_shape *own = &graph->values[graph->inputs[i]].tensor.shape;
        if (i == 0 && shape->rank > 0) *own = *shape;
        if (own->rank > 0 && own->dims[0] < 0) own->dims[0] = 1;
    }
    kin_graph_floats(graph);
    if (kin_graph_infer(graph, &error) != KIN_OK) kin_graph_destroy(&graph);
    return graph;
}

static void print_tensor(const char *name, const kin_graph *shaped)
{
    char text[KIN_SHAPE_TEXT_BYTES] = "";
    kin_buffer line = {0};
    uint32_t value = shaped == NULL ? KIN_VALUE_NONE : kin_graph_find(shaped, name);
    if (value != KIN_VALUE_NONE && shaped->values[value].tensor.data != NULL)
        return; /* a constant says nothing of a picture */
    if (value != KIN_VALUE_NONE && shaped->values[value].tensor.shape.rank > 0)
        kin_shape_text(&shaped->values[value].tensor.shape, text);
    kin_buffer_printf(&line, "  %-24s ", text);
    kin_text_append_escaped(&line, name, strlen(name));
    kin_buffer_append_byte(&line, '\n');
    fwrite(line.data, 1, line.bytes, stdout);
    kin_buffer_fini(&line);
}

void kin_model_listing_tensors(const kin_graph *graph, const char *path, const kin_shape *shape)
{
    const char *tap = kin_picture_network_default_tap(graph);
    kin_graph *shaped = infer_again(path, shape);
    kin_buffer line = {0};
    printf("tensors that can be tapped:\n");
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        for (uint32_t i = 0; i < node->output_count; i++)
            if (node->outputs[i] != KIN_VALUE_NONE)
                print_tensor(graph->values[node->outputs[i]].name, shaped);
    }
    kin_buffer_append_string(&line, "tapped unless said otherwise: ");
    kin_text_append_escaped(&line, tap == NULL ? "-" : tap, tap == NULL ? 1 : strlen(tap));
    kin_buffer_append_string(&line, "\n\n");
    fwrite(line.data, 1, line.bytes, stdout);
    kin_buffer_fini(&line);
    kin_graph_destroy(&shaped);
}

/* Multiplications and additions of pairs that a node does; 0 for those that do little. Networks
 * have a limit of them that is far below 2^64. */
static uint64_t multiply_adds(const kin_graph *graph, const kin_node *node)
{
    if (node->output_count == 0 || node->outputs[0] == KIN_VALUE_NONE) return 0;
    const kin_shape *out = &graph->values[node->outputs[0]].tensor.shape;
    return (uint64_t)kin_shape_count(out) * kin_fast_depth(graph, node);
}

/* Numbers that were learned: what is packed, or floats that the node takes as constants. */
static uint64_t parameters_of(const kin_graph *graph, const kin_node *node)
{
    const kin_fused *fused = kin_node_fused(node);
    uint64_t sum = fused == NULL ? 0 : fused->parameters;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == KIN_VALUE_NONE) continue;
        const kin_tensor *tensor = &graph->values[node->inputs[i]].tensor;
        if (tensor->data != NULL && tensor->type == KIN_TYPE_FLOAT)
            sum += (uint64_t)kin_tensor_count(tensor);
    }
    return sum;
}

static void print_node(const kin_graph *graph, const kin_node *node, uint64_t work)
{
    char shape[KIN_SHAPE_TEXT_BYTES] = "", count[32];
    kin_buffer line = {0};
    if (node->output_count > 0 && node->outputs[0] != KIN_VALUE_NONE)
        kin_shape_text(&graph->values[node->outputs[0]].tensor.shape, shape);
    kin_buffer_printf(&line, "%-22.22s %-10.10s %-24s %16s  ", node->op, kin_fast_method(node),
                      shape, work == 0 ? "" : kin_text_count(work, count));
    kin_text_append_escaped(&line, node->name, strlen(node->name));
    kin_buffer_append_byte(&line, '\n');
    fwrite(line.data, 1, line.bytes, stdout);
    kin_buffer_fini(&line);
}

static void print_value(const kin_graph *graph, const char *what, uint32_t value)
{
    char shape[KIN_SHAPE_TEXT_BYTES];
    kin_buffer line = {0};
    kin_buffer_append_string(&line, what);
    kin_text_append_escaped(&line, graph->values[value].name, strlen(graph->values[value].name));
    kin_buffer_printf(&line, " %s\n", kin_shape_text(&graph->values[value].tensor.shape, shape));
    fwrite(line.data, 1, line.bytes, stdout);
    kin_buffer_fini(&line);
}

void kin_model_listing_print(const kin_network *network)
{
    const kin_graph *graph = kin_network_graph(network);
    char learned[32], done[32], weights[32], activations[32];
    uint64_t work = 0, parameters = 0;
    uint32_t nodes = 0;
    printf("%-22s %-10s %-24s %16s  %s\n", "operator", "method", "result", "multiply-adds", "name");
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->removed) continue;
        uint64_t own = multiply_adds(graph, node);
        print_node(graph, node, own);
        work += own;
        parameters += parameters_of(graph, node);
        nodes++;
    }
    printf("\n");
    for (uint32_t i = 0; i < graph->input_count; i++)
        print_value(graph, "input   ", graph->inputs[i]);
    for (uint32_t i = 0; i < graph->output_count; i++)
        print_value(graph, "output  ", graph->outputs[i]);
    printf("%u operators, %s parameters, %s multiply-adds\n"
           "memory: weights as they are held %s, activations at their peak %s\n",
           nodes, kin_text_count(parameters, learned), kin_text_count(work, done),
           kin_text_bytes(kin_network_weight_bytes(network), weights),
           kin_text_bytes(kin_network_activation_bytes(network), activations));
}
