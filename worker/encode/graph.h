/* A network as a graph: values, and nodes that make values of values. Made by the ONNX reader, then
 * rewritten (shapes, folding, fusion) until it can run. One thread. */
#ifndef WORKER_ENCODE_GRAPH_H
#define WORKER_ENCODE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "worker/encode/tensor.h"

/* Limits of what a model may hold: ten times the largest that we know. */
#define KIN_GRAPH_NODES_MAX 65536
#define KIN_GRAPH_VALUES_MAX 262144
#define KIN_NODE_INPUTS_MAX 1024
#define KIN_NODE_OUTPUTS_MAX 256
#define KIN_GRAPH_NAME_BYTES_MAX 1024

#define KIN_VALUE_NONE UINT32_MAX

typedef enum kin_attribute_kind {
    KIN_ATTRIBUTE_INT,
    KIN_ATTRIBUTE_FLOAT,
    KIN_ATTRIBUTE_STRING,
    KIN_ATTRIBUTE_INTS,
    KIN_ATTRIBUTE_FLOATS,
    KIN_ATTRIBUTE_STRINGS,
    KIN_ATTRIBUTE_TENSOR,
    KIN_ATTRIBUTE_OTHER /* graphs and what else there is: no operator of ours takes it */
} kin_attribute_kind;

typedef struct kin_attribute {
    char *name;
    kin_attribute_kind kind;
    int64_t i;
    float f;
    char *s; /* string */
    uint32_t count;
    int64_t *ints;     /* [count] */
    float *floats;     /* [count] */
    char **strings;    /* [count] */
    kin_tensor tensor; /* owns its data */
} kin_attribute;

struct kin_op;

typedef struct kin_node {
    char *name;   /* may be "" */
    char *op;     /* ONNX's operator type, "Conv" */
    char *domain; /* "" is ONNX's own */
    int64_t opset;
    uint32_t input_count, output_count, attribute_count;
    uint32_t *inputs;  /* [input_count] values; KIN_VALUE_NONE: left out */
    uint32_t *outputs; /* [output_count] values; KIN_VALUE_NONE: nobody wants it */
    kin_attribute *attributes;
    const struct kin_op *implementation; /* NULL until it is looked up */
    void *state;                         /* of a fused or prepared node; see its operator */
    bool removed;
} kin_node;

/* The ONNX reader knows type and shape of constants and inputs; a dimension that an input leaves
 * open is -1 there, and has a size before anything is inferred. */
typedef struct kin_value {
    char *name;
    kin_tensor tensor; /* type NONE while unknown; data: of a constant, owned */
    uint32_t producer; /* node, or KIN_VALUE_NONE: an input or a constant */
    bool is_input, is_output;
    bool borrowed; /* tensor.data is not ours to free */
} kin_value;

typedef struct kin_graph {
    kin_node *nodes; /* [node_count], every node behind those whose values it takes */
    uint32_t node_count, node_capacity;
    kin_value *values; /* [value_count] */
    uint32_t value_count, value_capacity;
    uint32_t *inputs, *outputs; /* values: what the model takes (constants not counted) and gives */
    uint32_t input_count, output_count;
    int64_t opset;     /* of ONNX's own domain */
    uint32_t *buckets; /* names to values */
    uint32_t *chains;  /* [value_capacity] */
} kin_graph;

kin_graph *kin_graph_new(void);
void kin_graph_destroy(kin_graph **graph);

/* The value of that name, or KIN_VALUE_NONE. */
uint32_t kin_graph_find(const kin_graph *graph, const char *name);
/* The value of that name, made where there is none. An empty name makes a new, nameless value.
 * Within KIN_GRAPH_VALUES_MAX, which the caller checks. */
uint32_t kin_graph_value(kin_graph *graph, const char *name);
/* A new constant of that type and shape; its data, zeroed, is the graph's. */
uint32_t kin_graph_constant(kin_graph *graph, const char *name, kin_type type,
                            const kin_shape *shape);
/* Declares a value an input or output of the model. */
void kin_graph_add_input(kin_graph *graph, uint32_t value);
void kin_graph_add_output(kin_graph *graph, uint32_t value);

/* Appends a node; the pointer holds until the next one is added. Inputs and outputs are then given
 * in order. */
kin_node *kin_graph_add_node(kin_graph *graph, const char *op, const char *name);
void kin_node_add_input(kin_node *node, uint32_t value);
void kin_graph_add_node_output(kin_graph *graph, uint32_t node, uint32_t value);
/* An attribute, zeroed but for its name and kind. */
kin_attribute *kin_node_add_attribute(kin_node *node, const char *name, kin_attribute_kind kind);

/* Frees the data of a constant that nobody needs any more. */
void kin_graph_drop_constant(kin_graph *graph, uint32_t value);

/* --- Attributes, as operators read them ------------------------------------------------------ */

/* NULL where there is none of that name and kind. */
const kin_attribute *kin_node_attribute(const kin_node *node, const char *name,
                                        kin_attribute_kind kind);
int64_t kin_node_int(const kin_node *node, const char *name, int64_t otherwise);
float kin_node_float(const kin_node *node, const char *name, float otherwise);
const char *kin_node_string(const kin_node *node, const char *name, const char *otherwise);

#endif
