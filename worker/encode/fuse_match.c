#include "worker/encode/fuse_match.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

kin_uses kin_uses_count(const kin_graph *graph)
{
    kin_uses uses = {.count = kin_calloc(graph->value_count, sizeof *uses.count),
                     .value_count = graph->value_count};
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        for (uint32_t i = 0; !node->removed && i < node->input_count; i++)
            if (node->inputs[i] != KIN_VALUE_NONE) uses.count[node->inputs[i]]++;
    }
    for (uint32_t i = 0; i < graph->output_count; i++)
        uses.count[graph->outputs[i]]++;
    return uses;
}

void kin_uses_fini(kin_uses *uses)
{
    free(uses->count);
}

bool kin_match_op(const kin_node *node, const char *op)
{
    return strcmp(node->op, op) == 0;
}

const float *kin_match_floats(const kin_graph *graph, uint32_t value)
{
    if (value == KIN_VALUE_NONE) return NULL;
    const kin_tensor *tensor = &graph->values[value].tensor;
    return tensor->type == KIN_TYPE_FLOAT ? tensor->data : NULL;
}

bool kin_match_number(const kin_graph *graph, uint32_t value, float *number)
{
    const float *data = kin_match_floats(graph, value);
    if (data == NULL || kin_tensor_count(&graph->values[value].tensor) != 1) return false;
    *number = data[0];
    return true;
}

bool kin_match_clip(const kin_graph *graph, const kin_node *node, float *low, float *high)
{
    *low = kin_node_float(node, "min", -FLT_MAX);
    *high = kin_node_float(node, "max", FLT_MAX);
    for (uint32_t i = 1; i < node->input_count; i++)
        if (node->inputs[i] != KIN_VALUE_NONE &&
            !kin_match_number(graph, node->inputs[i], i == 1 ? low : high))
            return false;
    return *low <= *high;
}

void kin_match_remove(kin_graph *graph, uint32_t node)
{
    kin_node *removed = &graph->nodes[node];
    removed->removed = true;
    for (uint32_t i = 0; i < removed->output_count; i++)
        if (removed->outputs[i] != KIN_VALUE_NONE)
            graph->values[removed->outputs[i]].producer = KIN_VALUE_NONE;
}

/* --- Pieces of expressions ------------------------------------------------------------------- */

/* The node that makes a value which nobody else takes, if it is of that operator: now part of the
 * expression. */
static const kin_node *inner(kin_match *match, uint32_t value, const char *op)
{
    if (value == KIN_VALUE_NONE || value >= match->uses->value_count) return NULL;
    uint32_t producer = match->graph->values[value].producer;
    if (producer == KIN_VALUE_NONE || match->uses->count[value] != 1 ||
        match->node_count == KIN_MATCH_NODES_MAX)
        return NULL;
    const kin_node *node = &match->graph->nodes[producer];
    if (node->removed || !kin_match_op(node, op)) return NULL;
    match->nodes[match->node_count++] = producer;
    return node;
}

/* The last node. */
static const kin_node *start(kin_match *match, uint32_t n, const char *op)
{
    const kin_node *node = &match->graph->nodes[n];
    match->node_count = 0;
    if (!kin_match_op(node, op)) return NULL;
    match->nodes[match->node_count++] = n;
    return node;
}

static bool near(float value, double wanted)
{
    return fabs(value - wanted) <= 1e-4 * fabs(wanted);
}

/* One of a node's two inputs is the constant `wanted`; the other one goes to *rest. */
static bool with_number(const kin_match *match, const kin_node *node, double wanted,
                        bool either_side, uint32_t *rest)
{
    float number;
    for (uint32_t i = 0; i < (either_side ? 2u : 1u); i++)
        if (kin_match_number(match->graph, node->inputs[1 - i], &number) && near(number, wanted)) {
            *rest = node->inputs[i];
            return true;
        }
    return false;
}

/* A value that is `value` divided by `divisor`, in either way of writing it. */
static bool divided(kin_match *match, uint32_t value, double divisor, uint32_t *rest)
{
    uint32_t before = match->node_count;
    const kin_node *node = inner(match, value, "Div");
    if (node != NULL && with_number(match, node, divisor, false, rest)) return true;
    match->node_count = before;
    node = inner(match, value, "Mul");
    if (node != NULL && with_number(match, node, 1 / divisor, true, rest)) return true;
    match->node_count = before;
    return false;
}

