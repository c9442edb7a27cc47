#include "worker/encode/batch_network.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/onnx_file.h"

/* Weights of a product from here on do not stay in a core's cache beside everything else. */
#define LARGE_WEIGHTS ((int64_t)1 << 20)
#define OUTPUTS_MAX 16

struct kin_batch_network {
    kin_network *head; /* one picture */
    kin_network *tail; /* all pictures, or NULL */
    uint32_t pictures, output_count;
    kin_tensor outputs[OUTPUTS_MAX]; /* of one picture; no data */
};

/* --- Where to cut ---------------------------------------------------------------------------- */

/* What the first large product of the model's nodes takes, or KIN_VALUE_NONE. */
static uint32_t find_cut(const kin_graph *graph)
{
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const kin_node *node = &graph->nodes[n];
        if (strcmp(node->op, "Gemm") != 0 || node->input_count < 2 ||
            node->inputs[0] == KIN_VALUE_NONE || node->inputs[1] == KIN_VALUE_NONE)
            continue;
        const kin_value *input = &graph->values[node->inputs[0]];
        const kin_tensor *weights = &graph->values[node->inputs[1]].tensor;
        if (weights->data != NULL && kin_tensor_count(weights) >= LARGE_WEIGHTS &&
            input->producer != KIN_VALUE_NONE && input->name[0] != 0)
            return node->inputs[0];
    }
    return KIN_VALUE_NONE;
}

static bool is_one_of(const kin_node *node, const char *const *ops)
{
    while (*ops != NULL && strcmp(node->op, *ops) != 0)
        ops++;
    return *ops != NULL;
}

/* Whether a node makes row n [c] of its result of row n of what it takes alone; carried: values
 * that have a row a picture. Others are not known to. */
static bool keeps_rows(const kin_graph *graph, const kin_node *node, const bool *carried)
{
    static const char *const products[] = {"Gemm", "MatMul", NULL};
    static const char *const sums[] = {"Add", "Sub", "Mul", "Div", NULL};
    static const char *const others[] = {
        "Relu",        "LeakyRelu", "PRelu",   "Clip",     "Sigmoid",  "Tanh",
        "HardSigmoid", "HardSwish", "Elu",     "Selu",     "Softplus", "Erf",
        "Exp",         "Softmax",   "Dropout", "Identity", "Flatten",  "BatchNormalization",
        NULL};
    bool is_product = is_one_of(node, products), is_sum = is_one_of(node, sums);
    int64_t axis = kin_node_int(node, "axis", 1);
    if (!is_product && !is_sum && !is_one_of(node, others)) return false;
    if (kin_node_int(node, "transA", 0) != 0 || (axis != 1 && axis != -1)) return false;
    for (uint32_t i = 0; i < node->input_count; i++) {
        uint32_t value = node->inputs[i];
        if (value == KIN_VALUE_NONE) continue;
        const kin_tensor *tensor = &graph->values[value].tensor;
        if (carried[value]) {
            if (i > 0 && !is_sum) return false;
        } else if (tensor->data == NULL || (i == 0 && !is_sum)) {
            return false;
        } else if (is_product && i == 1) {
            if (tensor->shape.rank != 2) return false;
        } else if (tensor->shape.rank > 2 ||
                   (tensor->shape.rank == 2 && tensor->shape.dims[0] != 1)) {
            return false;
        }
    }
    return true;
}

/* Whether all that follows from `cut` [n][c], as far as it is needed, has a row a picture. */
static bool rows_stay_apart(const kin_graph *graph, uint32_t cut, const bool *needed)
{
    bool *carried = kin_calloc(graph->value_count, sizeof *carried);
    bool good = true;
    carried[cut] = true;
    for (uint32_t n = 0; n < graph->node_count && good; n++) {
        const kin_node *node = &graph->nodes[n];
        bool takes = false, wanted = false;
        for (uint32_t i = 0; i < node->input_count; i++)
            takes = takes || (node->inputs[i] != KIN_VALUE_NONE && carried[node->inputs[i]]);
        for (uint32_t i = 0; i < node->output_count; i++)
            wanted = wanted || (node->outputs[i] != KIN_VALUE_NONE && needed[node->outputs[i]]);
        if (!takes || !wanted) continue;
        good = keeps_rows(graph, node, carried);
        if (node->outputs[0] != KIN_VALUE_NONE) carried[node->outputs[0]] = true;
    }
    free(carried);
    return good;
}

