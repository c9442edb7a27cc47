/* Models that are too large, nested, repeated, cut off or damaged: each is refused or read, and
 * neither time nor memory runs away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/test.h"
#include "worker/encode/onnx_file.h"

/* The model is refused with a sentence that has these words. */
static void refuse(kin_buffer *model, kin_status status, const char *words)
{
    kin_graph *graph;
    kin_error error = {0};
    assert_int_equal(kin_onnx_parse(&graph, model->data, model->bytes, NULL, "m", &error), status);
    assert_null(graph);
    if (strstr(error.text, words) == NULL) assert_string_equal(error.text, words);
    kin_buffer_fini(model);
}

static void refuse_graph(kin_buffer *graph, kin_status status, const char *words)
{
    kin_buffer model = {0};
    onnx_put_model(&model, graph);
    refuse(&model, status, words);
}

/* A small model with something of everything. */
static void put_small_model(kin_buffer *model)
{
    static const float two[] = {1.5f, -2};
    kin_buffer graph = {0}, attributes = {0}, attribute = {0}, tensor = {0};
    onnx_put_floats(&graph, ONNX_GRAPH_INITIALIZER, "w", two, 2);
    onnx_put_text(&tensor, ONNX_TENSOR_NAME, "e");
    onnx_put_int(&tensor, ONNX_TENSOR_DIMS, 2);
    onnx_put_int(&tensor, ONNX_TENSOR_TYPE, KIN_TYPE_INT64);
    onnx_put_bytes(&tensor, ONNX_TENSOR_INT64S, "\x01\x02", 2);
    onnx_put_part(&graph, ONNX_GRAPH_INITIALIZER, &tensor);
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "n 3");
    onnx_put_text(&attribute, ONNX_ATTRIBUTE_NAME, "v");
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_TYPE, 4);
    onnx_put_floats(&attribute, ONNX_ATTRIBUTE_T, NULL, two, 2);
    onnx_put_part(&attributes, ONNX_NODE_ATTRIBUTE, &attribute);
    onnx_put_text(&attribute, ONNX_ATTRIBUTE_NAME, "a");
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_TYPE, 7);
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_INTS, 3);
    onnx_put_part(&attributes, ONNX_NODE_ATTRIBUTE, &attribute);
    onnx_put_node(&graph, "Op", "x w e", "y", &attributes);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "y", "n 3");
    onnx_put_model(model, &graph);
}

static void nodes_values_inputs_and_outputs(void **state)
{
    (void)state;
    kin_buffer graph = {0}, names = {0};
    for (int i = 0; i <= KIN_GRAPH_NODES_MAX; i++)
        onnx_put_node(&graph, "Op", "", "", NULL);
    refuse_graph(&graph, KIN_LIMIT, "m: it has 65537 nodes; a model has up to 65536");
    for (int i = 0; i <= KIN_NODE_INPUTS_MAX; i++)
        kin_buffer_append_string(&names, "- ");
    kin_buffer_append_byte(&names, 0);
    onnx_put_node(&graph, "Op", (char *)names.data, "y", NULL);
    refuse_graph(&graph, KIN_LIMIT, "m: node 0 (Op): takes 1025 values; a node takes up to 1024");
    onnx_put_node(&graph, "Op", "", (char *)names.data + 2 * (1024 - 256), NULL);
    refuse_graph(&graph, KIN_LIMIT, "m: node 0 (Op): gives 257 values; a node gives up to 256");
    kin_buffer_fini(&names);
    /* Values that nodes give: 1,025 nodes of 256 are one node too many. */
    for (int i = 0; i <= KIN_GRAPH_VALUES_MAX / KIN_NODE_OUTPUTS_MAX; i++) {
        kin_buffer node = {0};
        for (int j = 0; j < KIN_NODE_OUTPUTS_MAX; j++) {
            char name[16];
            snprintf(name, sizeof name, "%d", i * KIN_NODE_OUTPUTS_MAX + j);
            onnx_put_text(&node, ONNX_NODE_OUTPUT, name);
        }
        onnx_put_text(&node, ONNX_NODE_OP, "Op");
        onnx_put_part(&graph, ONNX_GRAPH_NODE, &node);
    }
    refuse_graph(&graph, KIN_LIMIT, "m: node 1024 (Op): a model has up to 262144 values");
}

