#include "worker/encode/fuse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/convolution_chain.h"
#include "worker/encode/fuse_match.h"
#include "worker/encode/fuse_pad.h"

kin_fused *kin_node_fused(const kin_node *node)
{
    return strncmp(node->op, "kin.", 4) == 0 ? node->state : NULL;
}

void kin_graph_unfuse(kin_graph *graph)
{
    for (uint32_t n = 0; n < graph->node_count; n++) {
        kin_fused *fused = kin_node_fused(&graph->nodes[n]);
        if (fused == NULL) continue;
        if (fused->destroy != NULL) fused->destroy(fused->prepared);
        kin_convolution_chain_destroy(&fused->chain);
        free(fused);
        graph->nodes[n].state = NULL;
    }
}

/* The node becomes a fused one of that operator and these inputs; outputs and attributes stay. */
static kin_fused *make_fused(kin_node *node, const char *op, const uint32_t *inputs, uint32_t count)
{
    free(node->op);
    node->op = kin_strdup(op);
    node->implementation = NULL;
    uint32_t *copy = kin_calloc(count, sizeof *copy);
    memcpy(copy, inputs, count * sizeof *copy);
    free(node->inputs);
    node->inputs = copy;
    node->input_count = count;
    kin_fused *fused = kin_calloc(1, sizeof *fused);
    node->state = fused;
    return fused;
}

static uint32_t input_of(const kin_node *node, uint32_t i)
{
    return i < node->input_count ? node->inputs[i] : KIN_VALUE_NONE;
}

/* --- Convolutions, products, normalisations ------------------------------------------------- */

static void fuse_convolution(kin_graph *graph, kin_node *node)
{
    uint32_t inputs[4] = {node->inputs[0], node->inputs[1], input_of(node, 2), KIN_VALUE_NONE};
    const kin_tensor *x = &graph->values[inputs[0]].tensor;
    if (x->shape.rank != 4 || kin_tensor_count(x) == 0) return;
    if (kin_match_floats(graph, inputs[1]) == NULL) return;
    if (inputs[2] != KIN_VALUE_NONE && kin_match_floats(graph, inputs[2]) == NULL) return;
    make_fused(node, KIN_FUSED_CONVOLUTION, inputs, 4);
}

/* x [..][k] times constant [k][n]. */
static void fuse_matmul(kin_graph *graph, kin_node *node)
{
    const kin_shape *x = &graph->values[node->inputs[0]].tensor.shape;
    const kin_shape *w = &graph->values[node->inputs[1]].tensor.shape;
    if (w->rank != 2 || x->rank < 2 || kin_match_floats(graph, node->inputs[1]) == NULL) return;
    uint32_t inputs[4] = {node->inputs[0], node->inputs[1], KIN_VALUE_NONE, KIN_VALUE_NONE};
    kin_fused *fused = make_fused(node, KIN_FUSED_LINEAR, inputs, 4);
    fused->k_stride = (size_t)w->dims[1];
    fused->j_stride = 1;
}

static void fuse_gemm(kin_graph *graph, kin_node *node)
{
    bool transposed = kin_node_int(node, "transB", 0) != 0;
    uint32_t bias = input_of(node, 2);
    const kin_shape *w = &graph->values[node->inputs[1]].tensor.shape;
    if (kin_node_int(node, "transA", 0) != 0 || kin_node_float(node, "alpha", 1) != 1 ||
        w->rank != 2 || kin_match_floats(graph, node->inputs[1]) == NULL)
        return;
    int64_t columns = w->dims[transposed ? 0 : 1];
    if (bias != KIN_VALUE_NONE) {
        const kin_shape *b = &graph->values[bias].tensor.shape;
        if (kin_node_float(node, "beta", 1) != 1 || kin_match_floats(graph, bias) == NULL ||
            kin_shape_count(b) != columns || b->rank == 0 || b->dims[b->rank - 1] != columns)
            return;
    }
    size_t k_stride = transposed ? 1 : (size_t)w->dims[1];
    size_t j_stride = transposed ? (size_t)w->dims[1] : 1;
    uint32_t inputs[4] = {node->inputs[0], node->inputs[1], bias, KIN_VALUE_NONE};
    kin_fused *fused = make_fused(node, KIN_FUSED_LINEAR, inputs, 4);
    fused->k_stride = k_stride;
    fused->j_stride = j_stride;
}

