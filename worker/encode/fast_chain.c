#include "worker/encode/fast_chain.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/convolution_chain.h"
#include "worker/encode/fuse.h"
#include "worker/encode/fuse_match.h"
#include "worker/encode/op.h"

/* Where the last node of a chain takes what the first one takes. */
#define CHAIN_INPUT 4

static kin_status chain_scratch(kin_op_call *call, kin_error *error)
{
    (void)error;
    call->scratch_bytes = kin_convolution_chain_scratch_bytes(kin_node_fused(call->node)->chain);
    return KIN_OK;
}

static void run_chain(const kin_op_call *call)
{
    const kin_tensor *in = call->inputs[CHAIN_INPUT], *out = call->outputs[0];
    size_t in_each = (size_t)kin_shape_product(&in->shape, 1, 4);
    size_t out_each = (size_t)kin_shape_product(&out->shape, 1, 4);
    size_t in_stride = (size_t)in->shape.dims[3], out_stride = (size_t)out->shape.dims[3];
    const float *input = in->data;
    const float *sum = call->inputs[3] == NULL ? NULL : call->inputs[3]->data;
    float *output = out->data;
    for (int64_t n = 0; n < in->shape.dims[0]; n++) {
        kin_convolution_chain_run(kin_node_fused(call->node)->chain, input, in_stride, output,
                                  out_stride, sum, out_stride, call->scratch);
        input += in_each;
        output += out_each;
        if (sum != NULL) sum += out_each;
    }
}

static const kin_op chain_end = {
    .name = KIN_FUSED_CONVOLUTION, .infer = chain_scratch, .run = run_chain};
/* Never run: the last node does it. */
static const kin_op chained = {.name = KIN_FUSED_CONVOLUTION};

bool kin_fast_is_chained(const kin_node *node)
{
    return node->implementation == &chained;
}

/* The convolution that makes `value` for one node alone, without a sum. */
static kin_node *inner(kin_graph *graph, const kin_uses *uses, uint32_t value)
{
    uint32_t producer = graph->values[value].producer;
    if (producer == KIN_VALUE_NONE || uses->count[value] != 1) return NULL;
    kin_node *node = &graph->nodes[producer];
    bool fits = !node->removed && kin_match_op(node, KIN_FUSED_CONVOLUTION) &&
                node->inputs[3] == KIN_VALUE_NONE;
    return fits ? node : NULL;
}

static const kin_convolution *convolution_of(const kin_node *node)
{
    return kin_node_fused(node)->prepared;
}

static bool is_depthwise(const kin_node *node)
{
    return strcmp(kin_convolution_method(convolution_of(node)), "depthwise") == 0;
}

/* nodes [count] in order; false where they do not run in strips. */
static bool try_chain(kin_node *const *nodes, size_t count)
{
    const kin_convolution *stages[KIN_CHAIN_STAGES_MAX];
    for (size_t i = 0; i < count; i++)
        stages[i] = convolution_of(nodes[i]);
    kin_convolution_chain *chain = kin_convolution_chain_new(stages, count, KIN_CHAIN_MAP_BYTES);
    if (chain == NULL) return false;
    kin_node *last = nodes[count - 1];
    kin_node_add_input(last, nodes[0]->inputs[0]);
    kin_node_fused(last)->chain = chain;
    last->implementation = &chain_end;
    for (size_t i = 0; i + 1 < count; i++)
        nodes[i]->implementation = &chained;
    return true;
}

/* What comes before, a depthwise one, and what comes behind; or two of these. */
static void chain_node(kin_graph *graph, const kin_uses *uses, kin_node *node)
{
    kin_node *before = inner(graph, uses, node->inputs[0]);
    if (before == NULL || kin_fast_is_chained(before)) return;
    if (is_depthwise(before)) {
        kin_node *first = inner(graph, uses, before->inputs[0]);
        if (first != NULL && !kin_fast_is_chained(first) &&
            try_chain((kin_node *[]){first, before, node}, 3))
            return;
    } else if (!is_depthwise(node)) {
        return;
    }
    (void)try_chain((kin_node *[]){before, node}, 2);
}

void kin_fast_chain(kin_graph *graph)
{
    kin_uses uses = kin_uses_count(graph);
    for (uint32_t n = graph->node_count; n-- > 0;) { /* the longest ones end last */
        kin_node *node = &graph->nodes[n];
        if (!node->removed && kin_match_op(node, KIN_FUSED_CONVOLUTION) &&
            !kin_fast_is_chained(node))
            chain_node(graph, &uses, node);
    }
    kin_uses_fini(&uses);
}
