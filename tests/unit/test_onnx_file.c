/* Models made by hand: what a good one becomes, and that everything wrong is refused by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/test.h"
#include "worker/encode/onnx_file.h"

static const float two[] = {1.5f, -2};

/* x [n][3] -> Gemm with w and a hole -> t -> Relu -> y, and an operator of somebody else's. */
static void put_good_graph(kin_buffer *graph)
{
    kin_buffer attributes = {0}, attribute = {0};
    onnx_put_floats(graph, ONNX_GRAPH_INITIALIZER, "w", two, 2);
    onnx_put_value(graph, ONNX_GRAPH_INPUT, "x", "n 3");
    onnx_put_value(graph, ONNX_GRAPH_INPUT, "w", "2");
    onnx_put_text(&attribute, ONNX_ATTRIBUTE_NAME, "alpha");
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_TYPE, 1);
    onnx_put_float(&attribute, ONNX_ATTRIBUTE_F, 0.5f);
    onnx_put_part(&attributes, ONNX_NODE_ATTRIBUTE, &attribute);
    onnx_put_node(graph, "Gemm", "x - w", "t -", &attributes);
    onnx_put_text(&attributes, ONNX_NODE_NAME, "last");
    onnx_put_text(&attributes, ONNX_NODE_DOMAIN, "ai.onnx");
    onnx_put_node(graph, "Relu", "t", "y", &attributes);
    onnx_put_text(&attributes, ONNX_NODE_DOMAIN, "others");
    onnx_put_node(graph, "Odd", "y", "z", &attributes);
    onnx_put_value(graph, ONNX_GRAPH_OUTPUT, "y", "n 3");
}

static void put_good_model(kin_buffer *model)
{
    kin_buffer graph = {0};
    put_good_graph(&graph);
    onnx_put_model(model, &graph);
    onnx_put_opset(model, "others", 4);
}

static void good_model_becomes_a_graph(void **state)
{
    (void)state;
    kin_buffer model = {0};
    kin_graph *graph;
    kin_error error = {0};
    put_good_model(&model);
    kin_status status = kin_onnx_parse(&graph, model.data, model.bytes, NULL, "m", &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, KIN_OK);
    kin_buffer_fini(&model);
    assert_int_equal(graph->opset, 13);
    assert_int_equal(graph->node_count, 3);
    assert_int_equal(graph->input_count, 1);
    assert_int_equal(graph->output_count, 1);
    const kin_value *x = &graph->values[graph->inputs[0]];
    assert_string_equal(x->name, "x");
    assert_true(x->is_input && x->tensor.type == KIN_TYPE_FLOAT && x->tensor.shape.rank == 2);
    assert_int_equal(x->tensor.shape.dims[0], -1);
    assert_int_equal(x->tensor.shape.dims[1], 3);
    const kin_value *w = &graph->values[kin_graph_find(graph, "w")];
    assert_true(!w->is_input && w->producer == KIN_VALUE_NONE);
    assert_memory_equal(w->tensor.data, two, sizeof two);
    const kin_node *gemm = &graph->nodes[0], *relu = &graph->nodes[1], *odd = &graph->nodes[2];
    assert_string_equal(gemm->op, "Gemm");
    assert_string_equal(gemm->name, "");
    assert_int_equal(gemm->input_count, 3);
    assert_int_equal(gemm->inputs[1], KIN_VALUE_NONE);
    assert_int_equal(gemm->output_count, 2);
    assert_int_equal(gemm->outputs[1], KIN_VALUE_NONE);
    assert_true(kin_node_float(gemm, "alpha", 1) == 0.5f);
    assert_string_equal(relu->name, "last");
    assert_string_equal(relu->domain, "");
    assert_int_equal(relu->opset, 13);
    assert_string_equal(odd->domain, "others");
    assert_int_equal(odd->opset, 4);
    assert_int_equal(graph->values[graph->outputs[0]].producer, 1);
    kin_graph_destroy(&graph);
}

/* --- Attributes ------------------------------------------------------------------------------ */