/* y = x scale + shift, a number a channel. */
static void fuse_batch_norm(kin_graph *graph, kin_node *node)
{
    const float *factors[4];
    for (uint32_t i = 0; i < 4; i++) {
        factors[i] = kin_match_floats(graph, node->inputs[i + 1]);
        if (factors[i] == NULL) return;
    }
    if (graph->values[node->inputs[0]].tensor.shape.rank < 2) return;
    kin_shape shape = graph->values[node->inputs[1]].tensor.shape;
    float epsilon = kin_node_float(node, "epsilon", 1e-5f);
    uint32_t inputs[3] = {node->inputs[0], kin_graph_constant(graph, "", KIN_TYPE_FLOAT, &shape),
                          kin_graph_constant(graph, "", KIN_TYPE_FLOAT, &shape)};
    float *scale = graph->values[inputs[1]].tensor.data;
    float *shift = graph->values[inputs[2]].tensor.data;
    for (int64_t c = 0; c < kin_shape_count(&shape); c++) {
        double root = factors[0][c] / sqrt((double)factors[3][c] + (double)epsilon);
        scale[c] = (float)root;
        shift[c] = (float)(factors[1][c] - factors[2][c] * root);
    }
    make_fused(node, KIN_FUSED_SCALE, inputs, 3);
}

static void fuse_layer_norm(kin_graph *graph, kin_node *node)
{
    const kin_shape *x = &graph->values[node->inputs[0]].tensor.shape;
    int64_t axis = kin_node_int(node, "axis", -1);
    uint32_t shift = input_of(node, 2);
    if (node->output_count > 1 || (axis != -1 && axis != (int64_t)x->rank - 1) ||
        kin_match_floats(graph, node->inputs[1]) == NULL ||
        (shift != KIN_VALUE_NONE && kin_match_floats(graph, shift) == NULL))
        return;
    float epsilon = kin_node_float(node, "epsilon", 1e-5f);
    uint32_t inputs[3] = {node->inputs[0], node->inputs[1], shift};
    make_fused(node, KIN_FUSED_NORM, inputs, 3)->epsilon = epsilon;
}

/* --- Activations ---------------------------------------------------------------------------- */

/* The activation that a node of ONNX's own is, on one input. */
static bool activation_of(const kin_graph *graph, const kin_node *node, kin_activation *activation)
{
    static const struct {
        const char *op;
        kin_activation_kind kind;
    } plain[] = {{"Relu", KIN_ACTIVATION_RELU},
                 {"Sigmoid", KIN_ACTIVATION_SIGMOID},
                 {"Tanh", KIN_ACTIVATION_TANH},
                 {"HardSwish", KIN_ACTIVATION_HARD_SWISH}};
    *activation = (kin_activation){.kind = KIN_ACTIVATION_NONE};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (kin_match_op(node, plain[i].op)) activation->kind = plain[i].kind;
    if (kin_match_op(node, "LeakyRelu")) {
        activation->kind = KIN_ACTIVATION_LEAKY;
        activation->low = kin_node_float(node, "alpha", 0.01f);
    } else if (kin_match_op(node, "HardSigmoid")) {
        activation->kind = KIN_ACTIVATION_HARD_SIGMOID;
        activation->low = kin_node_float(node, "alpha", 0.2f);
        activation->high = kin_node_float(node, "beta", 0.5f);
    } else if (kin_match_op(node, "Clip")) {
        if (!kin_match_clip(graph, node, &activation->low, &activation->high)) return false;
        activation->kind = KIN_ACTIVATION_CLIP;
    }
    return activation->kind != KIN_ACTIVATION_NONE;
}

static void fuse_activation(kin_graph *graph, kin_node *node)
{
    kin_activation activation;
    if (graph->values[node->inputs[0]].tensor.type != KIN_TYPE_FLOAT ||
        !activation_of(graph, node, &activation))
        return;
    uint32_t input = node->inputs[0];
    make_fused(node, KIN_FUSED_ACTIVATION, &input, 1)->activation = activation;
}

/* The nodes of an expression that ends in `last` become one activation of x. */
static void replace_expression(kin_graph *graph, kin_match *match, uint32_t last, uint32_t x,
                               kin_activation activation)
{
    for (uint32_t i = 0; i < match->node_count; i++)
        if (match->nodes[i] != last) kin_match_remove(graph, match->nodes[i]);
    make_fused(&graph->nodes[last], KIN_FUSED_ACTIVATION, &x, 1)->activation = activation;
}