static bool same_floats(const kin_match *match, uint32_t x, uint32_t y)
{
    const kin_tensor *a = &match->graph->values[x].tensor, *b = &match->graph->values[y].tensor;
    return a->type == KIN_TYPE_FLOAT && b->type == KIN_TYPE_FLOAT &&
           kin_shape_equal(&a->shape, &b->shape);
}

bool kin_match_silu(kin_match *match, uint32_t n, uint32_t *x)
{
    for (uint32_t i = 0; i < 2; i++) {
        const kin_node *product = start(match, n, "Mul");
        if (product == NULL) return false;
        *x = product->inputs[i];
        const kin_node *sigmoid = inner(match, product->inputs[1 - i], "Sigmoid");
        if (sigmoid != NULL && sigmoid->inputs[0] == *x &&
            same_floats(match, *x, product->outputs[0]))
            return true;
    }
    return false;
}

/* x times something of x: with hard swish, clip(x + 3, 0, 6) / 6 or HardSigmoid(x; 1/6, 1/2). */
static bool hard_gate(kin_match *match, uint32_t value, uint32_t x, bool divide)
{
    uint32_t before = match->node_count, rest = value;
    const kin_node *gate = inner(match, value, "HardSigmoid");
    if (!divide && gate != NULL && gate->inputs[0] == x)
        return near(kin_node_float(gate, "alpha", 0.2f), 1.0 / 6) &&
               near(kin_node_float(gate, "beta", 0.5f), 0.5);
    match->node_count = before;
    if (!divide && !divided(match, value, 6, &rest)) return false;
    const kin_node *clip = inner(match, rest, "Clip");
    float low, high;
    if (clip == NULL || !kin_match_clip(match->graph, clip, &low, &high) || low != 0 || high != 6)
        return false;
    const kin_node *sum = inner(match, clip->inputs[0], "Add");
    return sum != NULL && with_number(match, sum, 3, true, &rest) && rest == x;
}

bool kin_match_hard_swish(kin_match *match, uint32_t n, uint32_t *x)
{
    for (uint32_t i = 0; i < 2; i++) { /* x (clip / 6) */
        const kin_node *product = start(match, n, "Mul");
        if (product == NULL) break;
        *x = product->inputs[i];
        if (hard_gate(match, product->inputs[1 - i], *x, false) &&
            same_floats(match, *x, product->outputs[0]))
            return true;
    }
    for (uint32_t i = 0; i < 2; i++) { /* (x clip) / 6 */
        uint32_t rest;
        const kin_node *quotient = start(match, n, "Div");
        if (quotient == NULL || !with_number(match, quotient, 6, false, &rest)) return false;
        const kin_node *product = inner(match, rest, "Mul");
        if (product == NULL) return false;
        *x = product->inputs[i];
        if (hard_gate(match, product->inputs[1 - i], *x, true) &&
            same_floats(match, *x, quotient->outputs[0]))
            return true;
    }
    return false;
}

/* (1 + erf(x / sqrt 2)) */
static bool one_plus_erf(kin_match *match, uint32_t value, uint32_t *x)
{
    uint32_t rest;
    const kin_node *sum = inner(match, value, "Add");
    if (sum == NULL || !with_number(match, sum, 1, true, &rest)) return false;
    const kin_node *erf_node = inner(match, rest, "Erf");
    return erf_node != NULL && divided(match, erf_node->inputs[0], sqrt(2), x);
}