/* Begins an attribute of that name and type. */
static kin_buffer begin(const char *name, int type)
{
    kin_buffer attribute = {0};
    onnx_put_text(&attribute, ONNX_ATTRIBUTE_NAME, name);
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_TYPE, type);
    return attribute;
}

/* The graph of a model of one node with these attributes, or NULL with the error. */
static kin_graph *graph_with(kin_buffer *attributes, kin_error *error)
{
    kin_buffer graph = {0}, model = {0};
    kin_graph *made;
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "1");
    onnx_put_node(&graph, "Op", "x", "y", attributes);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "y", "1");
    onnx_put_model(&model, &graph);
    kin_status status = kin_onnx_parse(&made, model.data, model.bytes, NULL, "m", error);
    assert_true((status == KIN_OK) == (made != NULL));
    kin_buffer_fini(&model);
    return made;
}

static void attributes_of_every_kind(void **state)
{
    (void)state;
    kin_buffer all = {0}, one;
    kin_error error = {0};
    one = begin("i", 2);
    onnx_put_int(&one, ONNX_ATTRIBUTE_I, -7);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    one = begin("s", 3);
    onnx_put_text(&one, ONNX_ATTRIBUTE_S, "SAME_UPPER");
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    one = begin("t", 4);
    onnx_put_floats(&one, ONNX_ATTRIBUTE_T, NULL, two, 2);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    one = begin("floats", 6);
    onnx_put_float(&one, ONNX_ATTRIBUTE_FLOATS, 3);
    onnx_put_bytes(&one, ONNX_ATTRIBUTE_FLOATS, two, sizeof two); /* packed */
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    one = begin("ints", 7);
    onnx_put_int(&one, ONNX_ATTRIBUTE_INTS, -1);
    onnx_put_bytes(&one, ONNX_ATTRIBUTE_INTS, "\x05\x06", 2); /* packed */
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    one = begin("strings", 8);
    onnx_put_text(&one, ONNX_ATTRIBUTE_STRINGS, "a");
    onnx_put_text(&one, ONNX_ATTRIBUTE_STRINGS, "");
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    one = begin("body", 5);
    onnx_put_text(&one, ONNX_ATTRIBUTE_G, "no graph, and nobody looks");
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    one = begin("none", 7);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    kin_graph *graph = graph_with(&all, &error);
    assert_non_null(graph);
    const kin_node *node = &graph->nodes[0];
    assert_int_equal(kin_node_int(node, "i", 0), -7);
    assert_string_equal(kin_node_string(node, "s", ""), "SAME_UPPER");
    const kin_attribute *t = kin_node_attribute(node, "t", KIN_ATTRIBUTE_TENSOR);
    assert_memory_equal(t->tensor.data, two, sizeof two);
    const kin_attribute *floats = kin_node_attribute(node, "floats", KIN_ATTRIBUTE_FLOATS);
    assert_true(floats->count == 3 && floats->floats[0] == 3 && floats->floats[2] == -2);
    const kin_attribute *ints = kin_node_attribute(node, "ints", KIN_ATTRIBUTE_INTS);
    assert_true(ints->count == 3 && ints->ints[0] == -1 && ints->ints[2] == 6);
    const kin_attribute *strings = kin_node_attribute(node, "strings", KIN_ATTRIBUTE_STRINGS);
    assert_int_equal(strings->count, 2);
    assert_string_equal(strings->strings[0], "a");
    assert_string_equal(strings->strings[1], "");
    assert_non_null(kin_node_attribute(node, "body", KIN_ATTRIBUTE_OTHER));
    assert_int_equal(kin_node_attribute(node, "none", KIN_ATTRIBUTE_INTS)->count, 0);
    kin_graph_destroy(&graph);
}

static void refuse_attribute(kin_buffer *attributes, const char *sentence)
{
    kin_error error = {0};
    assert_null(graph_with(attributes, &error));
    assert_string_equal(error.text, sentence);
}

