#include "worker/encode/network.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/fast_chain.h"
#include "worker/encode/fast_ops.h"
#include "worker/encode/fuse.h"
#include "worker/encode/infer.h"
#include "worker/encode/layout.h"
#include "worker/encode/memory_plan.h"
#include "worker/encode/op.h"

/* Activations and scratch of one network: what a rank may hold besides its pictures. */
#define ARENA_BYTES_MAX ((size_t)8 << 30)

/* Multiplications and additions of pairs for one run: ten times the largest network that we know,
 * and less than the silence after which a rank is taken for dead. */
#define WORK_MAX 1e12

/* What clones share. */
typedef struct shared {
    kin_graph *graph;
    kin_memory_plan plan;
    size_t scratch_bytes, weight_bytes;
    uint32_t users;
} shared;

typedef struct step {
    void (*run)(const kin_op_call *call);
    kin_op_call call;
} step;

struct kin_network {
    shared *shared;
    kin_tensor *tensors; /* [value_count] */
    step *steps;
    uint32_t step_count;
    uint8_t *arena;
};

/* --- Making the graph ready ------------------------------------------------------------------ */

static kin_status apply_shapes(kin_graph *graph, const kin_network_options *options,
                               kin_error *error)
{
    for (uint32_t s = 0; s < options->shape_count; s++) {
        const kin_network_input_shape *given = &options->shapes[s];
        uint32_t value = KIN_VALUE_NONE;
        for (uint32_t i = 0; i < graph->input_count && value == KIN_VALUE_NONE; i++)
            if (given->name == NULL ||
                strcmp(graph->values[graph->inputs[i]].name, given->name) == 0)
                value = graph->inputs[i];
        if (value == KIN_VALUE_NONE)
            return kin_fail(error, KIN_BAD_INPUT, "the model has no input '%.200s'",
                            given->name == NULL ? "" : given->name);
        graph->values[value].tensor.shape = given->shape;
    }
    for (uint32_t i = 0; i < graph->input_count; i++) {
        kin_value *input = &graph->values[graph->inputs[i]];
        for (uint32_t d = 0; d < input->tensor.shape.rank; d++)
            if (d == 0 && input->tensor.shape.dims[d] < 0) input->tensor.shape.dims[d] = 1;
        if (!kin_shape_valid(&input->tensor.shape))
            return kin_fail(error, KIN_BAD_INPUT,
                            "the model leaves the shape of its input '%.200s' open; give one",
                            input->name);
    }
    return KIN_OK;
}

static kin_status apply_taps(kin_graph *graph, const kin_network_options *options, kin_error *error)
{
    if (options->tap_count == 0) return KIN_OK;
    for (uint32_t i = 0; i < graph->output_count; i++)
        graph->values[graph->outputs[i]].is_output = false;
    graph->output_count = 0;
    for (uint32_t t = 0; t < options->tap_count; t++) {
        uint32_t value = kin_graph_find(graph, options->taps[t]);
        if (value == KIN_VALUE_NONE)
            return kin_fail(error, KIN_BAD_INPUT,
                            "the model has no tensor '%.200s'; `kindred-index model` lists them",
                            options->taps[t]);
        kin_graph_add_output(graph, value);
    }
    return KIN_OK;
}

/* Nodes whose values nobody takes are removed: their operators need not even be known. */
static void remove_dead(kin_graph *graph)
{
    bool *wanted = kin_calloc(graph->value_count, sizeof *wanted);
    for (uint32_t i = 0; i < graph->output_count; i++)
        wanted[graph->outputs[i]] = true;
    for (uint32_t n = graph->node_count; n-- > 0;) {
        kin_node *node = &graph->nodes[n];
        bool any = false;
        for (uint32_t i = 0; i < node->output_count && !node->removed; i++) {
            if (node->outputs[i] == KIN_VALUE_NONE) continue;
            if (wanted[node->outputs[i]])
                any = true;
            else
                node->outputs[i] = KIN_VALUE_NONE;
        }
        if (!any) node->removed = true;
        for (uint32_t i = 0; i < node->input_count && any; i++)
            if (node->inputs[i] != KIN_VALUE_NONE) wanted[node->inputs[i]] = true;
    }
    free(wanted);
}

