/* Networks that take pictures: what a model's only input may be, and vectors that depend on their
 * picture alone, with large fully connected layers, which see many pictures at once, too. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/onnx_writer.h"
#include "worker/encode/batch_network.h"
#include "worker/encode/features.h"
#include "worker/encode/picture_network.h"

#define SIDE 8
#define PIXELS (SIDE * SIDE * 3)
/* Large enough for layers of their own: 192 x 5,500 weights are more than 2^20. */
#define WIDE 5500
#define COUNT 33

/* --- Models ---------------------------------------------------------------------------------- */

#define FLOATS(name, ...)                                         \
    onnx_put_random(&graph, name, (const int64_t[]){__VA_ARGS__}, \
                    sizeof(int64_t[]){__VA_ARGS__} / sizeof(int64_t))

/* What stands between the wide layer's result "wide" [n][5500] and "out"; with constants: a row
 * "row" [5500], a matrix "matrix" [5500][4], an
 * integer "zero". */
typedef struct behind {
    const char *op, *inputs, *attribute; /* an integer; NULL: none */
    int64_t value;
} behind;

static kin_buffer wide_model(const behind *last)
{
    kin_buffer graph = {0}, model = {0}, attribute = {0};
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "n 3 8 8");
    FLOATS("kernel", 3, 3, 1, 1);
    FLOATS("weights", 192, WIDE);
    FLOATS("row", WIDE);
    FLOATS("matrix", WIDE, 4);
    onnx_put_zero(&graph);
    onnx_put_node(&graph, "Conv", "x kernel", "map", NULL);
    onnx_put_node(&graph, "Flatten", "map", "flat", NULL);
    onnx_put_node(&graph, "Gemm", "flat weights row", "wide", NULL);
    if (last->attribute != NULL) attribute = onnx_int_attribute(last->attribute, last->value);
    onnx_put_node(&graph, last->op, last->inputs, "last",
                  last->attribute == NULL ? NULL : &attribute);
    onnx_put_node(&graph, "MatMul", "last matrix", "out", NULL);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "out", "n 4");
    onnx_put_model(&model, &graph);
    return model;
}

static kin_network_spec spec_of(const char *tap)
{
    kin_network_spec spec = {.name = "model",
                             .width = SIDE,
                             .height = SIDE,
                             .scale = 1.0f / 255,
                             .deviation = {1, 1, 1},
                             .tap_count = 1};
    strcpy(spec.taps[0], tap);
    return spec;
}

static kin_picture_network *open_model(const kin_buffer *model, const char *tap)
{
    kin_picture_network *network = NULL;
    kin_error error = {0};
    kin_network_spec spec = spec_of(tap);
    if (kin_picture_network_open(
            &network,
            &(kin_network_model){.spec = spec, .onnx = model->data, .bytes = model->bytes},
            &error) != KIN_OK)
        fail_msg("%s", error.text);
    return network;
}

/* --- Neighbours ------------------------------------------------------------------------------ */

static void make_rasters(kin_image *rasters, uint64_t seed)
{
    kin_random random = {.state = seed};
    for (int i = 0; i < COUNT; i++) {
        kin_image_init(&rasters[i], SIDE, SIDE);
        for (int b = 0; b < PIXELS; b++)
            rasters[i].pixels[b] = (uint8_t)kin_random_u64(&random);
    }
}

static void make_noise(kin_image *raster)
{
    kin_random random = {.state = 5};
    kin_image_init(raster, SIDE, SIDE);
    for (int b = 0; b < PIXELS; b++)
        raster->pixels[b] = (uint8_t)kin_random_u64(&random);
}

/* Pictures in groups of `each`. */
static void run_groups(kin_picture_network *network, const kin_image *rasters, uint32_t each,
                       float *vectors)
{
    uint32_t dimensions = kin_picture_network_dimensions(network);
    for (uint32_t i = 0; i < COUNT; i += each)
        kin_picture_network_run(network, rasters + i, COUNT - i < each ? COUNT - i : each,
                                vectors + (size_t)i * dimensions, dimensions);
}

