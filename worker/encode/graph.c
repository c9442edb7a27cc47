#include "worker/encode/graph.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/checksum.h"
#include "common/base/memory.h"

#define BUCKETS 16384

kin_graph *kin_graph_new(void)
{
    kin_graph *graph = kin_calloc(1, sizeof *graph);
    graph->buckets = kin_malloc(BUCKETS * sizeof *graph->buckets);
    memset(graph->buckets, 0xff, BUCKETS * sizeof *graph->buckets);
    return graph;
}

static void free_attribute(kin_attribute *attribute)
{
    for (uint32_t i = 0; attribute->strings != NULL && i < attribute->count; i++)
        free(attribute->strings[i]);
    free(attribute->strings);
    free(attribute->ints);
    free(attribute->floats);
    free(attribute->s);
    free(attribute->tensor.data);
    free(attribute->name);
}

void kin_graph_destroy(kin_graph **graph)
{
    kin_graph *old = *graph;
    if (old == NULL) return;
    for (uint32_t i = 0; i < old->node_count; i++) {
        kin_node *node = &old->nodes[i];
        for (uint32_t a = 0; a < node->attribute_count; a++)
            free_attribute(&node->attributes[a]);
        free(node->attributes);
        free(node->inputs);
        free(node->outputs);
        free(node->name);
        free(node->op);
        free(node->domain);
    }
    for (uint32_t i = 0; i < old->value_count; i++) {
        if (!old->values[i].borrowed) free(old->values[i].tensor.data);
        free(old->values[i].name);
    }
    free(old->nodes);
    free(old->values);
    free(old->inputs);
    free(old->outputs);
    free(old->buckets);
    free(old->chains);
    free(old);
    *graph = NULL;
}

static uint32_t bucket_of(const char *name)
{
    return (uint32_t)(kin_checksum(name, strlen(name)) % BUCKETS);
}

uint32_t kin_graph_find(const kin_graph *graph, const char *name)
{
    uint32_t i = graph->buckets[bucket_of(name)];
    while (i != KIN_VALUE_NONE && strcmp(graph->values[i].name, name) != 0)
        i = graph->chains[i];
    return i;
}

uint32_t kin_graph_value(kin_graph *graph, const char *name)
{
    uint32_t i = name[0] != 0 ? kin_graph_find(graph, name) : KIN_VALUE_NONE;
    if (i != KIN_VALUE_NONE) return i;
    KIN_CHECK(graph->value_count < KIN_GRAPH_VALUES_MAX);
    if (graph->value_count == graph->value_capacity) {
        graph->value_capacity = graph->value_capacity == 0 ? 64 : 2 * graph->value_capacity;
        graph->values = kin_realloc(graph->values, graph->value_capacity, sizeof *graph->values);
        graph->chains = kin_realloc(graph->chains, graph->value_capacity, sizeof *graph->chains);
    }
    i = graph->value_count++;
    graph->values[i] = (kin_value){.name = kin_strdup(name), .producer = KIN_VALUE_NONE};
    graph->chains[i] = KIN_VALUE_NONE;
    if (name[0] != 0) {
        uint32_t *bucket = &graph->buckets[bucket_of(name)];
        graph->chains[i] = *bucket;
        *bucket = i;
    }
    return i;
}

uint32_t kin_graph_constant(kin_graph *graph, const char *name, kin_type type,
                            const kin_shape *shape)
{
    uint32_t i = kin_graph_value(graph, name);
    kin_tensor *tensor = &graph->values[i].tensor;
    KIN_CHECK(tensor->data == NULL && kin_shape_valid(shape));
    *tensor = (kin_tensor){.type = type, .shape = *shape};
    tensor->data = kin_calloc(kin_tensor_bytes(tensor), 1);
    return i;
}

static void append_number(uint32_t **numbers, uint32_t *count, uint32_t number)
{
    *numbers = kin_realloc(*numbers, *count + 1, sizeof **numbers);
    (*numbers)[(*count)++] = number;
}

void kin_graph_add_input(kin_graph *graph, uint32_t value)
{
    graph->values[value].is_input = true;
    append_number(&graph->inputs, &graph->input_count, value);
}

void kin_graph_add_output(kin_graph *graph, uint32_t value)
{
    graph->values[value].is_output = true;
    append_number(&graph->outputs, &graph->output_count, value);
}

kin_node *kin_graph_add_node(kin_graph *graph, const char *op, const char *name)
{
    KIN_CHECK(graph->node_count < KIN_GRAPH_NODES_MAX);
    if (graph->node_count == graph->node_capacity) {
        graph->node_capacity = graph->node_capacity == 0 ? 64 : 2 * graph->node_capacity;
        graph->nodes = kin_realloc(graph->nodes, graph->node_capacity, sizeof *graph->nodes);
    }
    kin_node *node = &graph->nodes[graph->node_count++];
    *node = (kin_node){.name = kin_strdup(name),
                       .op = kin_strdup(op),
                       .domain = kin_strdup(""),
                       .opset = graph->opset};
    return node;
}

void kin_node_add_input(kin_node *node, uint32_t value)
{
    append_number(&node->inputs, &node->input_count, value);
}

void kin_graph_add_node_output(kin_graph *graph, uint32_t node, uint32_t value)
{
    append_number(&graph->nodes[node].outputs, &graph->nodes[node].output_count, value);
    if (value != KIN_VALUE_NONE) graph->values[value].producer = node;
}

kin_attribute *kin_node_add_attribute(kin_node *node, const char *name, kin_attribute_kind kind)
{
    node->attributes =
        kin_realloc(node->attributes, node->attribute_count + 1, sizeof *node->attributes);
    kin_attribute *attribute = &node->attributes[node->attribute_count++];
    *attribute = (kin_attribute){.name = kin_strdup(name), .kind = kind};
    return attribute;
}

void kin_graph_drop_constant(kin_graph *graph, uint32_t value)
{
    kin_value *dropped = &graph->values[value];
    if (!dropped->borrowed) free(dropped->tensor.data);
    dropped->tensor.data = NULL;
}

const kin_attribute *kin_node_attribute(const kin_node *node, const char *name,
                                        kin_attribute_kind kind)
{
    for (uint32_t i = 0; i < node->attribute_count; i++)
        if (node->attributes[i].kind == kind && strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

int64_t kin_node_int(const kin_node *node, const char *name, int64_t otherwise)
{
    const kin_attribute *attribute = kin_node_attribute(node, name, KIN_ATTRIBUTE_INT);
    return attribute == NULL ? otherwise : attribute->i;
}

float kin_node_float(const kin_node *node, const char *name, float otherwise)
{
    const kin_attribute *attribute = kin_node_attribute(node, name, KIN_ATTRIBUTE_FLOAT);
    return attribute == NULL ? otherwise : attribute->f;
}

const char *kin_node_string(const kin_node *node, const char *name, const char *otherwise)
{
    const kin_attribute *attribute = kin_node_attribute(node, name, KIN_ATTRIBUTE_STRING);
    return attribute == NULL ? otherwise : attribute->s;
}
