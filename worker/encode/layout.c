#include "worker/encode/layout.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/fuse.h"
#include "worker/encode/fuse_match.h"

/* Where the dimensions of NCHW are in NHWC. */
static const uint32_t place_in_nhwc[4] = {0, 3, 1, 2};
/* Transpose's perm from NCHW, and back. */
static const int64_t into_nhwc[4] = {0, 2, 3, 1}, out_of_nhwc[4] = {0, 3, 1, 2};

typedef struct layout {
    kin_graph *graph;
    uint32_t value_count; /* of the values that were there before */
    uint32_t *nhwc;       /* [value_count]: the twin of a value, or KIN_VALUE_NONE */
    bool *plain;          /* [value_count]: the value itself is there */
} layout;

static kin_shape to_nhwc_shape(const kin_shape *shape)
{
    kin_shape made = {.rank = 4};
    for (int i = 0; i < 4; i++)
        made.dims[place_in_nhwc[i]] = shape->dims[i];
    return made;
}

/* --- Values ---------------------------------------------------------------------------------- */

static bool is_map(const layout *l, uint32_t value)
{
    const kin_tensor *tensor = &l->graph->values[value].tensor;
    return tensor->type == KIN_TYPE_FLOAT && tensor->shape.rank == 4;
}

static bool has_twin(const layout *l, uint32_t value)
{
    return value != KIN_VALUE_NONE && value < l->value_count && l->nhwc[value] != KIN_VALUE_NONE;
}

/* A new value: the twin of one that a node is about to make. */
static uint32_t new_twin(layout *l, uint32_t value)
{
    uint32_t twin = kin_graph_value(l->graph, "");
    const kin_tensor *tensor = &l->graph->values[value].tensor;
    l->graph->values[twin].tensor =
        (kin_tensor){.type = KIN_TYPE_FLOAT, .shape = to_nhwc_shape(&tensor->shape)};
    l->nhwc[value] = twin;
    l->plain[value] = false;
    return twin;
}

/* One of the two orders from the other: a transposition, or nothing but another shape. */
static void emit_transpose(layout *l, uint32_t from, uint32_t to, bool to_nhwc)
{
    const kin_shape *shape = &l->graph->values[to_nhwc ? from : to].tensor.shape;
    bool same = shape->dims[1] == 1 || shape->dims[2] * shape->dims[3] == 1;
    kin_node *node = kin_graph_add_node(l->graph, same ? KIN_ALIAS : "Transpose", "layout");
    kin_node_add_input(node, from);
    if (!same) {
        kin_attribute *perm = kin_node_add_attribute(node, "perm", KIN_ATTRIBUTE_INTS);
        perm->count = 4;
        perm->ints = kin_malloc(4 * sizeof *perm->ints);
        memcpy(perm->ints, to_nhwc ? into_nhwc : out_of_nhwc, 4 * sizeof *perm->ints);
    }
    kin_graph_add_node_output(l->graph, l->graph->node_count - 1, to);
}

static void fill_twin(layout *l, uint32_t value, uint32_t twin)
{
    const kin_tensor *from = &l->graph->values[value].tensor;
    kin_tensor *to = &l->graph->values[twin].tensor;
    const kin_shape *shape = &from->shape;
    const float *data = from->data;
    float *made = kin_malloc(kin_tensor_bytes(from));
    int64_t area = shape->dims[2] * shape->dims[3], channels = shape->dims[1];
    for (int64_t n = 0; n < shape->dims[0]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < area; i++)
                made[(n * area + i) * channels + c] = data[(n * channels + c) * area + i];
    to->data = made;
}

static uint32_t nhwc_of(layout *l, uint32_t value)
{
    if (has_twin(l, value)) return l->nhwc[value];
    bool constant = l->graph->values[value].tensor.data != NULL;
    uint32_t twin = new_twin(l, value);
    l->plain[value] = true;
    if (constant)
        fill_twin(l, value, twin);
    else
        emit_transpose(l, value, twin, true);
    return twin;
}

static void make_plain(layout *l, uint32_t value)
{
    if (value == KIN_VALUE_NONE || value >= l->value_count || l->plain[value]) return;
    l->plain[value] = true;
    emit_transpose(l, l->nhwc[value], value, false);
}

/* --- Nodes ----------------------------------------------------------------------------------- */

static void append(layout *l, const kin_node *node)
{
    kin_graph *graph = l->graph;
    uint32_t n = graph->node_count;
    kin_node *place = kin_graph_add_node(graph, "", "");
    free(place->op);
    free(place->name);
    free(place->domain);
    *place = *node;
    for (uint32_t i = 0; i < node->output_count && !node->removed; i++)
        if (node->outputs[i] != KIN_VALUE_NONE) graph->values[node->outputs[i]].producer = n;
}

