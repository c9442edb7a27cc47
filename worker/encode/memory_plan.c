#include "worker/encode/memory_plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/fast_chain.h"
#include "worker/encode/fast_ops.h"

#define FOR_EVER UINT32_MAX

typedef struct hole {
    size_t offset, bytes;
} hole;

typedef struct planner {
    const kin_graph *graph;
    kin_memory_plan *plan;
    uint32_t *root;     /* [value_count]: the value whose bytes it has */
    uint32_t *last_use; /* [value_count], of roots: the last node that takes it */
    hole *holes;        /* free places, ascending, none touching the next */
    uint32_t hole_count, hole_capacity;
} planner;

static size_t bytes_of(const planner *p, uint32_t value)
{
    size_t bytes = kin_tensor_bytes(&p->graph->values[value].tensor);
    return (bytes + KIN_PLAN_ALIGNMENT - 1) / KIN_PLAN_ALIGNMENT * KIN_PLAN_ALIGNMENT;
}

static void find_lifetimes(planner *p)
{
    const kin_graph *graph = p->graph;
    for (uint32_t i = 0; i < graph->value_count; i++)
        p->root[i] = i;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->removed) continue;
        if (kin_fast_is_alias(node)) p->root[node->outputs[0]] = p->root[node->inputs[0]];
        for (uint32_t i = 0; i < node->input_count; i++)
            if (node->inputs[i] != KIN_VALUE_NONE) p->last_use[p->root[node->inputs[i]]] = n;
    }
    for (uint32_t i = 0; i < graph->input_count; i++)
        p->last_use[p->root[graph->inputs[i]]] = FOR_EVER;
    for (uint32_t i = 0; i < graph->output_count; i++)
        p->last_use[p->root[graph->outputs[i]]] = FOR_EVER;
}

/* The smallest hole that is large enough, or the end. */
static size_t take_place(planner *p, size_t bytes)
{
    uint32_t best = p->hole_count;
    for (uint32_t i = 0; i < p->hole_count; i++)
        if (p->holes[i].bytes >= bytes &&
            (best == p->hole_count || p->holes[i].bytes < p->holes[best].bytes))
            best = i;
    if (best == p->hole_count) { /* the last hole, if it is at the end, grows */
        hole *last = p->hole_count > 0 ? &p->holes[p->hole_count - 1] : NULL;
        size_t offset = p->plan->bytes;
        if (last != NULL && last->offset + last->bytes == offset) {
            offset = last->offset;
            p->hole_count--;
        }
        p->plan->bytes = offset + bytes;
        return offset;
    }
    size_t offset = p->holes[best].offset;
    p->holes[best].offset += bytes;
    p->holes[best].bytes -= bytes;
    if (p->holes[best].bytes == 0)
        memmove(&p->holes[best], &p->holes[best + 1], (--p->hole_count - best) * sizeof *p->holes);
    return offset;
}

static void give_back(planner *p, size_t offset, size_t bytes)
{
    uint32_t at = 0;
    if (bytes == 0) return;
    while (at < p->hole_count && p->holes[at].offset < offset)
        at++;
    if (p->hole_count == p->hole_capacity) {
        p->hole_capacity = 2 * p->hole_capacity + 16;
        p->holes = kin_realloc(p->holes, p->hole_capacity, sizeof *p->holes);
    }
    memmove(&p->holes[at + 1], &p->holes[at], (p->hole_count++ - at) * sizeof *p->holes);
    p->holes[at] = (hole){offset, bytes};
    for (uint32_t i = at > 0 ? at - 1 : 0; i + 1 < p->hole_count && i <= at;) {
        if (p->holes[i].offset + p->holes[i].bytes != p->holes[i + 1].offset) {
            i++;
            continue;
        }
        p->holes[i].bytes += p->holes[i + 1].bytes;
        memmove(&p->holes[i + 1], &p->holes[i + 2], (--p->hole_count - (i + 1)) * sizeof *p->holes);
    }
}

static void plan_node(planner *p, uint32_t n)
{
    const kin_node *node = &p->graph->nodes[n];
    size_t *offsets = p->plan->offsets;
    for (uint32_t i = 0; i < node->output_count; i++) {
        uint32_t value = node->outputs[i];
        if (value == KIN_VALUE_NONE || p->root[value] != value || kin_fast_is_chained(node))
            continue;
        offsets[value] = take_place(p, bytes_of(p, value));
    }
    for (uint32_t i = 0; i < node->input_count + node->output_count; i++) {
        bool is_input = i < node->input_count;
        uint32_t value = is_input ? node->inputs[i] : node->outputs[i - node->input_count];
        if (value == KIN_VALUE_NONE) continue;
        uint32_t root = p->root[value];
        bool over =
            p->last_use[root] == n || (!is_input && root == value && p->last_use[root] == 0);
        if (!over || offsets[root] == KIN_PLAN_NONE) continue;
        p->last_use[root] = FOR_EVER; /* given back once */
        give_back(p, offsets[root], bytes_of(p, root));
    }
}

void kin_memory_plan_make(kin_memory_plan *plan, const kin_graph *graph)
{
    planner p = {.graph = graph, .plan = plan};
    plan->bytes = 0;
    plan->offsets = kin_malloc(graph->value_count * sizeof *plan->offsets);
    memset(plan->offsets, 0xff, graph->value_count * sizeof *plan->offsets);
    p.root = kin_calloc(graph->value_count, sizeof *p.root);
    p.last_use = kin_calloc(graph->value_count, sizeof *p.last_use);
    find_lifetimes(&p);
    for (uint32_t i = 0; i < graph->input_count; i++)
        plan->offsets[graph->inputs[i]] = take_place(&p, bytes_of(&p, graph->inputs[i]));
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (!graph->nodes[n].removed) plan_node(&p, n);
    for (uint32_t i = 0; i < graph->value_count; i++)
        plan->offsets[i] = plan->offsets[p.root[i]];
    free(p.root);
    free(p.last_use);
    free(p.holes);
}

void kin_memory_plan_fini(kin_memory_plan *plan)
{
    free(plan->offsets);
    plan->offsets = NULL;
}
