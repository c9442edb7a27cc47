/* Tensors of ONNX: every type in every place it may be, what does not add up, and data in files of
 * their own, of which none outside the model's folder is opened. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/test.h"
#include "worker/encode/onnx_external.h"
#include "worker/encode/onnx_file.h"

/* Begins a tensor of a type, and of one dimension unless it is negative. */
static kin_buffer begin(int type, int64_t dim)
{
    kin_buffer tensor = {0};
    if (dim >= 0) onnx_put_int(&tensor, ONNX_TENSOR_DIMS, dim);
    onnx_put_int(&tensor, ONNX_TENSOR_TYPE, type);
    return tensor;
}

/* The message becomes a tensor; it is emptied. */
static kin_tensor accept(kin_buffer *message)
{
    kin_tensor tensor;
    kin_error error = {0};
    kin_status status = kin_onnx_tensor_parse(&tensor, message->data, message->bytes, "t", &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, KIN_OK);
    assert_non_null(tensor.data);
    kin_buffer_fini(message);
    return tensor;
}

/* It is refused with this sentence; it is emptied. */
static void refuse(kin_buffer *message, kin_status status, const char *sentence)
{
    kin_tensor tensor;
    kin_error error = {0};
    assert_int_equal(kin_onnx_tensor_parse(&tensor, message->data, message->bytes, "t", &error),
                     status);
    assert_null(tensor.data);
    assert_int_equal(error.status, status);
    assert_string_equal(error.text, sentence);
    kin_buffer_fini(message);
}

/* Packed varints. */
static void put_numbers(kin_buffer *tensor, uint32_t field, const int64_t *numbers, size_t count)
{
    kin_buffer packed = {0};
    for (size_t i = 0; i < count; i++)
        onnx_put_varint(&packed, (uint64_t)numbers[i]);
    onnx_put_part(tensor, field, &packed);
}

static void raw_data_of_every_type(void **state)
{
    (void)state;
    static const kin_type types[] = {
        KIN_TYPE_FLOAT,  KIN_TYPE_UINT8,  KIN_TYPE_INT8,    KIN_TYPE_UINT16,  KIN_TYPE_INT16,
        KIN_TYPE_INT32,  KIN_TYPE_INT64,  KIN_TYPE_BOOL,    KIN_TYPE_FLOAT16, KIN_TYPE_DOUBLE,
        KIN_TYPE_UINT32, KIN_TYPE_UINT64, KIN_TYPE_BFLOAT16};
    static const uint8_t bytes[24] = {1, 2, 3, 4, 5, 6, 7, 8, 250, 251, 252, 253, 254, 0, 1, 2};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        kin_buffer message = begin(types[i], 3);
        size_t size = 3 * kin_type_bytes(types[i]);
        onnx_put_bytes(&message, ONNX_TENSOR_RAW, bytes, size);
        kin_tensor tensor = accept(&message);
        assert_true(tensor.type == types[i] && tensor.shape.rank == 1 && tensor.shape.dims[0] == 3);
        if (types[i] == KIN_TYPE_BOOL)
            assert_memory_equal(tensor.data, "\1\1\1", 3);
        else
            assert_memory_equal(tensor.data, bytes, size);
        free(tensor.data);
    }
}