static void append_plain(layout *l, const kin_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        make_plain(l, node->inputs[i]);
    append(l, node);
}

/* Appends it with twins for outputs. */
static void append_nhwc(layout *l, kin_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != KIN_VALUE_NONE) node->outputs[i] = new_twin(l, node->outputs[i]);
    append(l, node);
}

static void rename_op(kin_node *node, const char *op)
{
    free(node->op);
    node->op = kin_strdup(op);
}

static void set_int(kin_node *node, const char *name, int64_t value)
{
    for (uint32_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0) {
            node->attributes[i].i = value;
            return;
        }
    kin_node_add_attribute(node, name, KIN_ATTRIBUTE_INT)->i = value;
}

static void lay_convolution(layout *l, kin_node *node)
{
    node->inputs[0] = nhwc_of(l, node->inputs[0]);
    if (node->inputs[3] != KIN_VALUE_NONE) node->inputs[3] = nhwc_of(l, node->inputs[3]);
    append_nhwc(l, node);
}

/* A constant of one number a channel, [c][1][1], as [1][c][1][1]; else the value itself. */
static uint32_t to_rank_4(layout *l, uint32_t value)
{
    const kin_tensor *tensor = &l->graph->values[value].tensor;
    if (tensor->data == NULL || tensor->type != KIN_TYPE_FLOAT || tensor->shape.rank != 3)
        return value;
    kin_shape shape = {.rank = 4, .dims = {1}};
    memcpy(shape.dims + 1, tensor->shape.dims, 3 * sizeof *shape.dims);
    uint32_t made = kin_graph_constant(l->graph, "", KIN_TYPE_FLOAT, &shape);
    const kin_tensor *from = &l->graph->values[value].tensor;
    memcpy(l->graph->values[made].tensor.data, from->data, kin_tensor_bytes(from));
    uint32_t twin = kin_graph_value(l->graph, "");
    l->graph->values[twin].tensor =
        (kin_tensor){.type = KIN_TYPE_FLOAT, .shape = to_nhwc_shape(&shape)};
    fill_twin(l, made, twin);
    return twin;
}

/* Sums, products and the like, where one side is in NHWC and the other can be. */
static bool lay_elementwise(layout *l, kin_node *node)
{
    bool any = false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        uint32_t value = node->inputs[i];
        if (value == KIN_VALUE_NONE || value >= l->value_count) return false;
        const kin_tensor *tensor = &l->graph->values[value].tensor;
        bool constant_3 = tensor->data != NULL && tensor->shape.rank == 3;
        if (tensor->type != KIN_TYPE_FLOAT ||
            (tensor->shape.rank != 4 && !constant_3 && kin_tensor_count(tensor) != 1))
            return false;
        any = any || has_twin(l, value);
    }
    if (!any || !is_map(l, node->outputs[0])) return false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        uint32_t value = node->inputs[i];
        if (is_map(l, value))
            node->inputs[i] = nhwc_of(l, value);
        else if (kin_tensor_count(&l->graph->values[value].tensor) != 1)
            node->inputs[i] = to_rank_4(l, value);
    }
    append_nhwc(l, node);
    return true;
}

static bool any_twin(const layout *l, const kin_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        if (has_twin(l, node->inputs[i])) return true;
    return false;
}

/* Concat and Split along an axis. */
static bool lay_axis(layout *l, kin_node *node, uint32_t maps, int64_t otherwise)
{
    uint32_t axis;
    if (!any_twin(l, node) || !kin_shape_axis(&l->graph->values[node->inputs[0]].tensor.shape,
                                              kin_node_int(node, "axis", otherwise), &axis))
        return false;
    for (uint32_t i = 0; i < maps; i++)
        if (!is_map(l, node->inputs[i])) return false;
    for (uint32_t i = 0; i < maps; i++)
        node->inputs[i] = nhwc_of(l, node->inputs[i]);
    set_int(node, "axis", place_in_nhwc[axis]);
    append_nhwc(l, node);
    return true;
}

/* The mean over height and width. */
static bool lay_mean(layout *l, kin_node *node)
{
    const kin_attribute *axes = kin_node_attribute(node, "axes", KIN_ATTRIBUTE_INTS);
    uint32_t a, b;
    const kin_shape *shape = &l->graph->values[node->inputs[0]].tensor.shape;
    if (!has_twin(l, node->inputs[0]) || axes == NULL || axes->count != 2 ||
        !kin_shape_axis(shape, axes->ints[0], &a) || !kin_shape_axis(shape, axes->ints[1], &b) ||
        a + b != 5 || (a != 2 && a != 3))
        return false;
    node->inputs[0] = nhwc_of(l, node->inputs[0]);
    rename_op(node, KIN_NHWC_GLOBAL_AVERAGE_POOL);
    if (kin_node_int(node, "keepdims", 1) == 1)
        append_nhwc(l, node);
    else
        append(l, node); /* [n][c] is the same in both orders */
    return true;
}

