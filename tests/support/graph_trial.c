#include "tests/support/graph_trial.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/memory.h"
#include "tests/support/plain_network.h"
#include "tests/support/test.h"
#include "worker/encode/convolution.h"
#include "worker/encode/fast_ops.h"
#include "worker/encode/fuse.h"

#define OUTPUTS_MAX 8
#define RELATIVE 1e-5

static char label[64];

void graph_trial_label(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(label, sizeof label, format, arguments);
    va_end(arguments);
}

/* --- Making ---------------------------------------------------------------------------------- */

static kin_shape shape_of(const char *text)
{
    kin_shape shape = {.rank = 0};
    for (const char *at = text + strspn(text, " "); *at != 0; at += strspn(at, " ")) {
        char *end;
        assert_true(shape.rank < KIN_TENSOR_RANK_MAX);
        shape.dims[shape.rank++] = strtoll(at, &end, 10);
        assert_true(end > at);
        at = end;
    }
    return shape;
}

void graph_trial_input(graph_trial *trial, const char *name, const char *shape)
{
    uint32_t value = kin_graph_value(trial->graph, name);
    trial->graph->values[value].tensor =
        (kin_tensor){.type = KIN_TYPE_FLOAT, .shape = shape_of(shape)};
    kin_graph_add_input(trial->graph, value);
}

void graph_trial_output(graph_trial *trial, const char *name)
{
    kin_graph_add_output(trial->graph, kin_graph_value(trial->graph, name));
}

void graph_trial_random(graph_trial *trial, const char *name, const char *shape, double low,
                        double high)
{
    kin_shape dims = shape_of(shape);
    uint32_t value = kin_graph_constant(trial->graph, name, KIN_TYPE_FLOAT, &dims);
    kin_tensor *tensor = &trial->graph->values[value].tensor;
    for (int64_t i = 0; i < kin_tensor_count(tensor); i++)
        kin_tensor_set(tensor, i, low + (high - low) * kin_random_unit(&trial->random));
}

void graph_trial_number(graph_trial *trial, const char *name, const char *shape, double number)
{
    kin_shape dims = shape_of(shape);
    uint32_t value = kin_graph_constant(trial->graph, name, KIN_TYPE_FLOAT, &dims);
    kin_tensor *tensor = &trial->graph->values[value].tensor;
    for (int64_t i = 0; i < kin_tensor_count(tensor); i++)
        kin_tensor_set(tensor, i, number);
}

void graph_trial_ints(graph_trial *trial, const char *name, const char *numbers)
{
    kin_shape values = shape_of(numbers), dims = kin_shape_of(1, (int)values.rank);
    uint32_t value = kin_graph_constant(trial->graph, name, KIN_TYPE_INT64, &dims);
    memcpy(trial->graph->values[value].tensor.data, values.dims, values.rank * sizeof *values.dims);
}

/* The next word of *at in word [256]; false at the end. */
static bool next_word(const char **at, char *word)
{
    *at += strspn(*at, " ");
    size_t bytes = strcspn(*at, " ");
    assert_true(bytes < 256);
    memcpy(word, *at, bytes);
    word[bytes] = 0;
    *at += bytes;
    return bytes > 0;
}

static uint32_t value_of(graph_trial *trial, const char *word)
{
    return strcmp(word, "-") == 0 ? KIN_VALUE_NONE : kin_graph_value(trial->graph, word);
}

/* "name=1", "name=1,2", "name=0.5f", "name=WORD". */
static void add_attribute(kin_node *node, char *word)
{
    char *value = strchr(word, '='), *end;
    assert_non_null(value);
    *value++ = 0;
    int64_t number = strtoll(value, &end, 10);
    if (end > value && *end == 0 && strcmp(word, "axes") != 0) {
        kin_node_add_attribute(node, word, KIN_ATTRIBUTE_INT)->i = number;
    } else if (end > value && (*end == ',' || *end == 0)) {
        kin_attribute *made = kin_node_add_attribute(node, word, KIN_ATTRIBUTE_INTS);
        made->ints = kin_calloc(strlen(value), sizeof *made->ints);
        for (char *at = value; *at != 0; at = *end == ',' ? end + 1 : end)
            made->ints[made->count++] = strtoll(at, &end, 10);
    } else if (end > value) {
        kin_node_add_attribute(node, word, KIN_ATTRIBUTE_FLOAT)->f = strtof(value, NULL);
    } else {
        kin_node_add_attribute(node, word, KIN_ATTRIBUTE_STRING)->s = kin_strdup(value);
    }
}