/* Weights are packed; the graph's own copies go, unless somebody still takes them. */
static void prepare(shared *made, bool reference)
{
    kin_graph *graph = made->graph;
    bool *wanted = kin_calloc(graph->value_count, sizeof *wanted);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        kin_node *node = &graph->nodes[n];
        if (node->removed) continue;
        if (node->implementation == NULL) node->implementation = kin_op_find(node->op);
        if (!reference) kin_fast_prepare(graph, node);
        KIN_CHECK(node->implementation != NULL);
        size_t packed = reference ? 0 : kin_fast_weight_bytes(node);
        made->weight_bytes += packed;
        if (packed > 0) node->inputs[1] = node->inputs[2] = KIN_VALUE_NONE;
        for (uint32_t i = 0; i < node->input_count; i++)
            if (node->inputs[i] != KIN_VALUE_NONE) wanted[node->inputs[i]] = true;
    }
    if (!reference) kin_fast_chain(graph);
    for (uint32_t i = 0; i < graph->output_count; i++)
        wanted[graph->outputs[i]] = true;
    for (uint32_t i = 0; i < graph->value_count; i++) {
        if (graph->values[i].tensor.data == NULL) continue;
        if (wanted[i])
            made->weight_bytes += kin_tensor_bytes(&graph->values[i].tensor);
        else
            kin_graph_drop_constant(graph, i);
    }
    free(wanted);
}

static kin_status check_work(const kin_graph *graph, kin_error *error)
{
    double work = 0;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->removed || node->output_count == 0 || node->outputs[0] == KIN_VALUE_NONE)
            continue;
        const kin_tensor *output = &graph->values[node->outputs[0]].tensor;
        work += (double)kin_tensor_count(output) * (double)kin_fast_depth(graph, node);
    }
    if (work <= WORK_MAX) return KIN_OK;
    return kin_fail(error, KIN_LIMIT,
                    "the network multiplies and adds %.3g times in one run; the limit is %.3g",
                    work, WORK_MAX);
}

/* --- Steps ----------------------------------------------------------------------------------- */

static void make_tensors(kin_network *network)
{
    const shared *s = network->shared;
    network->tensors = kin_calloc(s->graph->value_count, sizeof *network->tensors);
    for (uint32_t i = 0; i < s->graph->value_count; i++) {
        network->tensors[i] = s->graph->values[i].tensor;
        if (s->plan.offsets[i] != KIN_PLAN_NONE && network->tensors[i].data == NULL)
            network->tensors[i].data = network->arena + s->plan.offsets[i];
    }
}

/* Calls of every node in order; their scratch is found on the way where it is not known yet. */
static kin_status make_steps(kin_network *network, bool find_scratch, kin_error *error)
{
    shared *s = network->shared;
    const kin_graph *graph = s->graph;
    kin_status status = KIN_OK;
    kin_tensor **tensors = kin_calloc(graph->value_count, sizeof *tensors);
    for (uint32_t i = 0; i < graph->value_count; i++)
        tensors[i] = find_scratch ? &s->graph->values[i].tensor : &network->tensors[i];
    network->steps = kin_calloc(graph->node_count, sizeof *network->steps);
    for (uint32_t n = 0; status == KIN_OK && n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->removed || kin_fast_is_chained(node)) continue;
        step *next = &network->steps[network->step_count++];
        next->run = node->implementation->run;
        next->call = kin_call_of(node, tensors);
        if (!find_scratch) continue;
        status = node->implementation->infer(&next->call, error);
        if (next->call.scratch_bytes > s->scratch_bytes)
            s->scratch_bytes = next->call.scratch_bytes;
    }
    free(tensors);
    return status;
}

static void free_steps(kin_network *network)
{
    for (uint32_t i = 0; i < network->step_count; i++)
        kin_call_fini(&network->steps[i].call);
    free(network->steps);
    network->steps = NULL;
    network->step_count = 0;
}

static size_t aligned(size_t bytes)
{
    return (bytes + KIN_PLAN_ALIGNMENT - 1) / KIN_PLAN_ALIGNMENT * KIN_PLAN_ALIGNMENT;
}

/* The memory of one network, and the calls that use it. */
static kin_status settle(kin_network *network, kin_error *error)
{
    shared *s = network->shared;
    size_t bytes = aligned(s->plan.bytes) + aligned(s->scratch_bytes) + KIN_PLAN_ALIGNMENT;
    if (bytes > ARENA_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT,
                        "the network needs %zu MB of memory while it runs; the limit is %zu",
                        bytes >> 20, ARENA_BYTES_MAX >> 20);
    network->arena = kin_memory_large(bytes);
    if (network->arena == NULL)
        return kin_fail(error, KIN_LIMIT, "no memory for a network of %zu MB", bytes >> 20);
    memset(network->arena, 0, bytes);
    make_tensors(network);
    kin_status status = make_steps(network, false, error);
    for (uint32_t i = 0; i < network->step_count; i++)
        network->steps[i].call.scratch = network->arena + aligned(s->plan.bytes);
    return status;
}