/* Whether the values that are wanted need nothing but `cut` and constants, and need it, picture by
 * picture. */
static bool is_cut(const kin_graph *graph, const kin_network_options *options, uint32_t cut)
{
    bool *needed = kin_calloc(graph->value_count, sizeof *needed);
    bool good = true;
    for (uint32_t i = 0; i < graph->output_count && options->tap_count == 0; i++)
        needed[graph->outputs[i]] = true;
    for (uint32_t t = 0; t < options->tap_count; t++) {
        uint32_t value = kin_graph_find(graph, options->taps[t]);
        if (value != KIN_VALUE_NONE) needed[value] = true;
    }
    for (uint32_t n = graph->node_count; n-- > 0;) {
        const kin_node *node = &graph->nodes[n];
        bool any = false;
        for (uint32_t i = 0; i < node->output_count; i++)
            any = any || (node->outputs[i] != KIN_VALUE_NONE && needed[node->outputs[i]] &&
                          node->outputs[i] != cut);
        for (uint32_t i = 0; i < node->input_count && any; i++)
            if (node->inputs[i] != KIN_VALUE_NONE) needed[node->inputs[i]] = true;
    }
    for (uint32_t i = 0; i < graph->input_count; i++)
        good = good && !needed[graph->inputs[i]];
    good = good && needed[cut] && rows_stay_apart(graph, cut, needed);
    free(needed);
    return good;
}

/* --- Opening --------------------------------------------------------------------------------- */

/* The nodes behind the cut, for all pictures. */
static kin_status open_tail(kin_batch_network *made, const void *onnx, size_t bytes,
                            const char *name, const kin_network_options *options, const char *cut,
                            kin_error *error)
{
    kin_graph *graph = NULL;
    kin_status status = kin_onnx_parse(&graph, onnx, bytes, NULL, name, error);
    if (status != KIN_OK) return status;
    uint32_t value = kin_graph_find(graph, cut), producer = graph->values[value].producer;
    kin_node *node = &graph->nodes[producer];
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] == value) node->outputs[i] = KIN_VALUE_NONE;
    graph->values[value].producer = KIN_VALUE_NONE;
    for (uint32_t i = 0; i < graph->input_count; i++)
        graph->values[graph->inputs[i]].is_input = false;
    graph->input_count = 0;
    kin_graph_add_input(graph, value);
    const kin_tensor *one = kin_network_output(made->head, 0);
    graph->values[value].tensor.type = KIN_TYPE_FLOAT;
    kin_network_input_shape shape = {.shape = one->shape};
    shape.shape.dims[0] = KIN_BATCH_PICTURES;
    kin_network_options all = *options;
    all.shapes = &shape;
    all.shape_count = 1;
    return kin_network_open(&made->tail, &graph, &all, error);
}

/* Whether the tail gives a row a picture. */
static bool tail_fits(const kin_batch_network *made)
{
    for (uint32_t i = 0; i < kin_network_output_count(made->tail); i++) {
        const kin_tensor *output = kin_network_output(made->tail, i);
        if (output->type != KIN_TYPE_FLOAT || output->shape.rank == 0 ||
            output->shape.dims[0] != KIN_BATCH_PICTURES)
            return false;
    }
    return true;
}

/* A model whose tail cannot take several pictures (its shapes are written for one) runs whole. */
static bool try_cut(kin_batch_network *made, const void *onnx, size_t bytes, const char *name,
                    const kin_network_options *options, kin_graph **graph)
{
    kin_error ignored;
    uint32_t cut = find_cut(*graph);
    if (options->reference || cut == KIN_VALUE_NONE || !is_cut(*graph, options, cut)) return false;
    char *cut_name = kin_strdup((*graph)->values[cut].name);
    const char *taps[] = {cut_name};
    kin_network_options front = *options;
    front.taps = taps;
    front.tap_count = 1;
    bool done = kin_network_open(&made->head, graph, &front, &ignored) == KIN_OK &&
                kin_network_output(made->head, 0)->shape.rank == 2 &&
                kin_network_output(made->head, 0)->shape.dims[0] == 1 &&
                open_tail(made, onnx, bytes, name, options, cut_name, &ignored) == KIN_OK &&
                tail_fits(made);
    free(cut_name);
    if (!done) {
        kin_network_close(&made->head);
        kin_network_close(&made->tail);
    }
    return done;
}