static void fuse_expression(kin_graph *graph, const kin_uses *uses, uint32_t n)
{
    kin_match match = {.graph = graph, .uses = uses};
    kin_activation activation = {.kind = KIN_ACTIVATION_NONE};
    uint32_t x;
    float epsilon;
    uint32_t scale, shift;
    if (kin_match_silu(&match, n, &x))
        activation.kind = KIN_ACTIVATION_SILU;
    else if (kin_match_hard_swish(&match, n, &x))
        activation.kind = KIN_ACTIVATION_HARD_SWISH;
    else if (kin_match_gelu(&match, n, &x))
        activation.kind = KIN_ACTIVATION_GELU;
    if (activation.kind != KIN_ACTIVATION_NONE) {
        replace_expression(graph, &match, n, x, activation);
    } else if (kin_match_layer_norm(&match, n, &x, &scale, &shift, &epsilon)) {
        uint32_t inputs[3] = {x, scale, shift};
        for (uint32_t i = 0; i < match.node_count; i++)
            if (match.nodes[i] != n) kin_match_remove(graph, match.nodes[i]);
        make_fused(&graph->nodes[n], KIN_FUSED_NORM, inputs, 3)->epsilon = epsilon;
    }
}

/* --- Into what comes before ------------------------------------------------------------------ */

/* The fused node that makes `value`, if nobody else takes it and it has no activation yet. */
static kin_node *open_producer(kin_graph *graph, const kin_uses *uses, uint32_t value)
{
    uint32_t producer = graph->values[value].producer;
    if (producer == KIN_VALUE_NONE || uses->count[value] != 1) return NULL;
    kin_node *node = &graph->nodes[producer];
    const kin_fused *fused = kin_node_fused(node);
    if (node->removed || fused == NULL || fused->activation.kind != KIN_ACTIVATION_NONE ||
        kin_match_op(node, KIN_FUSED_NORM))
        return NULL;
    return node;
}

/* The node before gives what the removed node behind it gave. */
static void take_output(kin_graph *graph, kin_node *before, kin_node *behind)
{
    graph->values[before->outputs[0]].producer = KIN_VALUE_NONE;
    before->outputs[0] = behind->outputs[0];
    graph->values[before->outputs[0]].producer = (uint32_t)(before - graph->nodes);
    behind->removed = true;
}

/* weights [m][...] times factor [m], bias = bias factor + shift. */
static void scale_convolution(kin_graph *graph, kin_node *node, const float *scale,
                              const float *shift)
{
    const kin_shape shape = graph->values[node->inputs[1]].tensor.shape;
    kin_shape bias_shape = kin_shape_of(1, 1);
    bias_shape.dims[0] = shape.dims[0];
    uint32_t weights = kin_graph_constant(graph, "", KIN_TYPE_FLOAT, &shape);
    uint32_t bias = kin_graph_constant(graph, "", KIN_TYPE_FLOAT, &bias_shape);
    const float *from = graph->values[node->inputs[1]].tensor.data;
    const float *offset =
        node->inputs[2] == KIN_VALUE_NONE ? NULL : graph->values[node->inputs[2]].tensor.data;
    float *to = graph->values[weights].tensor.data, *sum = graph->values[bias].tensor.data;
    int64_t each = kin_shape_product(&shape, 1, shape.rank);
    for (int64_t m = 0; m < shape.dims[0]; m++) {
        for (int64_t i = 0; i < each; i++)
            to[m * each + i] = from[m * each + i] * scale[m];
        sum[m] = (offset == NULL ? 0 : offset[m] * scale[m]) + shift[m];
    }
    node->inputs[1] = weights;
    node->inputs[2] = bias;
}

static void absorb_scale(kin_graph *graph, const kin_uses *uses, kin_node *node)
{
    kin_node *before = open_producer(graph, uses, node->inputs[0]);
    if (before == NULL || !kin_match_op(before, KIN_FUSED_CONVOLUTION) ||
        before->inputs[3] != KIN_VALUE_NONE)
        return;
    scale_convolution(graph, before, graph->values[node->inputs[1]].tensor.data,
                      graph->values[node->inputs[2]].tensor.data);
    take_output(graph, before, node);
}

static void absorb_activation(kin_graph *graph, const kin_uses *uses, kin_node *node)
{
    kin_node *before = open_producer(graph, uses, node->inputs[0]);
    if (before == NULL || kin_match_op(before, KIN_FUSED_ACTIVATION)) return;
    kin_node_fused(before)->activation = kin_node_fused(node)->activation;
    take_output(graph, before, node);
}

