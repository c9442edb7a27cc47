/* The plan of memory: over random graphs, no two values that are needed at the same time share a
 * byte, whatever their sizes and aliases; checked by following every node, not by lifetimes. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/graph_trial.h"
#include "worker/encode/fast_ops.h"
#include "worker/encode/memory_plan.h"

#define NODES_MAX 40
#define NOBODY UINT32_MAX

/* --- The checker ----------------------------------------------------------------------------- */

/* A memory of 64-byte places, each of which knows whose value was written there last. */
typedef struct places {
    uint32_t *owner;
    size_t count;
} places;

static size_t places_of(const kin_graph *graph, uint32_t value)
{
    size_t bytes = kin_tensor_bytes(&graph->values[value].tensor);
    return (bytes + KIN_PLAN_ALIGNMENT - 1) / KIN_PLAN_ALIGNMENT;
}

/* Fails the test unless all of a value's places hold `content`. */
static void assert_holds(const places *memory, const kin_memory_plan *plan, const kin_graph *graph,
                         uint32_t value, uint32_t content)
{
    size_t first = plan->offsets[value] / KIN_PLAN_ALIGNMENT;
    for (size_t i = 0; i < places_of(graph, value); i++)
        if (memory->owner[first + i] != content)
            fail_msg("value %u has lost its place %zu", value, i);
}

static void write_value(places *memory, const kin_memory_plan *plan, const kin_graph *graph,
                        uint32_t value)
{
    size_t first = plan->offsets[value] / KIN_PLAN_ALIGNMENT;
    for (size_t i = 0; i < places_of(graph, value); i++)
        memory->owner[first + i] = value;
}

/* Runs the graph as labels: inputs are written before the first run only. */
static void check_plan(const kin_memory_plan *plan, const kin_graph *graph)
{
    places memory = {.count = (plan->bytes + KIN_PLAN_ALIGNMENT - 1) / KIN_PLAN_ALIGNMENT};
    uint32_t *content = kin_calloc(graph->value_count, sizeof *content); /* the value it is of */
    memory.owner = kin_malloc((memory.count + 1) * sizeof *memory.owner);
    memset(memory.owner, 0xff, memory.count * sizeof *memory.owner);
    for (uint32_t v = 0; v < graph->value_count; v++) {
        content[v] = v;
        bool lies = plan->offsets[v] != KIN_PLAN_NONE;
        assert_true(lies == (graph->values[v].tensor.data == NULL));
        if (lies)
            assert_true(plan->offsets[v] % KIN_PLAN_ALIGNMENT == 0 &&
                        plan->offsets[v] / KIN_PLAN_ALIGNMENT + places_of(graph, v) <=
                            memory.count);
    }
    for (uint32_t i = 0; i < graph->input_count; i++)
        write_value(&memory, plan, graph, graph->inputs[i]);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t n = 0; n < graph->node_count; n++) {
            const kin_node *node = &graph->nodes[n];
            if (node->removed) continue;
            if (kin_fast_is_alias(node)) {
                content[node->outputs[0]] = content[node->inputs[0]];
                assert_true(plan->offsets[node->outputs[0]] == plan->offsets[node->inputs[0]]);
                continue;
            }
            for (uint32_t i = 0; i < node->output_count; i++)
                if (node->outputs[i] != KIN_VALUE_NONE)
                    write_value(&memory, plan, graph, node->outputs[i]);
            /* behind the writing: a node reads while it writes */
            for (uint32_t i = 0; i < node->input_count; i++) {
                uint32_t value = node->inputs[i];
                if (value != KIN_VALUE_NONE && graph->values[value].tensor.data == NULL)
                    assert_holds(&memory, plan, graph, value, content[value]);
            }
            for (uint32_t i = 0; i < node->output_count; i++)
                if (node->outputs[i] != KIN_VALUE_NONE)
                    assert_holds(&memory, plan, graph, node->outputs[i], node->outputs[i]);
        }
        for (uint32_t i = 0; i < graph->output_count; i++)
            if (graph->values[graph->outputs[i]].tensor.data == NULL)
                assert_holds(&memory, plan, graph, graph->outputs[i], content[graph->outputs[i]]);
    }
    free(memory.owner);
    free(content);
}

/* --- Random graphs --------------------------------------------------------------------------- */

static uint32_t make_value(kin_graph *graph, kin_random *random, const kin_shape *shape)
{
    uint32_t value = kin_graph_value(graph, "");
    kin_shape own = kin_shape_of(1, (int)kin_random_below(random, 60));
    graph->values[value].tensor =
        (kin_tensor){.type = KIN_TYPE_FLOAT, .shape = shape == NULL ? own : *shape};
    return value;
}