static void typed_data_of_every_type(void **state)
{
    (void)state;
    static const struct {
        kin_type type;
        uint32_t field;
        int64_t numbers[3];
        double expected[3];
    } cases[] = {
        {KIN_TYPE_UINT8, ONNX_TENSOR_INT32S, {0, 7, 255}, {0, 7, 255}},
        {KIN_TYPE_INT8, ONNX_TENSOR_INT32S, {-128, 0, 127}, {-128, 0, 127}},
        {KIN_TYPE_UINT16, ONNX_TENSOR_INT32S, {0, 7, 65535}, {0, 7, 65535}},
        {KIN_TYPE_INT16, ONNX_TENSOR_INT32S, {-32768, 0, 32767}, {-32768, 0, 32767}},
        {KIN_TYPE_INT32, ONNX_TENSOR_INT32S, {INT32_MIN, 0, INT32_MAX}, {-0x1p31, 0, 2147483647}},
        {KIN_TYPE_INT64, ONNX_TENSOR_INT64S, {INT64_MIN, 0, 5}, {-0x1p63, 0, 5}},
        {KIN_TYPE_BOOL, ONNX_TENSOR_INT32S, {0, 1, 2}, {0, 1, 1}},
        {KIN_TYPE_FLOAT16, ONNX_TENSOR_INT32S, {0x3c00, 0xc000, 1}, {1, -2, 0x1p-24}},
        {KIN_TYPE_BFLOAT16, ONNX_TENSOR_INT32S, {0x3f80, 0xc000, 0}, {1, -2, 0}},
        {KIN_TYPE_UINT32, ONNX_TENSOR_UINT64S, {0, 7, UINT32_MAX}, {0, 7, UINT32_MAX}},
        {KIN_TYPE_UINT64, ONNX_TENSOR_UINT64S, {0, 7, -1}, {0, 7, 0x1p64}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        kin_buffer message = begin(cases[c].type, 3);
        put_numbers(&message, cases[c].field, cases[c].numbers, 3);
        kin_tensor tensor = accept(&message);
        for (int i = 0; i < 3; i++)
            assert_true(kin_tensor_get(&tensor, i) == cases[c].expected[i]);
        free(tensor.data);
    }
    static const float floats[] = {1, -2.5f, 3};
    kin_buffer message = begin(KIN_TYPE_FLOAT, 3);
    onnx_put_bytes(&message, ONNX_TENSOR_FLOATS, floats, sizeof floats);
    kin_tensor tensor = accept(&message);
    assert_memory_equal(tensor.data, floats, sizeof floats);
    free(tensor.data);
    static const double doubles[] = {1, -2.5, 3};
    message = begin(KIN_TYPE_DOUBLE, 3);
    onnx_put_bytes(&message, ONNX_TENSOR_DOUBLES, doubles, sizeof doubles);
    tensor = accept(&message);
    assert_memory_equal(tensor.data, doubles, sizeof doubles);
    free(tensor.data);
}

static void scalars_empty_tensors_and_single_fields(void **state)
{
    (void)state;
    kin_buffer message = begin(KIN_TYPE_FLOAT, -1);
    onnx_put_float(&message, ONNX_TENSOR_FLOATS, 2.5f); /* not packed */
    kin_tensor tensor = accept(&message);
    assert_true(tensor.shape.rank == 0 && kin_tensor_get(&tensor, 0) == 2.5);
    free(tensor.data);
    message = begin(KIN_TYPE_INT64, 0);
    tensor = accept(&message);
    assert_true(tensor.shape.rank == 1 && tensor.shape.dims[0] == 0);
    free(tensor.data);
    message = begin(KIN_TYPE_INT64, 2);
    onnx_put_int(&message, ONNX_TENSOR_INT64S, -1);
    onnx_put_int(&message, ONNX_TENSOR_INT64S, 9);
    tensor = accept(&message);
    assert_true(kin_tensor_get(&tensor, 0) == -1 && kin_tensor_get(&tensor, 1) == 9);
    free(tensor.data);
}

static void what_does_not_add_up(void **state)
{
    (void)state;
    kin_buffer message = begin(KIN_TYPE_FLOAT, 3);
    onnx_put_bytes(&message, ONNX_TENSOR_RAW, "01234567890", 11);
    refuse(&message, KIN_CORRUPT, "t: raw_data has 11 bytes, but float [3] takes 12");
    message = begin(KIN_TYPE_FLOAT, 3);
    onnx_put_bytes(&message, ONNX_TENSOR_FLOATS, "01234567", 8);
    refuse(&message, KIN_CORRUPT, "t: float_data has 2 elements, but float [3] takes 3");
    message = begin(KIN_TYPE_FLOAT, 3);
    refuse(&message, KIN_CORRUPT, "t: float_data has 0 elements, but float [3] takes 3");
    message = begin(KIN_TYPE_INT8, 0);
    onnx_put_int(&message, ONNX_TENSOR_INT32S, 1);
    refuse(&message, KIN_CORRUPT, "t: int32_data has 1 elements, but int8 [0] takes 0");
    message = begin(KIN_TYPE_INT64, 1);
    onnx_put_bytes(&message, ONNX_TENSOR_FLOATS, "0123", 4);
    refuse(&message, KIN_CORRUPT, "t: float_data has data where int64 elements have none");
    message = begin(KIN_TYPE_FLOAT, 1);
    onnx_put_bytes(&message, ONNX_TENSOR_RAW, "0123", 4);
    onnx_put_bytes(&message, ONNX_TENSOR_FLOATS, "0123", 4);
    refuse(&message, KIN_CORRUPT, "t: float_data has data where float elements have none");
    static const struct {
        kin_type type;
        uint32_t field;
        int64_t number;
    } misfits[] = {{KIN_TYPE_UINT8, ONNX_TENSOR_INT32S, 256},
                   {KIN_TYPE_UINT8, ONNX_TENSOR_INT32S, -1},
                   {KIN_TYPE_INT8, ONNX_TENSOR_INT32S, -129},
                   {KIN_TYPE_INT16, ONNX_TENSOR_INT32S, 32768},
                   {KIN_TYPE_FLOAT16, ONNX_TENSOR_INT32S, 65536},
                   {KIN_TYPE_UINT32, ONNX_TENSOR_UINT64S, (int64_t)1 << 32}};
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        char sentence[80];
        snprintf(sentence, sizeof sentence, "t: %s has a value that is no %s",
                 misfits[i].field == ONNX_TENSOR_INT32S ? "int32_data" : "uint64_data",
                 kin_type_name(misfits[i].type));
        message = begin(misfits[i].type, 1);
        onnx_put_int(&message, misfits[i].field, misfits[i].number);
        refuse(&message, KIN_CORRUPT, sentence);
    }
}