/* A bias behind a product. */
static bool absorb_bias(kin_graph *graph, const kin_uses *uses, kin_node *add, uint32_t i)
{
    uint32_t bias = add->inputs[1 - i];
    kin_node *before = open_producer(graph, uses, add->inputs[i]);
    if (before == NULL || !kin_match_op(before, KIN_FUSED_LINEAR) ||
        before->inputs[2] != KIN_VALUE_NONE || before->inputs[3] != KIN_VALUE_NONE ||
        kin_match_floats(graph, bias) == NULL)
        return false;
    const kin_shape *y = &graph->values[add->outputs[0]].tensor.shape;
    const kin_shape *b = &graph->values[bias].tensor.shape;
    if (b->rank == 0 || kin_shape_count(b) != b->dims[b->rank - 1] ||
        kin_shape_count(b) != y->dims[y->rank - 1] ||
        !kin_shape_equal(y, &graph->values[add->inputs[i]].tensor.shape))
        return false;
    before->inputs[2] = bias;
    take_output(graph, before, add);
    return true;
}

/* A sum of equal shapes: the convolution or product moves to where the sum was, as only there both
 * are known. */
static bool absorb_sum(kin_graph *graph, const kin_uses *uses, kin_node *add, uint32_t i)
{
    uint32_t other = add->inputs[1 - i];
    kin_node *before = open_producer(graph, uses, add->inputs[i]);
    if (before == NULL || before->inputs[0] == other ||
        !(kin_match_op(before, KIN_FUSED_CONVOLUTION) || kin_match_op(before, KIN_FUSED_LINEAR)) ||
        before->inputs[3] != KIN_VALUE_NONE || graph->values[other].tensor.data != NULL ||
        !kin_shape_equal(&graph->values[other].tensor.shape,
                         &graph->values[add->inputs[i]].tensor.shape))
        return false;
    kin_node old = *add;
    uint32_t *outputs = before->outputs;
    graph->values[outputs[0]].producer = KIN_VALUE_NONE;
    *add = *before;
    add->outputs = old.outputs;
    add->inputs[3] = other;
    *before = old; /* what is left of the sum */
    before->outputs = outputs;
    before->removed = true;
    return true;
}

static void absorb_add(kin_graph *graph, const kin_uses *uses, kin_node *add)
{
    if (graph->values[add->outputs[0]].tensor.type != KIN_TYPE_FLOAT) return;
    for (uint32_t i = 0; i < 2; i++)
        if (absorb_bias(graph, uses, add, i)) return;
    /* The one that is computed last is fused: the other is there by then. */
    uint32_t a = graph->values[add->inputs[0]].producer, b = graph->values[add->inputs[1]].producer;
    uint32_t last = a != KIN_VALUE_NONE && (b == KIN_VALUE_NONE || a > b) ? 0 : 1;
    if (!absorb_sum(graph, uses, add, last)) (void)absorb_sum(graph, uses, add, 1 - last);
}

/* --- Passes ---------------------------------------------------------------------------------- */

static void fuse_expressions(kin_graph *graph)
{
    kin_uses uses = kin_uses_count(graph);
    for (uint32_t n = graph->node_count; n-- > 0;) /* from the ends of expressions */
        if (!graph->nodes[n].removed) fuse_expression(graph, &uses, n);
    kin_uses_fini(&uses);
}

static void fuse_node(kin_graph *graph, uint32_t n)
{
    kin_node *node = &graph->nodes[n];
    if (kin_match_op(node, "Conv"))
        fuse_convolution(graph, node);
    else if (kin_match_op(node, "MatMul"))
        fuse_matmul(graph, node);
    else if (kin_match_op(node, "Gemm"))
        fuse_gemm(graph, node);
    else if (kin_match_op(node, "BatchNormalization"))
        fuse_batch_norm(graph, node);
    else if (kin_match_op(node, "LayerNormalization"))
        fuse_layer_norm(graph, node);
    else
        fuse_activation(graph, node);
}

static void absorb_node(kin_graph *graph, const kin_uses *uses, uint32_t n)
{
    kin_node *node = &graph->nodes[n];
    if (kin_match_op(node, KIN_FUSED_SCALE))
        absorb_scale(graph, uses, node);
    else if (kin_match_op(node, KIN_FUSED_ACTIVATION))
        absorb_activation(graph, uses, node);
    else if (kin_match_op(node, "Add"))
        absorb_add(graph, uses, node);
}

void kin_graph_fuse(kin_graph *graph)
{
    kin_fuse_pads(graph);
    fuse_expressions(graph);
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (!graph->nodes[n].removed && graph->nodes[n].input_count > 0) fuse_node(graph, n);
    kin_uses uses = kin_uses_count(graph);
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (!graph->nodes[n].removed && graph->nodes[n].input_count > 0)
            absorb_node(graph, &uses, n);
    kin_uses_fini(&uses);
}
