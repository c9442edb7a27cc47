#include "worker/encode/fuse_pad.h"

#include <string.h>

#include "common/base/memory.h"

/* pads [8] of [n][c][h][w]: before each axis, then behind each; NULL where they are not known. */
static const int64_t *pads_of(const kin_graph *graph, const kin_node *pad)
{
    const kin_attribute *attribute = kin_node_attribute(pad, "pads", KIN_ATTRIBUTE_INTS);
    if (attribute != NULL) return attribute->count == 8 ? attribute->ints : NULL;
    if (pad->input_count < 2 || pad->inputs[1] == KIN_VALUE_NONE) return NULL;
    const kin_tensor *tensor = &graph->values[pad->inputs[1]].tensor;
    bool known =
        tensor->data != NULL && tensor->type == KIN_TYPE_INT64 && kin_tensor_count(tensor) == 8;
    return known ? tensor->data : NULL;
}

/* Whether it puts nothing but zeros above, left of, below and right of a map; how many. */
static bool pads_map(const kin_graph *graph, const kin_node *pad, int64_t sides[4])
{
    float value = 0;
    const int64_t *pads = pads_of(graph, pad);
    if (!kin_match_op(pad, "Pad") || pads == NULL || pad->input_count > 3 ||
        strcmp(kin_node_string(pad, "mode", "constant"), "constant") != 0 ||
        kin_node_float(pad, "value", 0) != 0)
        return false;
    if (pad->input_count == 3 && pad->inputs[2] != KIN_VALUE_NONE &&
        (!kin_match_number(graph, pad->inputs[2], &value) || value != 0))
        return false;
    const kin_tensor *map = &graph->values[pad->inputs[0]].tensor;
    if (map->type != KIN_TYPE_FLOAT || map->shape.rank != 4 || map->data != NULL) return false;
    for (int i = 0; i < 8; i++)
        if (pads[i] < 0 || (i % 4 < 2 && pads[i] != 0)) return false;
    const int64_t found[4] = {pads[2], pads[3], pads[6], pads[7]};
    memcpy(sides, found, sizeof found);
    return true;
}

/* Adds sides to the node's own pads. */
static void add_pads(kin_node *node, const int64_t sides[4])
{
    kin_attribute *own = NULL;
    for (uint32_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, "pads") == 0) own = &node->attributes[i];
    if (own == NULL) {
        own = kin_node_add_attribute(node, "pads", KIN_ATTRIBUTE_INTS);
        own->ints = kin_calloc(4, sizeof *own->ints);
        own->count = 4;
    }
    for (int i = 0; i < 4; i++)
        own->ints[i] += sides[i];
}

/* A convolution takes any pads. An average pool takes them where it has none itself and counts all
 * taps, which is what it did on the padded map; a window has to be larger than its pads. */
static bool can_pad(const kin_node *node, const int64_t sides[4])
{
    const kin_attribute *own = kin_node_attribute(node, "pads", KIN_ATTRIBUTE_INTS);
    if (strcmp(kin_node_string(node, "auto_pad", "NOTSET"), "NOTSET") != 0 ||
        (own != NULL && own->count != 4))
        return false;
    if (kin_match_op(node, "Conv")) return true;
    const kin_attribute *kernel = kin_node_attribute(node, "kernel_shape", KIN_ATTRIBUTE_INTS);
    if (!kin_match_op(node, "AveragePool") || kernel == NULL || kernel->count != 2 ||
        kin_node_int(node, "ceil_mode", 0) != 0)
        return false;
    for (int i = 0; i < 4; i++)
        if (sides[i] >= kernel->ints[i % 2] || (own != NULL && own->ints[i] != 0)) return false;
    return true;
}

static void fuse_pad(kin_graph *graph, const kin_uses *uses, kin_node *node)
{
    int64_t sides[4];
    if (!kin_match_op(node, "Conv") && !kin_match_op(node, "AveragePool")) return;
    uint32_t value = node->inputs[0], producer = graph->values[value].producer;
    if (producer == KIN_VALUE_NONE || uses->count[value] != 1 || graph->nodes[producer].removed ||
        !pads_map(graph, &graph->nodes[producer], sides) || !can_pad(node, sides))
        return;
    add_pads(node, sides);
    if (kin_match_op(node, "AveragePool")) {
        bool there = false;
        for (uint32_t i = 0; i < node->attribute_count; i++)
            if (strcmp(node->attributes[i].name, "count_include_pad") == 0) {
                node->attributes[i].i = 1;
                there = true;
            }
        if (!there) kin_node_add_attribute(node, "count_include_pad", KIN_ATTRIBUTE_INT)->i = 1;
    }
    node->inputs[0] = graph->nodes[producer].inputs[0];
    kin_match_remove(graph, producer);
}

void kin_fuse_pads(kin_graph *graph)
{
    kin_uses uses = kin_uses_count(graph);
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (!graph->nodes[n].removed && graph->nodes[n].input_count > 0)
            fuse_pad(graph, &uses, &graph->nodes[n]);
    kin_uses_fini(&uses);
}
