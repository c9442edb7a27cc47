#include "worker/index/model_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/encode/fast_ops.h"
#include "worker/encode/fuse.h"
#include "worker/encode/picture_network.h"
#include "worker/index/models.h"

kin_status kin_model_listing_guess(const kin_graph *graph, const char *path, kin_shape *shape,
                                   uint32_t *count, kin_error *error)
{
    bool assumed;
    kin_network_spec spec;
    if (graph->input_count == 0) return KIN_OK;
    const kin_shape *own = &graph->values[graph->inputs[0]].tensor.shape;
    bool open = false;
    for (uint32_t i = 1; i < own->rank; i++)
        open = open || own->dims[i] < 0;
    if (!open || own->rank != 4) return KIN_OK;
    kin_status status = kin_model_spec(&spec, path, NULL, &assumed, error);
    if (status != KIN_OK) return status;
    *shape = *own;
    int64_t guess[4] = {1, 3, spec.height, spec.width};
    for (uint32_t i = 0; i < 4; i++)
        if (shape->dims[i] < 0) shape->dims[i] = guess[i];
    *count = 1;
    return KIN_OK;
}

void kin_model_listing_tensors(const kin_graph *graph)
{
    const char *tap = kin_picture_network_default_tap(graph);
    kin_buffer line = {0};
    kin_buffer_append_string(&line, "tensors that can be tapped:");
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->output_count == 0 || node->outputs[0] == KIN_VALUE_NONE) continue;
        const char *name = graph->values[node->outputs[0]].name;
        kin_buffer_append_byte(&line, ' ');
        kin_text_append_escaped(&line, name, strlen(name));
    }
    kin_buffer_append_string(&line, "\ntapped unless said otherwise: ");
    kin_text_append_escaped(&line, tap == NULL ? "-" : tap, tap == NULL ? 1 : strlen(tap));
    kin_buffer_append_string(&line, "\n\n");
    fwrite(line.data, 1, line.bytes, stdout);
    kin_buffer_fini(&line);
}

/* Multiplications and additions of pairs that a node does; 0 for those that do little. */
static double multiply_adds(const kin_graph *graph, const kin_node *node)
{
    if (node->output_count == 0 || node->outputs[0] == KIN_VALUE_NONE) return 0;
    const kin_shape *out = &graph->values[node->outputs[0]].tensor.shape;
    double outputs = (double)kin_shape_count(out);
    return outputs * (double)kin_fast_depth(graph, node);
}

static void print_node(const kin_graph *graph, const kin_node *node, double work)
{
    char shape[KIN_SHAPE_TEXT_BYTES] = "";
    kin_buffer line = {0};
    if (node->output_count > 0 && node->outputs[0] != KIN_VALUE_NONE)
        kin_shape_text(&graph->values[node->outputs[0]].tensor.shape, shape);
    kin_buffer_printf(&line, "%-22.22s %-10.10s %-24s %10.2f M  ", node->op, kin_fast_method(node),
                      shape, work / 1e6);
    kin_text_append_escaped(&line, node->name, strlen(node->name));
    kin_buffer_append_byte(&line, '\n');
    fwrite(line.data, 1, line.bytes, stdout);
    kin_buffer_fini(&line);
}

void kin_model_listing_print(const kin_network *network)
{
    const kin_graph *graph = kin_network_graph(network);
    char shape[KIN_SHAPE_TEXT_BYTES], weights[32], activations[32];
    double work = 0, parameters = 0;
    uint32_t nodes = 0;
    printf("%-22s %-10s %-24s %12s  %s\n", "operator", "method", "result", "multiply-adds", "name");
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->removed) continue;
        double own = multiply_adds(graph, node);
        print_node(graph, node, own);
        work += own;
        const kin_fused *fused = kin_node_fused(node);
        if (fused != NULL) parameters += (double)fused->parameters;
        nodes++;
    }
    printf("\n");
    for (uint32_t i = 0; i < graph->input_count; i++)
        printf("input   %s %s\n", kin_network_input_name(network, i),
               kin_shape_text(&graph->values[graph->inputs[i]].tensor.shape, shape));
    for (uint32_t i = 0; i < graph->output_count; i++)
        printf("output  %s %s\n", kin_network_output_name(network, i),
               kin_shape_text(&graph->values[graph->outputs[i]].tensor.shape, shape));
    printf("%u operators, %.2f M parameters, %.2f G multiply-adds\n"
           "memory: weights as they are held %s, activations at their peak %s\n",
           nodes, parameters / 1e6, work / 1e9,
           kin_text_bytes(kin_network_weight_bytes(network), weights),
           kin_text_bytes(kin_network_activation_bytes(network), activations));
}