static void assert_alone(const behind *last, bool together)
{
    kin_image rasters[COUNT];
    kin_buffer model = wide_model(last);
    kin_picture_network *network = open_model(&model, "out");
    uint32_t most = kin_picture_network_pictures(network);
    if ((most > 1) != together) fail_msg("%s of %s: %u at once", last->op, last->inputs, most);
    uint32_t dimensions = kin_picture_network_dimensions(network);
    size_t bytes = (size_t)COUNT * dimensions * sizeof(float);
    float *alone = kin_malloc(bytes), *grouped = kin_malloc(bytes);
    make_rasters(rasters, 1);
    run_groups(network, rasters, 1, alone);
    for (uint32_t each = 2; each <= most; each++) {
        run_groups(network, rasters, each, grouped);
        if (memcmp(alone, grouped, bytes) != 0)
            fail_msg("%s of %s: %u at once give other vectors", last->op, last->inputs, each);
    }
    /* and the same as a network of one picture that knows of no others */
    kin_batch_network *plain = NULL;
    kin_error error = {0};
    const char *tap = "out";
    kin_network_input_shape shape = {.shape = kin_shape_of(4, 1, 3, SIDE, SIDE)};
    kin_network_options options = {
        .shapes = &shape, .shape_count = 1, .taps = &tap, .tap_count = 1, .reference = true};
    assert_int_equal(kin_batch_network_open(&plain, model.data, model.bytes, "m", &options, &error),
                     KIN_OK);
    assert_int_equal(kin_batch_network_pictures(plain), 1);
    for (int i = 0; i < COUNT; i++) {
        float *input = kin_batch_network_input(plain)->data;
        for (int b = 0; b < PIXELS; b++)
            input[b % 3 * SIDE * SIDE + b / 3] = (float)rasters[i].pixels[b] * (1.0f / 255);
        kin_batch_network_put(plain, 0);
        kin_batch_network_finish(plain, 1);
        for (uint32_t d = 0; d < dimensions; d++)
            assert_float_equal(kin_batch_network_row(plain, 0, 0)[d],
                               alone[(size_t)i * dimensions + d], 2e-3);
    }
    kin_batch_network_close(&plain);
    for (int i = 0; i < COUNT; i++)
        kin_image_fini(&rasters[i]);
    free(alone);
    free(grouped);
    kin_picture_network_close(&network);
    kin_buffer_fini(&model);
}