/* A node that takes up to 4 of the values so far, and gives up to 3; or an alias of one. */
static void add_node(kin_graph *graph, kin_random *random)
{
    bool alias = kin_random_below(random, 4) == 0;
    uint32_t existing = graph->value_count, n = graph->node_count;
    kin_node *node = kin_graph_add_node(graph, alias ? "Reshape" : "Concat", "");
    uint64_t inputs = alias ? 1 : kin_random_below(random, 5);
    for (uint64_t i = 0; i < inputs; i++) {
        /* near ones as a rule: what is needed for long fills everything */
        uint32_t back = (uint32_t)kin_random_below(random, 3) == 0 ? existing : 5;
        uint32_t from = existing > back ? existing - back : 0;
        uint32_t value = from + (uint32_t)kin_random_below(random, existing - from);
        while (alias && graph->values[value].tensor.data != NULL)
            value = graph->inputs[0];
        bool left_out = !alias && kin_random_below(random, 8) == 0;
        kin_node_add_input(&graph->nodes[n], left_out ? KIN_VALUE_NONE : value);
    }
    uint64_t outputs = alias ? 1 : 1 + kin_random_below(random, 3);
    for (uint64_t i = 0; i < outputs; i++) {
        bool unwanted = !alias && kin_random_below(random, 6) == 0;
        const kin_shape shape =
            alias ? graph->values[graph->nodes[n].inputs[0]].tensor.shape : (kin_shape){.rank = 0};
        uint32_t value =
            unwanted ? KIN_VALUE_NONE : make_value(graph, random, alias ? &shape : NULL);
        kin_graph_add_node_output(graph, n, value);
    }
    node = &graph->nodes[n];
    if (alias) kin_fast_prepare(graph, node);
    assert_true(kin_fast_is_alias(node) == alias);
    if (!alias && kin_random_below(random, 10) == 0) {
        node->removed = true;
        for (uint32_t i = 0; i < node->output_count; i++) /* somebody else made them */
            if (node->outputs[i] != KIN_VALUE_NONE)
                graph->values[node->outputs[i]].tensor.data = kin_calloc(60, sizeof(float));
    }
}

static kin_graph *make_graph(uint64_t seed)
{
    kin_random random = {.state = seed};
    kin_graph *graph = kin_graph_new();
    uint64_t inputs = 1 + kin_random_below(&random, 3),
             nodes = kin_random_below(&random, NODES_MAX);
    for (uint64_t i = 0; i < inputs; i++)
        kin_graph_add_input(graph, make_value(graph, &random, NULL));
    kin_shape shape = kin_shape_of(1, 7);
    kin_graph_constant(graph, "", KIN_TYPE_FLOAT, &shape);
    for (uint64_t n = 0; n < nodes; n++)
        add_node(graph, &random);
    uint64_t outputs = 1 + kin_random_below(&random, 4);
    for (uint64_t i = 0; i < outputs; i++)
        kin_graph_add_output(graph, (uint32_t)kin_random_below(&random, graph->value_count));
    return graph;
}

static void random_graphs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        kin_graph *graph = make_graph(seed);
        kin_memory_plan plan;
        kin_memory_plan_make(&plan, graph);
        check_plan(&plan, graph);
        size_t sum = 0;
        for (uint32_t v = 0; v < graph->value_count; v++)
            sum += places_of(graph, v) * KIN_PLAN_ALIGNMENT;
        assert_true(plan.bytes <= sum);
        kin_memory_plan_fini(&plan);
        assert_null(plan.offsets);
        kin_graph_destroy(&graph);
    }
}

/* An input is filled once and stays through many runs: nothing else ever lies there. */
static void inputs_are_alone(void **state)
{
    (void)state;
    uint32_t found = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        kin_graph *graph = make_graph(seed);
        kin_memory_plan plan;
        kin_memory_plan_make(&plan, graph);
        size_t start = plan.offsets[graph->inputs[0]];
        size_t end = start + places_of(graph, graph->inputs[0]) * KIN_PLAN_ALIGNMENT;
        for (uint32_t v = 0; v < graph->value_count; v++) {
            size_t from = plan.offsets[v], bytes = places_of(graph, v) * KIN_PLAN_ALIGNMENT;
            bool alias = from == start; /* of the input, or both are empty */
            if (from == KIN_PLAN_NONE || bytes == 0 || start == end || alias) continue;
            assert_true(from + bytes <= start || from >= end);
            found++;
        }
        kin_memory_plan_fini(&plan);
        kin_graph_destroy(&graph);
    }
    assert_true(found > 100);
}

/* --- Known plans -------------------------------------------------------------------------------
 */

static void chain(graph_trial *t)
{
    graph_trial_input(t, "x", "16");
    graph_trial_output(t, "y");
    graph_trial_nodes(t, "Exp x > a; Exp a > b; Exp b > c; Exp c > d; Exp d > e; Exp e > y");
}

/* The input's place and two others, however long the chain; the result lies in one of them. */
static void chains_take_three_places(void **state)
{
    (void)state;
    kin_network *network = graph_trial_open(chain, NULL);
    assert_int_equal(kin_network_activation_bytes(network), 3 * 64);
    kin_network_close(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs),
        cmocka_unit_test(inputs_are_alone),
        cmocka_unit_test(chains_take_three_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