static void heads_that_are_refused(void **state)
{
    (void)state;
    kin_buffer message = begin(8, 1);
    onnx_put_text(&message, ONNX_TENSOR_STRINGS, "text");
    refuse(&message, KIN_BAD_INPUT, "t: tensors of strings are not supported");
    message = begin(KIN_TYPE_FLOAT, 1);
    onnx_put_text(&message, ONNX_TENSOR_STRINGS, "text");
    refuse(&message, KIN_BAD_INPUT, "t: tensors of strings are not supported");
    message = begin(14, 1);
    refuse(&message, KIN_BAD_INPUT, "t: element type 14 is not supported");
    message = begin(-1, 1);
    refuse(&message, KIN_BAD_INPUT, "t: element type -1 is not supported");
    refuse(&message, KIN_BAD_INPUT, "t: element type 0 is not supported");
    message = begin(KIN_TYPE_FLOAT, 1);
    onnx_put_text(&message, ONNX_TENSOR_SEGMENT, "");
    refuse(&message, KIN_BAD_INPUT, "t: tensors in segments are not supported");
    message = begin(KIN_TYPE_FLOAT, 1);
    onnx_put_int(&message, ONNX_TENSOR_LOCATION, 2);
    refuse(&message, KIN_BAD_INPUT, "t: data location 2 is not supported");
    message = begin(KIN_TYPE_FLOAT, 1);
    onnx_put_int(&message, ONNX_TENSOR_DIMS, -1);
    refuse(&message, KIN_LIMIT, "t: shape [1][-1] is negative or too large");
    message = begin(KIN_TYPE_FLOAT, (int64_t)1 << 30);
    refuse(&message, KIN_CORRUPT,
           "t: float_data has 0 elements, but float [1073741824] takes 1073741824");
    message = begin(KIN_TYPE_FLOAT, (int64_t)1 << 30);
    onnx_put_int(&message, ONNX_TENSOR_DIMS, 2);
    refuse(&message, KIN_LIMIT, "t: shape [1073741824][2] is negative or too large");
    message = begin(KIN_TYPE_FLOAT, 4294967296);
    onnx_put_int(&message, ONNX_TENSOR_DIMS, 4294967296); /* product 0 modulo 2^64 */
    refuse(&message, KIN_LIMIT, "t: shape [4294967296][4294967296] is negative or too large");
    message = begin(KIN_TYPE_FLOAT, 1);
    for (int i = 0; i < 8; i++)
        onnx_put_int(&message, ONNX_TENSOR_DIMS, 1);
    refuse(&message, KIN_LIMIT, "t: 9 dimensions; a tensor has up to 8");
    kin_buffer_append_string(&message, "no tensor");
    refuse(&message, KIN_CORRUPT, "t: it is not an ONNX tensor, or damaged");
    message = begin(KIN_TYPE_FLOAT, 1);
    onnx_put_int(&message, ONNX_TENSOR_LOCATION, 1);
    onnx_put_external(&message, "location", "weights");
    refuse(&message, KIN_BAD_INPUT, "t: its data are in 'weights', which may not be read here");
    message = begin(KIN_TYPE_FLOAT, 1);
    onnx_put_int(&message, ONNX_TENSOR_LOCATION, 1);
    onnx_put_external(&message, "location", "weights");
    onnx_put_bytes(&message, ONNX_TENSOR_RAW, "0123", 4);
    refuse(&message, KIN_CORRUPT, "t: has data both here and in another file");
}