void graph_trial_node(graph_trial *trial, const char *op, const char *inputs, const char *outputs,
                      const char *attributes)
{
    char word[256];
    const char *name = outputs;
    kin_graph *graph = trial->graph;
    kin_graph_add_node(graph, op, next_word(&name, word) ? word : "");
    uint32_t n = graph->node_count - 1;
    while (next_word(&inputs, word))
        kin_node_add_input(&graph->nodes[n], value_of(trial, word));
    while (next_word(&outputs, word))
        kin_graph_add_node_output(graph, n, value_of(trial, word));
    while (attributes != NULL && next_word(&attributes, word))
        add_attribute(&graph->nodes[n], word);
}

void graph_trial_nodes(graph_trial *trial, const char *text)
{
    char *copy = kin_strdup(text), *rest = NULL;
    for (char *node = strtok_r(copy, ";", &rest); node != NULL; node = strtok_r(NULL, ";", &rest)) {
        char *outputs = strchr(node, '>'), *attributes = strchr(node, '|');
        char *op = node + strspn(node, " "), *inputs = op + strcspn(op, " ");
        assert_true(outputs != NULL && inputs < outputs);
        *inputs++ = 0;
        if (outputs < inputs) outputs = inputs; /* it has none */
        *outputs++ = 0;
        if (attributes != NULL) *attributes++ = 0;
        graph_trial_node(trial, op, inputs, outputs, attributes);
    }
    free(copy);
}

kin_graph *graph_trial_make(graph_maker *make)
{
    graph_trial trial = {.graph = kin_graph_new(), .random = {.state = 7}};
    trial.graph->opset = 13;
    make(&trial);
    return trial.graph;
}

kin_network *graph_trial_open(graph_maker *make, const kin_network_options *options)
{
    kin_network *network = NULL;
    kin_error error = {0};
    kin_graph *graph = graph_trial_make(make);
    if (kin_network_open(&network, &graph, options, &error) != KIN_OK)
        fail_msg("%s %s", label, error.text);
    assert_null(graph);
    return network;
}

void graph_trial_refused(graph_maker *make, const kin_network_options *options, const char *words)
{
    for (int reference = 0; reference < 2; reference++) {
        kin_network_options own = {0};
        if (options != NULL) own = *options;
        kin_network *network = NULL;
        kin_error error = {0};
        kin_graph *graph = graph_trial_make(make);
        own.reference = reference == 1;
        assert_int_not_equal(kin_network_open(&network, &graph, &own, &error), KIN_OK);
        assert_null(network);
        assert_null(graph);
        if (strstr(error.text, words) == NULL || strchr(error.text, '\n') != NULL)
            fail_msg("'%s' does not say '%s'", error.text, words);
    }
}

/* --- Comparing ------------------------------------------------------------------------------- */

void graph_trial_fill_tensor(kin_tensor *tensor, const char *name, uint64_t seed)
{
    kin_random random = {.state = kin_checksum(name, strlen(name)) + seed};
    for (int64_t i = 0; i < kin_tensor_count(tensor); i++)
        kin_tensor_set(tensor, i, 6 * kin_random_unit(&random) - 3);
}

void graph_trial_fill(kin_network *network, uint64_t seed)
{
    for (uint32_t i = 0; i < kin_network_input_count(network); i++)
        graph_trial_fill_tensor(kin_network_input(network, i), kin_network_input_name(network, i),
                                seed);
}