static void bad_attributes(void **state)
{
    (void)state;
    kin_buffer all = {0}, one;
    one = begin("a", 0);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    refuse_attribute(&all, "m: node 0 (Op): attribute 'a': has the type 0, which ONNX does not "
                           "have");
    for (int i = 0; i < 2; i++) {
        one = begin("a", 2);
        onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    }
    refuse_attribute(&all, "m: node 0 (Op): attribute 'a': is there twice");
    one = begin("", 2);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    refuse_attribute(&all, "m: node 0 (Op): attribute '': has no name");
    one = begin("a", 3);
    onnx_put_bytes(&one, ONNX_ATTRIBUTE_S, "a\0b", 3);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    refuse_attribute(&all, "m: node 0 (Op): attribute 'a': is a string with a zero byte in it");
    one = begin("a", 8);
    onnx_put_text(&one, ONNX_ATTRIBUTE_STRINGS, "good");
    onnx_put_bytes(&one, ONNX_ATTRIBUTE_STRINGS, "\0", 1);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    refuse_attribute(&all, "m: node 0 (Op): attribute 'a': is a string with a zero byte in it");
    one = begin("a", 4);
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    refuse_attribute(&all, "m: node 0 (Op): attribute 'a': has no tensor");
    one = begin("a", 2);
    onnx_put_text(&one, ONNX_ATTRIBUTE_REFERENCE, "b");
    onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    refuse_attribute(&all, "m: node 0 (Op): attribute 'a': refers to a function's attribute");
    for (int i = 0; i < 257; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        one = begin(name, 2);
        onnx_put_part(&all, ONNX_NODE_ATTRIBUTE, &one);
    }
    refuse_attribute(&all, "m: node 0 (Op): it has more than 256 attributes");
}

/* --- What is refused ------------------------------------------------------------------------- */

/* The model is refused, with a sentence that begins with the file and then says this. */
static void refuse(kin_buffer *model, kin_status status, const char *sentence)
{
    kin_graph *graph;
    kin_error error = {0};
    assert_int_equal(kin_onnx_parse(&graph, model->data, model->bytes, NULL, "m", &error), status);
    assert_null(graph);
    assert_int_equal(error.status, status);
    assert_int_equal(strncmp(error.text, "m: ", 3), 0);
    assert_string_equal(error.text + 3, sentence);
    kin_buffer_fini(model);
}

/* A model of the graph is refused; the graph is emptied. */
static void refuse_graph(kin_buffer *graph, kin_status status, const char *sentence)
{
    kin_buffer model = {0};
    onnx_put_model(&model, graph);
    refuse(&model, status, sentence);
}

static void models_that_are_none(void **state)
{
    (void)state;
    kin_buffer model = {0}, graph = {0};
    refuse(&model, KIN_CORRUPT, "it is no ONNX model: it has no IR version");
    kin_buffer_append_string(&model, "a text, say");
    refuse(&model, KIN_CORRUPT, "it is not an ONNX model, or damaged");
    onnx_put_int(&model, ONNX_MODEL_IR_VERSION, 8);
    refuse(&model, KIN_CORRUPT, "it is no ONNX model: it has no graph");
    onnx_put_model(&model, &graph);
    refuse(&model, KIN_BAD_INPUT, "it has no outputs");
    static const int versions[] = {2, 11, -1};
    static const char *const sentences[] = {"IR version 2 is not supported; 3 to 10 are",
                                            "IR version 11 is not supported; 3 to 10 are",
                                            "IR version -1 is not supported; 3 to 10 are"};
    for (int i = 0; i < 3; i++) {
        put_good_model(&model);
        onnx_put_int(&model, ONNX_MODEL_IR_VERSION, versions[i]);
        refuse(&model, KIN_BAD_INPUT, sentences[i]);
    }
    kin_graph *none;
    assert_int_equal(kin_onnx_parse(&none, "", KIN_ONNX_BYTES_MAX + 1, NULL, "m", NULL), KIN_LIMIT);
    assert_null(none);
    assert_int_equal(kin_onnx_open(&none, "/no/such/model.onnx", NULL), KIN_NOT_FOUND);
}

