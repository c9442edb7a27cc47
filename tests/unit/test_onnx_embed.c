/* Models whose weights are in files beside them, taken into one: the same graph, fields that nobody
 * here knows included, and one refusal for each way to be wrong. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/golden.h"
#include "tests/support/onnx_writer.h"
#include "worker/encode/onnx_embed.h"
#include "worker/encode/onnx_file.h"

#define MODEL_PRODUCER 2 /* a field of ONNX that is not read */

static const float weights[6] = {1, -2, 3.5f, 0, 1e-9f, 7};

/* Floats [count] at `offset` of the file `place`. */
static void put_external(kin_buffer *message, uint32_t field, const char *name, int64_t count,
                         const char *place, const char *offset, const char *length)
{
    kin_buffer tensor = {0};
    onnx_put_int(&tensor, ONNX_TENSOR_DIMS, count);
    onnx_put_int(&tensor, ONNX_TENSOR_TYPE, 1);
    if (name != NULL) onnx_put_text(&tensor, ONNX_TENSOR_NAME, name);
    onnx_put_external(&tensor, "location", place);
    onnx_put_external(&tensor, "offset", offset);
    onnx_put_external(&tensor, "length", length);
    onnx_put_int(&tensor, ONNX_TENSOR_LOCATION, 1);
    onnx_put_part(message, field, &tensor);
}

/* y = x + w + a constant; both of weights.bin, or in the model itself. */
static kin_buffer make_model(const char *place)
{
    kin_buffer graph = {0}, model = {0}, attribute = {0}, attributes = {0};
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "4");
    onnx_put_text(&attribute, ONNX_ATTRIBUTE_NAME, "value");
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_TYPE, 4);
    if (place != NULL) {
        put_external(&graph, ONNX_GRAPH_INITIALIZER, "w", 4, place, "8", "16");
        put_external(&attribute, ONNX_ATTRIBUTE_T, NULL, 1, place, "0", "4");
    } else {
        onnx_put_floats(&graph, ONNX_GRAPH_INITIALIZER, "w", weights + 2, 4);
        onnx_put_floats(&attribute, ONNX_ATTRIBUTE_T, NULL, weights, 1);
    }
    onnx_put_part(&attributes, ONNX_NODE_ATTRIBUTE, &attribute);
    onnx_put_node(&graph, "Constant", "", "c", &attributes);
    onnx_put_node(&graph, "Add", "x w", "sum", NULL);
    onnx_put_node(&graph, "Add", "sum c", "y", NULL);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "y", "4");
    onnx_put_text(&model, MODEL_PRODUCER, "somebody");
    onnx_put_model(&model, &graph);
    return model;
}

static char *folder_of_weights(void)
{
    char *folder = temporary_folder(), *path = kin_path_join(folder, "weights.bin");
    kin_error error = {0};
    assert_int_equal(kin_file_write_atomic(path, weights, sizeof weights, &error), KIN_OK);
    free(path);
    return folder;
}

static void remove_folder(char *folder)
{
    kin_error error = {0};
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(folder);
}

static void assert_same_data(const kin_tensor *a, const kin_tensor *b)
{
    assert_int_equal(kin_tensor_bytes(a), kin_tensor_bytes(b));
    assert_memory_equal(a->data, b->data, kin_tensor_bytes(a));
}

static void becomes_one(void **state)
{
    (void)state;
    char *folder = folder_of_weights();
    kin_buffer model = make_model("weights.bin"), plain = make_model(NULL);
    kin_graph *graph, *expected;
    kin_error error = {0};
    assert_int_equal(kin_onnx_parse(&graph, model.data, model.bytes, NULL, "m", &error),
                     KIN_BAD_INPUT);
    if (kin_onnx_embed(&model, folder, "m", &error) != KIN_OK) fail_msg("%s", error.text);
    remove_folder(folder);
    assert_non_null(memmem(model.data, model.bytes, "somebody", 8));
    assert_null(memmem(model.data, model.bytes, "weights.bin", 11));
    if (kin_onnx_parse(&graph, model.data, model.bytes, NULL, "m", &error) != KIN_OK)
        fail_msg("%s", error.text);
    assert_int_equal(kin_onnx_parse(&expected, plain.data, plain.bytes, NULL, "m", &error), KIN_OK);
    assert_int_equal(graph->node_count, expected->node_count);
    uint32_t w = kin_graph_find(graph, "w"), other = kin_graph_find(expected, "w");
    assert_same_data(&graph->values[w].tensor, &expected->values[other].tensor);
    assert_same_data(&graph->nodes[0].attributes[0].tensor,
                     &expected->nodes[0].attributes[0].tensor);
    kin_graph_destroy(&graph);
    kin_graph_destroy(&expected);
    kin_buffer_fini(&model);
    kin_buffer_fini(&plain);
}

/* What needs no other file stays as it is; what was taken in needs none. */
static void stays_as_it_is(void **state)
{
    (void)state;
    char *folder = folder_of_weights();
    kin_buffer model = make_model(NULL), before = {0};
    kin_error error = {0};
    kin_buffer_append(&before, model.data, model.bytes);
    assert_int_equal(kin_onnx_embed(&model, NULL, "m", &error), KIN_OK);
    assert_int_equal(model.bytes, before.bytes);
    assert_memory_equal(model.data, before.data, before.bytes);
    kin_buffer_fini(&model);
    model = make_model("weights.bin");
    assert_int_equal(kin_onnx_embed(&model, folder, "m", &error), KIN_OK);
    kin_buffer_clear(&before);
    kin_buffer_append(&before, model.data, model.bytes);
    assert_int_equal(kin_onnx_embed(&model, NULL, "m", &error), KIN_OK);
    assert_int_equal(model.bytes, before.bytes);
    assert_memory_equal(model.data, before.data, before.bytes);
    kin_buffer_fini(&model);
    kin_buffer_fini(&before);
    remove_folder(folder);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        kin_status status;
        const char *words;
    } cases[] = {
        {"../weights.bin", KIN_BAD_INPUT, "leads out of the model's folder"},
        {"/etc/hostname", KIN_BAD_INPUT, "leads out of the model's folder"},
        {"nowhere.bin", KIN_NOT_FOUND, "'nowhere.bin', which cannot be opened"},
        {"short.bin", KIN_CORRUPT, "offset 8 is too far"},
    };
    char *folder = folder_of_weights(), *path = kin_path_join(folder, "short.bin");
    kin_error error = {0};
    assert_int_equal(kin_file_write_atomic(path, weights, 23, &error), KIN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_buffer model = make_model(cases[i].place);
        assert_int_equal(kin_onnx_embed(&model, folder, "m.onnx", &error), cases[i].status);
        if (strstr(error.text, cases[i].words) == NULL || strstr(error.text, "m.onnx") == NULL ||
            strstr(error.text, "'w'") == NULL)
            fail_msg("'%s' does not say '%s'", error.text, cases[i].words);
        kin_buffer_fini(&model);
    }
    kin_buffer words = {0};
    kin_buffer_append_string(&words, "these are words and no model");
    assert_int_equal(kin_onnx_embed(&words, folder, "m.onnx", &error), KIN_CORRUPT);
    kin_buffer_fini(&words);
    free(path);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(becomes_one),
        cmocka_unit_test(stays_as_it_is),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