static void neighbours_do_not_matter(void **state)
{
    (void)state;
    static const behind cases[] = {
        {"Relu", "wide", NULL, 0},      {"Softmax", "wide", "axis", 1},
        {"Softmax", "wide", NULL, 0},   {"Mul", "row wide", NULL, 0},
        {"Add", "wide wide", NULL, 0},  {"Dropout", "wide", NULL, 0},
        {"Flatten", "wide", "axis", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_alone(&cases[i], true);
}

/* Layers that would mix pictures see one at a time. */
static void mixtures_are_kept_apart(void **state)
{
    (void)state;
    static const behind cases[] = {
        {"Softmax", "wide", "axis", 0},
        {"CumSum", "wide zero", NULL, 0},
        {"LpNormalization", "wide", "axis", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_alone(&cases[i], false);
}

/* --- What a model may take -----------------------------------------------------------------------
 */

static void assert_refused(kin_buffer *model, const char *tap, const char *words)
{
    kin_picture_network *network = NULL;
    kin_error error = {0};
    kin_network_spec spec = spec_of(tap);
    assert_int_not_equal(
        kin_picture_network_open(
            &network,
            &(kin_network_model){.spec = spec, .onnx = model->data, .bytes = model->bytes}, &error),
        KIN_OK);
    assert_null(network);
    if (strstr(error.text, words) == NULL || strstr(error.text, "model") == NULL)
        fail_msg("'%s' does not say '%s'", error.text, words);
    kin_buffer_fini(model);
}

/* An input of that type and shape, averaged: [n][c]. */
static kin_buffer model_of_input(int64_t type, const char *dims)
{
    kin_buffer graph = {0}, model = {0}, value = {0}, tensor = {0}, any = {0}, shape = {0};
    char copy[64], *rest = NULL;
    strcpy(copy, dims);
    for (char *dim = strtok_r(copy, " ", &rest); dim != NULL; dim = strtok_r(NULL, " ", &rest)) {
        kin_buffer dimension = {0};
        onnx_put_int(&dimension, 1, atoll(dim));
        onnx_put_part(&shape, 1, &dimension);
    }
    onnx_put_int(&tensor, 1, type);
    onnx_put_part(&tensor, 2, &shape);
    onnx_put_part(&any, 1, &tensor);
    onnx_put_text(&value, 1, "x");
    onnx_put_part(&value, 2, &any);
    onnx_put_part(&graph, ONNX_GRAPH_INPUT, &value);
    kin_buffer attribute = onnx_int_attribute("to", 1);
    onnx_put_node(&graph, "Cast", "x", "floats", &attribute);
    onnx_put_node(&graph, "ReduceMean", "floats", "all", NULL);
    onnx_put_node(&graph, "Sub", "floats all", "out", NULL);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "out", "1");
    onnx_put_model(&model, &graph);
    return model;
}

static void types_and_shapes(void **state)
{
    (void)state;
    static const int64_t bad_types[] = {2, 3, 6, 7, 9};
    static const int64_t good_types[] = {1, 10, 11, 16};
    static const char *const bad_shapes[] = {"1 1 8 8", "1 4 8 8", "1 3 8 9",   "1 9 8 3",
                                             "3 8 8",   "1",       "1 3 8 8 1", ""};
    static const char *const good_shapes[] = {"1 3 8 8", "1 8 8 3", "7 3 8 8"};
    for (size_t i = 0; i < sizeof bad_types / sizeof *bad_types; i++) {
        kin_buffer model = model_of_input(bad_types[i], "1 3 8 8");
        assert_refused(&model, "out", "floats");
    }
    for (size_t i = 0; i < sizeof bad_shapes / sizeof *bad_shapes; i++) {
        kin_buffer model = model_of_input(1, bad_shapes[i]);
        assert_refused(&model, "out", "pictures of 8 x 8 do not fit");
    }
    for (size_t i = 0; i < 4; i++)
        for (size_t s = 0; s < 3; s++) {
            kin_buffer model = model_of_input(good_types[i], good_shapes[s]);
            kin_picture_network *network = open_model(&model, "out");
            assert_int_equal(kin_picture_network_dimensions(network), 3);
            kin_picture_network_close(&network);
            kin_buffer_fini(&model);
        }
}

/* Taps that are no vector, or too long a one, and the wide layer of a constant. */
static void taps(void **state)
{
    (void)state;
    kin_buffer graph = {0}, model = {0};
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", "n 3 8 8");
    FLOATS("constant", 1, 1024);
    FLOATS("weights", 1024, 1030);
    FLOATS("pair", 2, 3);
    FLOATS("long", 1, 8193);
    onnx_put_node(&graph, "Gemm", "constant weights", "out", NULL);
    onnx_put_node(&graph, "Shape", "x", "shape", NULL);
    onnx_put_node(&graph, "ReduceMean", "x", "mean", NULL);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "out", "1 1030");
    onnx_put_model(&model, &graph);
    kin_picture_network *network = open_model(&model, "out");
    assert_int_equal(kin_picture_network_dimensions(network), 1030);
    kin_picture_network_close(&network);
    network = open_model(&model, "mean");
    assert_int_equal(kin_picture_network_dimensions(network), 1);
    kin_picture_network_close(&network);
    static const char *const cases[][2] = {{"shape", "gives no vector"},
                                           {"pair", "gives no vector"},
                                           {"long", "8193 numbers a picture; the limit is 8192"},
                                           {"nobody", "has no tensor 'nobody'"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_buffer copy = {0};
        kin_buffer_append(&copy, model.data, model.bytes);
        assert_refused(&copy, cases[i][0], cases[i][1]);
    }
    kin_buffer_fini(&model);
}

/* --- Pooling and centring ---------------------------------------------------------------------
 */

/* Maps that lie in every way: "map" [1][5][8][8], turned around by "last" and back by "second";
 * "columns" of a product, "tokens" [1][64][5] and their like. Channels are 5 everywhere. */
static kin_buffer model_of_maps(const char *input)
{
    kin_buffer graph = {0}, model = {0}, perm;
    bool channels_last = strcmp(input, "n 8 8 3") == 0;
    onnx_put_value(&graph, ONNX_GRAPH_INPUT, "x", input);
    FLOATS("kernel", 5, 3, 1, 1);
    FLOATS("square", 5, 5);
    if (channels_last) {
        perm = onnx_ints_attribute("perm", "0312");
        onnx_put_node(&graph, "Transpose", "x", "turned", &perm);
    }
    onnx_put_node(&graph, "Conv", channels_last ? "turned kernel" : "x kernel", "map", NULL);
    perm = onnx_ints_attribute("perm", "0231");
    onnx_put_node(&graph, "Transpose", "map", "last", &perm);
    onnx_put_node(&graph, "Relu", "last", "like", NULL);
    onnx_put_node(&graph, "MatMul", "like square", "columns", NULL);
    onnx_put_node(&graph, "Add", "columns last", "sum", NULL);
    perm = onnx_ints_attribute("perm", "0312");
    onnx_put_node(&graph, "Transpose", "sum", "second", &perm);
    onnx_put_node(&graph, "GlobalMaxPool", "second", "vector", NULL);
    onnx_put_value(&graph, ONNX_GRAPH_OUTPUT, "vector", "1 5 1 1");
    onnx_put_model(&model, &graph);
    return model;
}

static void channels_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"map", "last",   "like",  "columns",
                                        "sum", "second", "vector"};
    static const char *const inputs[] = {"n 3 8 8", "n 8 8 3"};
    float vectors[8][5];
    kin_image raster;
    make_noise(&raster);
    for (size_t i = 0; i < 2; i++) {
        kin_buffer model = model_of_maps(inputs[i]);
        for (size_t t = 0; t < sizeof names / sizeof *names; t++) {
            kin_picture_network *network = open_model(&model, names[t]);
            assert_int_equal(kin_picture_network_dimensions(network), 5);
            kin_picture_network_run(network, &raster, 1, vectors[t], 5);
            kin_picture_network_close(&network);
        }
        for (int d = 0; d < 5; d++) { /* turning changes no mean of a channel */
            assert_float_equal(vectors[0][d], vectors[1][d], 1e-5);
            assert_float_equal(vectors[4][d], vectors[5][d], 1e-5);
        }
        kin_buffer_fini(&model);
    }
    kin_image_fini(&raster);
}

/* Two taps of means: off they go before lengths are brought to 1. */
static void taps_are_centred(void **state)
{
    (void)state;
    kin_buffer model = model_of_maps("n 3 8 8");
    float raw[10], centred[10], means[10];
    kin_image raster;
    kin_error error = {0};
    make_noise(&raster);
    kin_network_model wanted = {.spec = spec_of("map"), .onnx = model.data, .bytes = model.bytes};
    strcpy(wanted.spec.taps[1], "sum");
    wanted.spec.tap_count = 2;
    wanted.spec.centre = wanted.spec.normalise = true;
    kin_picture_network *network, *clone;
    assert_int_equal(kin_picture_network_open(&network, &wanted, &error), KIN_OK);
    assert_true(kin_picture_network_wants_means(network));
    kin_picture_network_run(network, &raster, 1, raw, 10);
    kin_picture_network_close(&network);
    for (int d = 0; d < 10; d++)
        means[d] = 0.25f * (float)d - 1;
    wanted.means = means;
    wanted.mean_count = 10;
    assert_int_equal(kin_picture_network_open(&network, &wanted, &error), KIN_OK);
    assert_false(kin_picture_network_wants_means(network));
    clone = kin_picture_network_clone(network);
    kin_picture_network_close(&network);
    kin_picture_network_run(clone, &raster, 1, centred, 10);
    kin_picture_network_close(&clone);
    for (int t = 0; t < 2; t++) {
        double length = 0;
        for (int d = 5 * t; d < 5 * t + 5; d++)
            length += pow((double)(raw[d] - means[d]), 2);
        for (int d = 5 * t; d < 5 * t + 5; d++)
            assert_float_equal(centred[d], (double)(raw[d] - means[d]) / sqrt(length), 1e-6);
    }
    wanted.mean_count = 9;
    assert_int_equal(kin_picture_network_open(&network, &wanted, &error), KIN_CORRUPT);
    assert_non_null(strstr(error.text, "has 9 means, but its taps give 10 numbers"));
    kin_image_fini(&raster);
    kin_buffer_fini(&model);
}

/* A network file whose means were never learned serves nobody. */
static void means_are_needed(void **state)
{
    (void)state;
    kin_buffer model = model_of_maps("n 3 8 8"), bytes = {0};
    kin_network_file file = {.model_count = 2};
    kin_features *features;
    kin_error error = {0};
    char name[KIN_NETWORK_FEATURES_BYTES];
    static const float means[5] = {0};
    for (int m = 0; m < 2; m++)
        file.models[m] =
            (kin_network_model){.spec = spec_of("map"), .onnx = model.data, .bytes = model.bytes};
    file.models[1].spec.centre = true;
    for (int learned = 0; learned < 2; learned++) {
        file.models[1].means = means;
        file.models[1].mean_count = learned == 0 ? 0 : 5;
        kin_buffer_clear(&bytes);
        kin_network_file_build(&bytes, &file);
        assert_int_equal(
            kin_features_open_networks(&features, bytes.data, bytes.bytes, "f", &error), KIN_OK);
        assert_int_equal(kin_features_want_means(features), learned == 0);
        assert_int_equal(kin_features_model_dimensions(features, 1), 5);
        strcpy(name, kin_features_name(features));
        kin_features_close(&features);
        kin_status status = kin_features_open(&features, name, bytes.data, bytes.bytes, &error);
        assert_int_equal(status, learned == 0 ? KIN_CORRUPT : KIN_OK);
        kin_features_close(&features);
    }
    assert_non_null(strstr(error.text, "are centred, and have no means"));
    kin_buffer_fini(&bytes);
    kin_buffer_fini(&model);
}

/* Average, maximum and generalised mean of a map, against loops over the map itself. */
static void ways_of_pooling(void **state)
{
    (void)state;
    kin_buffer model = model_of_maps("n 3 8 8");
    kin_image raster;
    kin_error error = {0};
    make_noise(&raster);
    kin_batch_network *plain = NULL;
    const char *tap = "map";
    kin_network_input_shape shape = {.shape = kin_shape_of(4, 1, 3, SIDE, SIDE)};
    kin_network_options options = {
        .shapes = &shape, .shape_count = 1, .taps = &tap, .tap_count = 1, .reference = true};
    assert_int_equal(kin_batch_network_open(&plain, model.data, model.bytes, "m", &options, &error),
                     KIN_OK);
    float *input = kin_batch_network_input(plain)->data;
    for (int b = 0; b < PIXELS; b++)
        input[b % 3 * SIDE * SIDE + b / 3] = (float)raster.pixels[b] * (1.0f / 255);
    kin_batch_network_put(plain, 0);
    kin_batch_network_finish(plain, 1);
    const float *map = kin_batch_network_row(plain, 0, 0);
    for (int way = 0; way < KIN_NETWORK_POOLINGS; way++) {
        kin_network_model wanted = {
            .spec = spec_of("map"), .onnx = model.data, .bytes = model.bytes};
        kin_picture_network *network;
        float vector[5];
        wanted.spec.pooling = (kin_network_pooling)way;
        wanted.spec.power = 3;
        assert_int_equal(kin_picture_network_open(&network, &wanted, &error), KIN_OK);
        kin_picture_network_run(network, &raster, 1, vector, 5);
        for (int c = 0; c < 5; c++) {
            double sum = 0, largest = -1e30, cubes = 0;
            for (int i = 0; i < SIDE * SIDE; i++) {
                double value = (double)map[c * SIDE * SIDE + i];
                sum += value;
                largest = fmax(largest, value);
                cubes += pow(fmax(value, 1e-6), 3);
            }
            double expected = way == KIN_NETWORK_POOL_AVERAGE ? sum / (SIDE * SIDE)
                              : way == KIN_NETWORK_POOL_MAX   ? largest
                                                              : cbrt(cubes / (SIDE * SIDE));
            assert_float_equal(vector[c], expected, 1e-5);
        }
        kin_picture_network_close(&network);
    }
    kin_batch_network_close(&plain);
    kin_image_fini(&raster);
    kin_buffer_fini(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_do_not_matter), cmocka_unit_test(mixtures_are_kept_apart),
        cmocka_unit_test(types_and_shapes),         cmocka_unit_test(taps),
        cmocka_unit_test(channels_are_found),       cmocka_unit_test(taps_are_centred),
        cmocka_unit_test(means_are_needed),         cmocka_unit_test(ways_of_pooling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