static void what_is_not_supported(void **state)
{
    (void)state;
    kin_buffer model = {0}, graph = {0};
    put_good_model(&model);
    onnx_put_text(&model, ONNX_MODEL_FUNCTIONS, "");
    refuse(&model, KIN_BAD_INPUT, "models with functions are not supported");
    put_good_model(&model);
    onnx_put_text(&model, ONNX_MODEL_TRAINING, "");
    refuse(&model, KIN_BAD_INPUT, "models with training steps are not supported");
    put_good_graph(&graph);
    onnx_put_text(&graph, ONNX_GRAPH_SPARSE, "");
    refuse_graph(&graph, KIN_BAD_INPUT, "sparse initializers are not supported");
}

static void opsets(void **state)
{
    (void)state;
    kin_buffer model = {0}, graph = {0};
    onnx_put_int(&model, ONNX_MODEL_IR_VERSION, 8);
    put_good_graph(&graph);
    onnx_put_part(&model, ONNX_MODEL_GRAPH, &graph);
    onnx_put_opset(&model, "others", 4);
    size_t bytes = model.bytes;
    kin_buffer copy = {0};
    kin_buffer_append(&copy, model.data, bytes);
    refuse(&copy, KIN_BAD_INPUT, "it does not say which opset of ONNX it uses");
    static const int versions[] = {-1, 18, 0};
    static const char *const sentences[] = {
        "it uses opset -1; 1 to 17 are supported, so export it anew",
        "it uses opset 18; 1 to 17 are supported, so export it anew",
        "it uses opset 0; 1 to 17 are supported, so export it anew"};
    for (int i = 0; i < 3; i++) {
        kin_buffer_append(&copy, model.data, bytes);
        onnx_put_opset(&copy, i == 1 ? "" : "ai.onnx", versions[i]);
        refuse(&copy, KIN_BAD_INPUT, sentences[i]);
    }
    kin_buffer_append(&copy, model.data, bytes);
    onnx_put_opset(&copy, "", 13);
    onnx_put_opset(&copy, "ai.onnx", 12);
    refuse(&copy, KIN_CORRUPT, "it imports the operators 'ai.onnx' twice");
    for (int i = 0; i < 65; i++)
        onnx_put_opset(&model, "", 13);
    refuse(&model, KIN_LIMIT, "it imports 66 sets of operators; it may import 64");
    put_good_graph(&graph);
    refuse_graph(&graph, KIN_CORRUPT,
                 "node 2 (Odd): is of the operators 'others', which the model does not import");
}

static void names_and_order(void **state)
{
    (void)state;
    kin_buffer graph = {0};
    onnx_put_floats(&graph, ONNX_GRAPH_INITIALIZER, "w", two, 2);
    onnx_put_floats(&graph, ONNX_GRAPH_INITIALIZER, "w", two, 2);
    refuse_graph(&graph, KIN_CORRUPT,
                 "initializer 'w': something before it has the name 'w' already");
    onnx_put_floats(&graph, ONNX_GRAPH_INITIALIZER, NULL, two, 2);
    refuse_graph(&graph, KIN_CORRUPT, "initializer '': has no name");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "1");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "1");
    refuse_graph(&graph, KIN_CORRUPT, "input 'x': something before it has the name 'x' already");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "1");
    onnx_put_node(&graph, "Relu", "x", "x", NULL);
    refuse_graph(&graph, KIN_CORRUPT,
                 "node 0 (Relu): something before it has the name 'x' already");
    onnx_put_floats(&graph, ONNX_GRAPH_INITIALIZER, "w", two, 2);
    onnx_put_node(&graph, "Relu", "w", "w", NULL);
    refuse_graph(&graph, KIN_CORRUPT,
                 "node 0 (Relu): something before it has the name 'w' already");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "1");
    onnx_put_node(&graph, "Split", "x", "a a", NULL);
    refuse_graph(&graph, KIN_CORRUPT,
                 "node 0 (Split): something before it has the name 'a' already");
    onnx_put_node(&graph, "Relu", "x", "y", NULL);
    refuse_graph(&graph, KIN_CORRUPT,
                 "node 0 (Relu): takes 'x', which no input, initializer or node before it gives");
    onnx_put_node(&graph, "Relu", "x", "x", NULL); /* a cycle of one */
    refuse_graph(&graph, KIN_CORRUPT,
                 "node 0 (Relu): takes 'x', which no input, initializer or node before it gives");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "1");
    onnx_put_node(&graph, "Add", "x b", "a", NULL); /* a cycle of two */
    onnx_put_node(&graph, "Relu", "a", "b", NULL);
    refuse_graph(&graph, KIN_CORRUPT,
                 "node 0 (Add): takes 'b', which no input, initializer or node before it gives");
    onnx_put_node(&graph, "", "", "y", NULL);
    refuse_graph(&graph, KIN_CORRUPT, "node 0 (): says no operator");
    put_good_graph(&graph);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "y", "1");
    kin_buffer model = {0};
    onnx_put_opset(&model, "others", 1);
    onnx_put_model(&model, &graph);
    refuse(&model, KIN_CORRUPT, "output 'y': is there twice");
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "y\x1b", "1");
    refuse_graph(&graph, KIN_CORRUPT, "output 'y?': no input, initializer or node gives it");
}