/* depth messages in one another, each the field of the next. */
static kin_buffer nest(uint32_t field, int depth)
{
    kin_buffer inner = {0};
    for (int i = 0; i < depth; i++) {
        kin_buffer outer = {0};
        onnx_put_part(&outer, field, &inner);
        inner = outer;
    }
    return inner;
}

static void nested_messages_are_not_followed(void **state)
{
    (void)state;
    static const uint32_t fields[] = {1, 5, 6, 7, 11};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        kin_buffer model = nest(fields[i], 10000), graph = {0};
        kin_graph *none;
        assert_int_not_equal(kin_onnx_parse(&none, model.data, model.bytes, NULL, "m", NULL),
                             KIN_OK);
        kin_buffer_fini(&model);
        kin_buffer inner = nest(fields[i], 10000), attribute = {0}, attributes = {0};
        kin_buffer_append(&attribute, inner.data, inner.bytes); /* a graph in an attribute */
        kin_buffer_fini(&inner);
        onnx_put_part(&attributes, ONNX_NODE_ATTRIBUTE, &attribute);
        onnx_put_node(&graph, "Op", "", "y", &attributes);
        onnx_put_model(&model, &graph);
        assert_int_not_equal(kin_onnx_parse(&none, model.data, model.bytes, NULL, "m", NULL),
                             KIN_OK);
        kin_buffer_fini(&model);
    }
    kin_buffer groups = {0}; /* the old kind of nesting, by begin and end */
    for (int i = 0; i < 10000; i++)
        onnx_put_varint(&groups, 7 << 3 | 3);
    refuse(&groups, KIN_CORRUPT, "m: it is not an ONNX model, or damaged");
}

/* Messages that are there twice are merged; there as often as a file can hold them, merging must
 * not cost the square of that. */
static void merged_messages_have_a_budget(void **state)
{
    (void)state;
    kin_buffer model = {0};
    for (int i = 0; i < 200000; i++)
        kin_buffer_append(&model, "\x3a\x02\x0a\x00", 4); /* a graph of one empty node */
    refuse(&model, KIN_LIMIT, "m: its messages take too much memory for 800000 bytes");
    for (int i = 0; i < 2000000; i++)
        kin_buffer_append(&model, "\x42", 2); /* an empty import */
    refuse(&model, KIN_LIMIT, "m: its messages take too much memory for 4000000 bytes");
}

static void cut_off_at_every_byte(void **state)
{
    (void)state;
    kin_buffer model = {0};
    int read = 0;
    put_small_model(&model);
    for (size_t bytes = 0; bytes <= model.bytes; bytes++) {
        uint8_t *exact = kin_malloc(bytes); /* no slack behind it, for the sanitizer to see */
        kin_graph *graph;
        kin_error error = {0};
        memcpy(exact, model.data, bytes);
        kin_status status = kin_onnx_parse(&graph, exact, bytes, NULL, "m", &error);
        assert_true((status == KIN_OK) == (error.text[0] == 0));
        read += status == KIN_OK;
        kin_graph_destroy(&graph);
        free(exact);
    }
    assert_int_equal(read, 1);
    kin_buffer_fini(&model);
}

static void every_byte_changed(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};
    kin_buffer model = {0};
    put_small_model(&model);
    for (size_t at = 0; at < model.bytes; at++)
        for (size_t i = 0; i < sizeof changes; i++) {
            kin_graph *graph;
            kin_error error = {0};
            model.data[at] ^= changes[i];
            kin_status status = kin_onnx_parse(&graph, model.data, model.bytes, NULL, "m", &error);
            assert_true((status == KIN_OK) == (error.text[0] == 0));
            assert_true((status == KIN_OK) == (graph != NULL));
            kin_graph_destroy(&graph);
            model.data[at] ^= changes[i];
        }
    kin_buffer_fini(&model);
}

/* A length of 2 GiB and more in a file of few bytes. */
static void lengths_without_bytes(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {1, INT32_MAX, (uint64_t)INT32_MAX + 1, UINT32_MAX,
                                       UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        kin_buffer model = {0};
        onnx_put_varint(&model, ONNX_MODEL_GRAPH << 3 | 2);
        onnx_put_varint(&model, lengths[i]);
        refuse(&model, KIN_CORRUPT, "m: it is not an ONNX model, or damaged");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_values_inputs_and_outputs),
        cmocka_unit_test(nested_messages_are_not_followed),
        cmocka_unit_test(merged_messages_have_a_budget),
        cmocka_unit_test(cut_off_at_every_byte),
        cmocka_unit_test(every_byte_changed),
        cmocka_unit_test(lengths_without_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