static void note_outputs(kin_batch_network *made)
{
    kin_network *last = made->tail != NULL ? made->tail : made->head;
    made->pictures = made->tail != NULL ? KIN_BATCH_PICTURES : 1;
    made->output_count = kin_network_output_count(last);
    for (uint32_t i = 0; i < made->output_count; i++) {
        made->outputs[i] = *kin_network_output(last, i);
        made->outputs[i].data = NULL;
        if (made->tail != NULL) made->outputs[i].shape.dims[0] = 1;
    }
}

kin_status kin_batch_network_open(kin_batch_network **network, const void *onnx, size_t bytes,
                                  const char *name, const kin_network_options *options,
                                  kin_error *error)
{
    kin_batch_network *made = kin_calloc(1, sizeof *made);
    kin_graph *graph = NULL;
    kin_status status = kin_onnx_parse(&graph, onnx, bytes, NULL, name, error);
    if (status == KIN_OK && !try_cut(made, onnx, bytes, name, options, &graph)) {
        if (graph == NULL) status = kin_onnx_parse(&graph, onnx, bytes, NULL, name, error);
        if (status == KIN_OK) status = kin_network_open(&made->head, &graph, options, error);
    }
    kin_graph_destroy(&graph);
    uint32_t outputs = 0;
    if (status == KIN_OK)
        outputs = kin_network_output_count(made->tail != NULL ? made->tail : made->head);
    if (outputs > OUTPUTS_MAX)
        status = kin_fail(error, KIN_LIMIT, "%s: has %u outputs; the limit is %d", name, outputs,
                          OUTPUTS_MAX);
    if (status == KIN_OK)
        note_outputs(made);
    else
        kin_batch_network_close(&made);
    *network = made;
    return status;
}

kin_batch_network *kin_batch_network_clone(kin_batch_network *network)
{
    kin_batch_network *made = kin_malloc(sizeof *made);
    *made = *network;
    made->head = kin_network_clone(network->head);
    if (network->tail != NULL) made->tail = kin_network_clone(network->tail);
    return made;
}

void kin_batch_network_close(kin_batch_network **network)
{
    if (*network == NULL) return;
    kin_network_close(&(*network)->head);
    kin_network_close(&(*network)->tail);
    free(*network);
    *network = NULL;
}

/* --- Running --------------------------------------------------------------------------------- */

uint32_t kin_batch_network_pictures(const kin_batch_network *network)
{
    return network->pictures;
}

uint32_t kin_batch_network_output_count(const kin_batch_network *network)
{
    return network->output_count;
}

const kin_tensor *kin_batch_network_output(const kin_batch_network *network, uint32_t i)
{
    return &network->outputs[i];
}

uint64_t kin_batch_network_weight_bytes(const kin_batch_network *network)
{
    return kin_network_weight_bytes(network->head) +
           (network->tail == NULL ? 0 : kin_network_weight_bytes(network->tail));
}

uint64_t kin_batch_network_activation_bytes(const kin_batch_network *network)
{
    return kin_network_activation_bytes(network->head) +
           (network->tail == NULL ? 0 : kin_network_activation_bytes(network->tail));
}

kin_tensor *kin_batch_network_input(kin_batch_network *network)
{
    return kin_network_input(network->head, 0);
}

void kin_batch_network_put(kin_batch_network *network, uint32_t n)
{
    KIN_CHECK(n < network->pictures);
    kin_network_run(network->head);
    if (network->tail == NULL) return;
    const kin_tensor *made = kin_network_output(network->head, 0);
    size_t bytes = kin_tensor_bytes(made);
    memcpy((uint8_t *)kin_network_input(network->tail, 0)->data + n * bytes, made->data, bytes);
}

void kin_batch_network_finish(kin_batch_network *network, uint32_t count)
{
    KIN_CHECK(count <= network->pictures);
    if (network->tail != NULL) kin_network_run(network->tail);
}

const float *kin_batch_network_row(const kin_batch_network *network, uint32_t i, uint32_t n)
{
    const kin_tensor *output =
        kin_network_output(network->tail != NULL ? network->tail : network->head, i);
    return (const float *)output->data + n * (size_t)kin_tensor_count(&network->outputs[i]);
}