static kin_status make_ready(kin_network *network, const kin_network_options *options,
                             kin_error *error)
{
    shared *s = network->shared;
    const char *engine = getenv("KINDRED_ENGINE");
    bool reference = options->reference || (engine != NULL && strcmp(engine, "reference") == 0);
    kin_status status = apply_shapes(s->graph, options, error);
    if (status == KIN_OK) status = apply_taps(s->graph, options, error);
    if (status != KIN_OK) return status;
    remove_dead(s->graph);
    kin_graph_floats(s->graph);
    status = kin_graph_infer(s->graph, error);
    if (status != KIN_OK) return status;
    remove_dead(s->graph);
    if (!reference) {
        kin_graph_fuse(s->graph);
        remove_dead(s->graph);
        kin_graph_layout(s->graph);
        remove_dead(s->graph);
    }
    prepare(s, reference);
    status = check_work(s->graph, error);
    if (status == KIN_OK) status = make_steps(network, true, error);
    free_steps(network);
    if (status != KIN_OK) return status;
    kin_memory_plan_make(&s->plan, s->graph);
    return settle(network, error);
}

kin_status kin_network_open(kin_network **network, kin_graph **graph,
                            const kin_network_options *options, kin_error *error)
{
    static const kin_network_options none = {0};
    kin_network *made = kin_calloc(1, sizeof *made);
    made->shared = kin_calloc(1, sizeof *made->shared);
    made->shared->graph = *graph;
    made->shared->users = 1;
    *graph = NULL;
    kin_status status = make_ready(made, options == NULL ? &none : options, error);
    if (status != KIN_OK) kin_network_close(&made);
    *network = made;
    return status;
}

kin_network *kin_network_clone(kin_network *network)
{
    kin_network *made = kin_calloc(1, sizeof *made);
    made->shared = network->shared;
    made->shared->users++;
    kin_error error;
    kin_status status = settle(made, &error);
    KIN_CHECK(status == KIN_OK); /* the first one had the memory, and so must the second */
    return made;
}

void kin_network_close(kin_network **network)
{
    kin_network *old = *network;
    if (old == NULL) return;
    free_steps(old);
    free(old->tensors);
    free(old->arena);
    if (--old->shared->users == 0) {
        kin_memory_plan_fini(&old->shared->plan);
        kin_graph_unfuse(old->shared->graph);
        kin_graph_destroy(&old->shared->graph);
        free(old->shared);
    }
    free(old);
    *network = NULL;
}

/* --- Using it -------------------------------------------------------------------------------- */

const kin_graph *kin_network_graph(const kin_network *network)
{
    return network->shared->graph;
}

uint32_t kin_network_input_count(const kin_network *network)
{
    return network->shared->graph->input_count;
}

uint32_t kin_network_output_count(const kin_network *network)
{
    return network->shared->graph->output_count;
}

const char *kin_network_input_name(const kin_network *network, uint32_t i)
{
    const kin_graph *graph = network->shared->graph;
    return graph->values[graph->inputs[i]].name;
}

const char *kin_network_output_name(const kin_network *network, uint32_t i)
{
    const kin_graph *graph = network->shared->graph;
    return graph->values[graph->outputs[i]].name;
}

kin_tensor *kin_network_input(kin_network *network, uint32_t i)
{
    return &network->tensors[network->shared->graph->inputs[i]];
}

const kin_tensor *kin_network_output(const kin_network *network, uint32_t i)
{
    return &network->tensors[network->shared->graph->outputs[i]];
}

void kin_network_run(kin_network *network)
{
    for (uint32_t i = 0; i < network->step_count; i++)
        network->steps[i].run(&network->steps[i].call);
}

uint32_t kin_network_step_count(const kin_network *network)
{
    return network->step_count;
}

const kin_node *kin_network_step_node(const kin_network *network, uint32_t i)
{
    return network->steps[i].call.node;
}

void kin_network_run_step(kin_network *network, uint32_t i)
{
    network->steps[i].run(&network->steps[i].call);
}

uint64_t kin_network_activation_bytes(const kin_network *network)
{
    return network->shared->plan.bytes + network->shared->scratch_bytes;
}

uint64_t kin_network_weight_bytes(const kin_network *network)
{
    return network->shared->weight_bytes;
}