/* --- External data --------------------------------------------------------------------------- */

/* folder/model holds a file of 16 floats and links; folder/outside must not be read. */
typedef struct place {
    char root[32], folder[64];
} place;

static void path_in(const char *folder, const char *name, char *path, size_t bytes)
{
    assert_in_range(snprintf(path, bytes, "%s/%s", folder, name), 1, bytes - 1);
}

static void link_in(const place *p, const char *to, const char *name)
{
    char path[128];
    path_in(p->folder, name, path, sizeof path);
    assert_int_equal(symlink(to, path), 0);
}

static int make_place(void **state)
{
    place *p = kin_calloc(1, sizeof *p);
    char path[128], outside[128];
    float floats[16];
    for (int i = 0; i < 16; i++)
        floats[i] = (float)i;
    strcpy(p->root, "/tmp/kindred-onnx-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    path_in(p->root, "model", p->folder, sizeof p->folder);
    path_in(p->folder, "deep", path, sizeof path);
    assert_int_equal(kin_directory_make(path, NULL), KIN_OK);
    path_in(p->root, "outside", outside, sizeof outside);
    assert_int_equal(kin_file_write_atomic(outside, floats, sizeof floats, NULL), KIN_OK);
    path_in(p->folder, "weights", path, sizeof path);
    assert_int_equal(kin_file_write_atomic(path, floats, sizeof floats, NULL), KIN_OK);
    path_in(p->folder, "deep/weights", path, sizeof path);
    assert_int_equal(kin_file_write_atomic(path, floats, sizeof floats, NULL), KIN_OK);
    path_in(p->folder, "pipe", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0);
    link_in(p, "../outside", "relative");
    link_in(p, outside, "absolute");
    link_in(p, "..", "up");
    link_in(p, "weights", "inside");
    link_in(p, "loop", "loop");
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    place *p = *state;
    kin_status status = kin_directory_remove(p->root, NULL);
    free(p);
    return status != KIN_OK;
}

/* Writes a model whose one initializer, of floats [2], is at a place of a file; NULL leaves a key
 * out. Opens it: the graph, or NULL with the error. */
static kin_graph *open_external(const place *p, const char *location, const char *offset,
                                const char *length, kin_error *error)
{
    kin_buffer tensor = begin(KIN_TYPE_FLOAT, 2), graph = {0}, model = {0};
    kin_graph *made;
    char path[128];
    onnx_put_text(&tensor, ONNX_TENSOR_NAME, "w");
    onnx_put_int(&tensor, ONNX_TENSOR_LOCATION, 1);
    if (location != NULL) onnx_put_external(&tensor, "location", location);
    if (offset != NULL) onnx_put_external(&tensor, "offset", offset);
    if (length != NULL) onnx_put_external(&tensor, "length", length);
    onnx_put_external(&tensor, "checksum", "whatever");
    onnx_put_part(&graph, ONNX_GRAPH_INITIALIZER, &tensor);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "w", "2");
    onnx_put_model(&model, &graph);
    path_in(p->folder, "m.onnx", path, sizeof path);
    assert_int_equal(kin_file_write_atomic(path, model.data, model.bytes, NULL), KIN_OK);
    kin_buffer_fini(&model);
    kin_status status = kin_onnx_open(&made, path, error);
    assert_true((status == KIN_OK) == (made != NULL));
    return made;
}