static void names_of_bytes(void **state)
{
    (void)state;
    kin_buffer graph = {0}, node = {0};
    onnx_put_bytes(&node, ONNX_NODE_OUTPUT, "a\0b", 3);
    onnx_put_text(&node, ONNX_NODE_OP, "Op");
    onnx_put_part(&graph, ONNX_GRAPH_NODE, &node);
    refuse_graph(&graph, KIN_CORRUPT, "node 0 (Op): the name 'a?b' has a zero byte in it");
    char name[KIN_GRAPH_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, name + 1, "1"); /* as long as it may be */
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, name, "1");
    kin_buffer model = {0};
    kin_error error = {0};
    kin_graph *made;
    onnx_put_model(&model, &graph);
    assert_int_equal(kin_onnx_parse(&made, model.data, model.bytes, NULL, "m", &error), KIN_LIMIT);
    assert_non_null(strstr(error.text, "nnn...' has 1025 bytes; it may have 1024"));
    kin_buffer_fini(&model);
}

static void shapes_of_inputs(void **state)
{
    (void)state;
    kin_buffer graph = {0}, value = {0}, type = {0}, tensor = {0};
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "n -1");
    refuse_graph(&graph, KIN_LIMIT, "input 'x': shape [-1][-1] is negative or too large");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "9223372036854775807");
    refuse_graph(&graph, KIN_LIMIT,
                 "input 'x': shape [9223372036854775807] is negative or too large");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "0 65536 65536");
    refuse_graph(&graph, KIN_LIMIT, "input 'x': shape [0][65536][65536] is negative or too large");
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "1 2 3 4 5 6 7 8 9");
    refuse_graph(&graph, KIN_LIMIT, "input 'x': 9 dimensions; a tensor has up to 8");
    onnx_put_text(&value, 1, "x");
    onnx_put_part(&graph, ONNX_GRAPH_INPUT, &value);
    refuse_graph(&graph, KIN_BAD_INPUT, "input 'x': is no tensor");
    onnx_put_text(&value, 1, "x");
    onnx_put_int(&tensor, 1, 1);
    onnx_put_part(&type, 1, &tensor);
    onnx_put_part(&value, 2, &type);
    onnx_put_part(&graph, ONNX_GRAPH_INPUT, &value);
    refuse_graph(&graph, KIN_BAD_INPUT, "input 'x': does not say how many dimensions it has");
    onnx_put_text(&value, 1, "x");
    onnx_put_int(&tensor, 1, 8);
    onnx_put_part(&type, 1, &tensor);
    onnx_put_part(&value, 2, &type);
    onnx_put_part(&graph, ONNX_GRAPH_INPUT, &value);
    refuse_graph(&graph, KIN_BAD_INPUT, "input 'x': element type 8 is not supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_model_becomes_a_graph),
        cmocka_unit_test(attributes_of_every_kind),
        cmocka_unit_test(bad_attributes),
        cmocka_unit_test(models_that_are_none),
        cmocka_unit_test(what_is_not_supported),
        cmocka_unit_test(opsets),
        cmocka_unit_test(names_and_order),
        cmocka_unit_test(names_of_bytes),
        cmocka_unit_test(shapes_of_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