/* (x (1 + erf)) 1/2, (x 1/2) (1 + erf), x ((1 + erf) 1/2) */
bool kin_match_gelu(kin_match *match, uint32_t n, uint32_t *x)
{
    uint32_t rest, half;
    for (uint32_t i = 0; i < 2; i++) {
        const kin_node *last = start(match, n, "Mul");
        if (last == NULL) return false;
        if (one_plus_erf(match, last->inputs[i], x)) { /* times x / 2 */
            const kin_node *scaled = inner(match, last->inputs[1 - i], "Mul");
            if (scaled != NULL && with_number(match, scaled, 0.5, true, &rest) && rest == *x)
                return same_floats(match, *x, last->outputs[0]);
        }
        last = start(match, n, "Mul");
        if (with_number(match, last, 0.5, true, &half)) { /* half of a product */
            const kin_node *product = inner(match, half, "Mul");
            if (product != NULL && one_plus_erf(match, product->inputs[i], x) &&
                product->inputs[1 - i] == *x)
                return same_floats(match, *x, last->outputs[0]);
        }
        last = start(match, n, "Mul");
        const kin_node *gate = inner(match, last->inputs[i], "Mul"); /* x times half of the gate */
        if (gate != NULL && with_number(match, gate, 0.5, true, &rest) &&
            one_plus_erf(match, rest, x) && last->inputs[1 - i] == *x)
            return same_floats(match, *x, last->outputs[0]);
    }
    return false;
}

/* Whether a node is the mean over the last dimension, which is kept. */
static bool is_last_mean(const kin_match *match, const kin_node *node)
{
    const kin_shape *shape = &match->graph->values[node->inputs[0]].tensor.shape;
    const kin_attribute *axes = kin_node_attribute(node, "axes", KIN_ATTRIBUTE_INTS);
    return axes != NULL && axes->count == 1 && shape->rank > 0 &&
           (axes->ints[0] == -1 || axes->ints[0] == (int64_t)shape->rank - 1) &&
           kin_node_int(node, "keepdims", 1) == 1;
}

/* x - mean(x), which two nodes of the expression take. */
static bool centred(kin_match *match, uint32_t value, uint32_t *x)
{
    const kin_graph *graph = match->graph;
    uint32_t producer = graph->values[value].producer;
    if (producer == KIN_VALUE_NONE || value >= match->uses->value_count ||
        match->uses->count[value] != 2)
        return false;
    const kin_node *difference = &graph->nodes[producer];
    if (!kin_match_op(difference, "Sub") || difference->removed) return false;
    *x = difference->inputs[0];
    match->nodes[match->node_count++] = producer;
    const kin_node *mean = inner(match, difference->inputs[1], "ReduceMean");
    return mean != NULL && mean->inputs[0] == *x && is_last_mean(match, mean);
}

/* sqrt(mean(c^2) + epsilon) */
static bool deviation(kin_match *match, uint32_t value, uint32_t c, float *epsilon)
{
    float exponent;
    const kin_node *root = inner(match, value, "Sqrt");
    const kin_node *sum = root == NULL ? NULL : inner(match, root->inputs[0], "Add");
    if (sum == NULL || !kin_match_number(match->graph, sum->inputs[1], epsilon)) return false;
    const kin_node *mean = inner(match, sum->inputs[0], "ReduceMean");
    if (mean == NULL || !is_last_mean(match, mean)) return false;
    const kin_node *square = inner(match, mean->inputs[0], "Pow");
    return square != NULL && square->inputs[0] == c &&
           kin_match_number(match->graph, square->inputs[1], &exponent) && exponent == 2;
}

/* A constant of one number for each place of the last dimension. */
static bool is_last_vector(const kin_match *match, uint32_t value, uint32_t x)
{
    const kin_shape *shape = &match->graph->values[x].tensor.shape;
    if (kin_match_floats(match->graph, value) == NULL || shape->rank == 0) return false;
    const kin_shape *own = &match->graph->values[value].tensor.shape;
    return own->rank == 1 && own->dims[0] == shape->dims[shape->rank - 1];
}

bool kin_match_layer_norm(kin_match *match, uint32_t n, uint32_t *x, uint32_t *scale,
                          uint32_t *shift, float *epsilon)
{
    const kin_node *sum = start(match, n, "Add");
    if (sum == NULL) return false;
    const kin_node *product = inner(match, sum->inputs[0], "Mul");
    const kin_node *quotient = product == NULL ? NULL : inner(match, product->inputs[0], "Div");
    if (quotient == NULL || match->node_count + 8 > KIN_MATCH_NODES_MAX) return false;
    uint32_t c = quotient->inputs[0];
    *scale = product->inputs[1];
    *shift = sum->inputs[1];
    return centred(match, c, x) && deviation(match, quotient->inputs[1], c, epsilon) &&
           is_last_vector(match, *scale, *x) && is_last_vector(match, *shift, *x);
}