static bool lay_pool(layout *l, kin_node *node)
{
    static const char *const names[][2] = {
        {"MaxPool", KIN_NHWC_MAX_POOL},
        {"AveragePool", KIN_NHWC_AVERAGE_POOL},
        {"GlobalMaxPool", KIN_NHWC_GLOBAL_MAX_POOL},
        {"GlobalAveragePool", KIN_NHWC_GLOBAL_AVERAGE_POOL},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!kin_match_op(node, names[i][0])) continue;
        if (!is_map(l, node->inputs[0]) ||
            (node->output_count > 1 && node->outputs[1] != KIN_VALUE_NONE))
            return false;
        rename_op(node, names[i][1]);
        node->inputs[0] = nhwc_of(l, node->inputs[0]);
        append_nhwc(l, node);
        return true;
    }
    return false;
}

static bool has_perm(const kin_node *node, const int64_t wanted[4])
{
    const kin_attribute *perm = kin_node_attribute(node, "perm", KIN_ATTRIBUTE_INTS);
    return perm != NULL && perm->count == 4 && memcmp(perm->ints, wanted, 4 * sizeof *wanted) == 0;
}

static void become_alias(kin_node *node)
{
    rename_op(node, KIN_ALIAS);
}

/* A model's own way between the two orders costs nothing where we are in the other one already. */
static bool lay_transpose(layout *l, kin_node *node)
{
    if (!is_map(l, node->inputs[0]) || l->graph->values[node->inputs[0]].tensor.data != NULL)
        return false;
    if (has_perm(node, into_nhwc) && has_twin(l, node->inputs[0])) {
        node->inputs[0] = l->nhwc[node->inputs[0]];
        become_alias(node);
        append(l, node);
        return true;
    }
    if (has_perm(node, out_of_nhwc) && !has_twin(l, node->inputs[0])) {
        become_alias(node);
        append_nhwc(l, node);
        return true;
    }
    return false;
}

static bool is_elementwise(const kin_node *node)
{
    static const char *const names[] = {
        "Add", "Sub", "Mul", "Div", "Max",  "Min",      "Pow", "Sum",        "Mean",  "Sqrt",
        "Exp", "Abs", "Neg", "Elu", "Selu", "Softplus", "Erf", "Reciprocal", "PRelu", "Floor"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (kin_match_op(node, names[i])) return true;
    return false;
}

static bool lay_node(layout *l, kin_node *node)
{
    if (node->input_count == 0 || node->output_count == 0) return false;
    if (kin_match_op(node, KIN_FUSED_CONVOLUTION)) {
        lay_convolution(l, node);
        return true;
    }
    if (kin_match_op(node, KIN_FUSED_SCALE) || kin_match_op(node, KIN_FUSED_ACTIVATION)) {
        if (!has_twin(l, node->inputs[0])) return false;
        set_int(node, "nhwc", 1);
        node->inputs[0] = nhwc_of(l, node->inputs[0]);
        append_nhwc(l, node);
        return true;
    }
    if (kin_match_op(node, "Transpose")) return lay_transpose(l, node);
    if (kin_match_op(node, "Concat")) return lay_axis(l, node, node->input_count, 1);
    if (kin_match_op(node, "Split")) return lay_axis(l, node, 1, 0);
    if (kin_match_op(node, "ReduceMean")) return lay_mean(l, node);
    return lay_pool(l, node) || (is_elementwise(node) && lay_elementwise(l, node));
}

void kin_graph_layout(kin_graph *graph)
{
    layout l = {.graph = graph, .value_count = graph->value_count};
    l.nhwc = kin_malloc(l.value_count * sizeof *l.nhwc);
    l.plain = kin_malloc(l.value_count * sizeof *l.plain);
    memset(l.nhwc, 0xff, l.value_count * sizeof *l.nhwc);
    memset(l.plain, 1, l.value_count * sizeof *l.plain);
    kin_graph before = *graph;
    graph->nodes = NULL;
    graph->node_count = graph->node_capacity = 0;
    for (uint32_t n = 0; n < before.node_count; n++) {
        kin_node *node = &before.nodes[n];
        if (node->removed)
            append(&l, node); /* to be freed with the graph */
        else if (!lay_node(&l, node))
            append_plain(&l, node);
    }
    for (uint32_t i = 0; i < graph->output_count; i++)
        make_plain(&l, graph->outputs[i]);
    free(before.nodes);
    free(l.nhwc);
    free(l.plain);
}