static void external_data_in_the_folder(void **state)
{
    static const struct {
        const char *location, *offset, *length;
        float first;
    } cases[] = {{"weights", "4", "8", 1},      {"weights", "56", NULL, 14},
                 {"weights", NULL, "8", 0},     {"./weights", "0", "8", 0},
                 {"deep/weights", "8", "8", 2}, {"deep//weights", "8", "8", 2},
                 {"inside", "12", "8", 3},      {"deep/./weights", "8", "8", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_error error = {0};
        kin_graph *graph =
            open_external(*state, cases[i].location, cases[i].offset, cases[i].length, &error);
        assert_string_equal(error.text, "");
        const kin_value *w = &graph->values[kin_graph_find(graph, "w")];
        assert_true(kin_tensor_get(&w->tensor, 0) == cases[i].first);
        assert_true(kin_tensor_get(&w->tensor, 1) == cases[i].first + 1);
        kin_graph_destroy(&graph);
    }
}

static void external_data_that_are_refused(void **state)
{
    static const struct {
        const char *location, *offset, *length, *sentence;
    } cases[] = {
        {NULL, "0", "8", "its external data have no location"},
        {"", "0", "8", "its external data have the bad location ''"},
        {"weights", "-1", "8", "its external data have the bad offset '-1'"},
        {"weights", "1e3", "8", "its external data have the bad offset '1e3'"},
        {"weights", "0", " 8", "its external data have the bad length ' 8'"},
        {"weights", "9999999999999999999", "8",
         "its external data have the bad offset '9999999999999999999'"},
        {"weights", "0", "12", "'weights' has 12 bytes for it, but it takes 8"},
        {"weights", "0", NULL, "'weights' has 64 bytes for it, but it takes 8"},
        {"weights", "60", NULL, "'weights' has 4 bytes for it, but it takes 8"},
        {"weights", "100", NULL, "'weights' has 0 bytes for it, but it takes 8"},
        {"weights", "57", "8", "'weights' has 64 bytes; offset 57 is too far for 8"},
        {"weights", "999999999999999999", "8",
         "'weights' has 64 bytes; offset 999999999999999999 is too far for 8"},
        {"../outside", "0", "8",
         "its data are in '../outside', which leads out of the model's folder"},
        {"..", "0", "8", "its data are in '..', which leads out of the model's folder"},
        {"deep/../weights", "0", "8",
         "its data are in 'deep/../weights', which leads out of the model's folder"},
        {"deep/..", "0", "8", "its data are in 'deep/..', which leads out of the model's folder"},
        {"/etc/passwd", "0", "8",
         "its data are in '/etc/passwd', which leads out of the model's folder"},
        {"none", "0", "8",
         "its data are in 'none', which cannot be opened: No such file or "
         "directory"},
        {"deep", "0", "8", "its data are in 'deep', which cannot be opened: no regular file"},
        {".", "0", "8", "its data are in '.', which cannot be opened: no regular file"},
        {"pipe", "0", "8", "its data are in 'pipe', which cannot be opened: no regular file"},
        {"weights/x", "0", "8",
         "its data are in 'weights/x', which cannot be opened: Not a "
         "directory"},
        {"relative", "0", "8", "its data are in 'relative', which leads out of the model's folder"},
        {"absolute", "0", "8", "its data are in 'absolute', which leads out of the model's folder"},
        {"up/outside", "0", "8",
         "its data are in 'up/outside', which leads out of the model's folder"},
        {"loop", "0", "8",
         "its data are in 'loop', which cannot be opened: Too many levels of symbolic links"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_error error = {0};
        assert_null(
            open_external(*state, cases[i].location, cases[i].offset, cases[i].length, &error));
        const char *sentence = strstr(error.text, ": initializer 'w': ");
        assert_non_null(sentence);
        assert_string_equal(sentence + strlen(": initializer 'w': "), cases[i].sentence);
    }
}

/* The kernel's way and ours refuse the same, but for links inside, which ours does not follow. */
static void both_ways_to_open(void **state)
{
    const place *p = *state;
    static const struct {
        const char *location;
        bool kernel, walking;
    } cases[] = {{"weights", true, true},       {"deep/weights", true, true},
                 {"./weights", true, true},     {"deep//weights", true, true},
                 {"inside", true, false},       {"relative", false, false},
                 {"absolute", false, false},    {"up/outside", false, false},
                 {"../outside", false, false},  {"loop", false, false},
                 {"deep", false, false},        {"deep/", false, false},
                 {"pipe", false, false},        {"", false, false},
                 {"none/weights", false, false}};
    int before = dup(0);
    close(before);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int walk = 0; walk < 2; walk++) {
            int file = kin_onnx_open_beneath(p->folder, cases[i].location, walk == 1);
            assert_int_equal(file >= 0, walk == 1 ? cases[i].walking : cases[i].kernel);
            if (file >= 0) close(file);
        }
    assert_int_equal(kin_onnx_open_beneath("/no/such/folder", "weights", false), -1);
    assert_int_equal(errno, ENOENT);
    int after = dup(0); /* the same number: nothing stayed open */
    assert_int_equal(after, before);
    close(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_data_of_every_type),
        cmocka_unit_test(typed_data_of_every_type),
        cmocka_unit_test(scalars_empty_tensors_and_single_fields),
        cmocka_unit_test(what_does_not_add_up),
        cmocka_unit_test(heads_that_are_refused),
        cmocka_unit_test_setup_teardown(external_data_in_the_folder, make_place, remove_place),
        cmocka_unit_test_setup_teardown(external_data_that_are_refused, make_place, remove_place),
        cmocka_unit_test_setup_teardown(both_ways_to_open, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