void graph_trial_describe(const kin_network *network, char *text, size_t bytes)
{
    static const char *const activations[] = {
        [KIN_ACTIVATION_NONE] = "",
        [KIN_ACTIVATION_RELU] = "+relu",
        [KIN_ACTIVATION_CLIP] = "+clip",
        [KIN_ACTIVATION_LEAKY] = "+leaky",
        [KIN_ACTIVATION_SIGMOID] = "+sigmoid",
        [KIN_ACTIVATION_SILU] = "+silu",
        [KIN_ACTIVATION_HARD_SIGMOID] = "+hard-sigmoid",
        [KIN_ACTIVATION_HARD_SWISH] = "+hard-swish",
        [KIN_ACTIVATION_GELU] = "+gelu",
        [KIN_ACTIVATION_TANH] = "+tanh",
    };
    const kin_graph *graph = kin_network_graph(network);
    size_t at = 0;
    text[0] = 0;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (node->removed || strcmp(node->name, "layout") == 0) continue;
        const kin_fused *fused = kin_node_fused(node);
        bool sum = fused != NULL && node->input_count == 4 && node->inputs[3] != KIN_VALUE_NONE;
        at += (size_t)snprintf(text + at, bytes - at, "%s%s%s%s", at > 0 ? " " : "", node->op,
                               sum ? "+sum" : "",
                               fused == NULL ? "" : activations[fused->activation.kind]);
        assert_true(at < bytes);
    }
}

/* What the plain loops make of the same inputs; data is the caller's. */
static void run_plain(graph_maker *make, const kin_network *like, kin_tensor *outputs)
{
    kin_graph *graph = graph_trial_make(make);
    const char *names[OUTPUTS_MAX];
    kin_tensor inputs[OUTPUTS_MAX];
    kin_error error = {0};
    uint32_t count = kin_network_output_count(like);
    assert_true(count <= OUTPUTS_MAX && graph->input_count <= OUTPUTS_MAX);
    for (uint32_t i = 0; i < count; i++)
        names[i] = kin_network_output_name(like, i);
    for (uint32_t i = 0; i < graph->input_count; i++) {
        const kin_value *input = &graph->values[graph->inputs[i]];
        inputs[i] = input->tensor;
        inputs[i].data = kin_calloc(kin_tensor_bytes(&inputs[i]), 1);
        graph_trial_fill_tensor(&inputs[i], input->name, 1);
    }
    if (plain_network_run(graph, inputs, names, count, outputs, &error) != KIN_OK)
        fail_msg("%s", error.text);
    for (uint32_t i = 0; i < graph->input_count; i++)
        free(inputs[i].data);
    kin_graph_destroy(&graph);
}

static void compare(const kin_tensor *made, const kin_tensor *wanted, double relative,
                    const char *what)
{
    assert_int_equal(made->type, wanted->type);
    assert_true(kin_shape_equal(&made->shape, &wanted->shape));
    double largest = 1, worst = 0; /* inputs are near 1: less may be what is left of a difference */
    for (int64_t i = 0; i < kin_tensor_count(wanted); i++) {
        double one = kin_tensor_get(made, i), other = kin_tensor_get(wanted, i);
        if (isfinite(other)) largest = fmax(largest, fabs(other));
        if (one == other || (isnan(one) && isnan(other))) continue;
        worst = isfinite(one - other) ? fmax(worst, fabs(one - other)) : INFINITY;
    }
    if (worst > relative * largest)
        fail_msg("%s %s: apart by %g, where the largest number is %g", label, what, worst, largest);
}

void graph_trial_agree(graph_maker *make, const char *const *taps, uint32_t tap_count,
                       const char *described)
{
    graph_trial_agree_within(RELATIVE, make, taps, tap_count, described);
}

void graph_trial_agree_within(double relative, graph_maker *make, const char *const *taps,
                              uint32_t tap_count, const char *described)
{
    static const char *const whats[] = {"fused", "reference"};
    char text[1024];
    kin_tensor plain[OUTPUTS_MAX] = {0};
    for (int reference = 0; reference < 2; reference++) {
        kin_network_options options = {
            .taps = taps, .tap_count = tap_count, .reference = reference == 1};
        kin_network *network = graph_trial_open(make, &options);
        graph_trial_describe(network, text, sizeof text);
        if (reference == 0 && described != NULL) assert_string_equal(text, described);
        if (reference == 0) run_plain(make, network, plain);
        for (int turn = 0; turn < 2; turn++) { /* nothing is left from the run before */
            graph_trial_fill(network, turn == 0 ? 2 : 1);
            kin_network_run(network);
        }
        for (uint32_t i = 0; i < kin_network_output_count(network); i++)
            compare(kin_network_output(network, i), &plain[i], reference == 1 ? 0 : relative,
                    whats[reference]);
        kin_network_close(&network);
    }
    for (uint32_t i = 0; i < OUTPUTS_MAX; i++)
        free(plain[i].data);
}
