/* Networks: shapes, taps, outputs of every kind, layouts, clones; each against the plain loops.
 * What fusion does: test_fuse.c, test_fuse_match.c. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/graph_trial.h"

#define NODES(text) graph_trial_nodes(t, text)
#define INPUT(name, shape) graph_trial_input(t, name, shape)
#define OUTPUT(name) graph_trial_output(t, name)
#define RANDOM(name, shape) graph_trial_random(t, name, shape, -1, 1)
#define NUMBER(name, number) graph_trial_number(t, name, "", number)

static void agree(graph_maker *make, const char *described)
{
    graph_trial_agree(make, NULL, 0, described);
}

/* --- Blocks ---------------------------------------------------------------------------------- */

static void squeeze_and_excite(graph_trial *t)
{
    INPUT("x", "2 6 5 4");
    OUTPUT("y");
    RANDOM("w", "12 6 3 3");
    RANDOM("down", "4 12 1 1");
    RANDOM("up", "12 4 1 1");
    RANDOM("b", "12");
    NODES("Conv x w > a | pads=1,1,1,1; Relu a > c; GlobalAveragePool c > d; Conv d down > e; "
          "Relu e > f; Conv f up b > g; HardSigmoid g > h; Mul h c > y");
}

static void squeeze_by_gemm(graph_trial *t)
{
    INPUT("x", "2 6 5 4");
    OUTPUT("y");
    RANDOM("w", "12 6 1 1");
    RANDOM("down", "12 12");
    RANDOM("b", "12");
    graph_trial_ints(t, "shape", "-1 12 1 1");
    NODES("Conv x w > a; ReduceMean a > c | axes=2,3 keepdims=0; Gemm c down b > d; "
          "Sigmoid d > e; Reshape e shape > f; Mul a f > y");
}

static void branches(graph_trial *t)
{
    INPUT("x", "2 6 8 8");
    OUTPUT("y");
    RANDOM("w", "4 6 1 1");
    RANDOM("v", "5 6 3 3");
    RANDOM("u", "3 6 1 1");
    NODES("Conv x w > a; Relu a > b; Conv x v > c | pads=1,1,1,1; MaxPool x > d | kernel_shape=3,3 "
          "pads=1,1,1,1; Conv d u > e; Concat b c e x > f | axis=1; "
          "AveragePool f > y | kernel_shape=2,2 strides=2,2");
}

static void split_and_shuffle(graph_trial *t)
{
    INPUT("x", "2 6 4 4");
    OUTPUT("y");
    RANDOM("w", "6 6 1 1");
    RANDOM("v", "3 1 3 3");
    graph_trial_ints(t, "parts", "3 3");
    graph_trial_ints(t, "apart", "2 2 3 4 4");
    graph_trial_ints(t, "joined", "2 6 4 4");
    NODES("Conv x w > a; Split a parts > b c | axis=1; Conv c v > d | group=3 pads=1,1,1,1; "
          "Concat b d > e | axis=1; Reshape e apart > f; Transpose f > g | perm=0,2,1,3,4; "
          "Reshape g joined > h; Relu h > y");
}

static void blocks(void **state)
{
    (void)state;
    agree(squeeze_and_excite, "kin.Conv+relu nhwc.GlobalAveragePool kin.Conv+relu "
                              "kin.Conv+hard-sigmoid Mul");
    agree(squeeze_by_gemm, "kin.Conv nhwc.GlobalAveragePool kin.Linear+sigmoid Reshape Mul");
    agree(branches, "kin.Conv+relu kin.Conv nhwc.MaxPool kin.Conv Concat nhwc.AveragePool");
    agree(split_and_shuffle,
          "kin.Conv Split kin.Conv Concat Reshape Transpose Reshape kin.Activation+relu");
}

/* --- Layouts --------------------------------------------------------------------------------- */

/* What comes in as NHWC, is turned, and turned back: as TensorFlow's exports are. */
static void channels_last(graph_trial *t)
{
    INPUT("x", "2 5 4 6");
    OUTPUT("y");
    OUTPUT("b");
    RANDOM("w", "8 6 3 3");
    NODES("Transpose x > a | perm=0,3,1,2; Conv a w > b; Relu b > c; "
          "Transpose c > y | perm=0,2,3,1");
}

/* Elementwise operators between convolutions, with numbers, vectors, maps and smaller maps. */
static void between(graph_trial *t)
{
    INPUT("x", "2 4 5 6");
    INPUT("z", "2 1 5 6");
    OUTPUT("y");
    RANDOM("w", "4 4 1 1");
    RANDOM("map", "1 4 5 6");
    RANDOM("channel", "4 1 1");
    RANDOM("row", "6");
    graph_trial_random(t, "slope", "4 1 1", 0.1, 0.9);
    NUMBER("three", 3);
    NODES("Conv x w > a; Add a map > b; Mul b channel > c; Sub c three > d; Mul d z > e; "
          "PRelu e slope > f; Max f three b > g; Conv g w > h; Add h row > i; Abs i > j; "
          "Div channel j > k; Elu k > l; Sqrt j > m; Sub l m > y");
}

/* Axes of Concat and Split other than channels, and a softmax over channels. */
static void odd_axes(graph_trial *t)
{
    INPUT("x", "2 4 6 5");
    OUTPUT("y");
    RANDOM("w", "4 4 1 1");
    graph_trial_ints(t, "parts", "2 4");
    NODES("Conv x w > a; Split a parts > b c | axis=2; Concat c b > d | axis=-2; "
          "Concat d a > e | axis=3; Softmax e > f | axis=1; Conv f w > g; "
          "ReduceMean g > h | axes=1; ReduceMax g > i | axes=-1; ReduceMean g > j | axes=3,1; "
          "ReduceMean g > k | axes=-1,2; Add h i > l; Add l j > m; Add m k > y");
}

/* Sides of 1 make a transposition that moves nothing. */
static void of_one_pixel(graph_trial *t)
{
    INPUT("x", "3 4 1 1");
    OUTPUT("y");
    OUTPUT("a");
    RANDOM("w", "5 4 1 1");
    RANDOM("v", "1 5 1 1");
    NODES("Conv x w > a; Relu a > b; Conv b v > c; Flatten c > d; Flatten b > e; Mul d e > y");
}

static void of_one_channel(graph_trial *t)
{
    INPUT("x", "2 1 4 5");
    OUTPUT("y");
    RANDOM("w", "1 1 3 3");
    NODES("Conv x w > a | pads=1,1,1,1; Sigmoid a > b; Transpose b > c | perm=0,1,3,2; "
          "Flatten c > y");
}

static void pools(graph_trial *t)
{
    INPUT("x", "2 3 9 8");
    OUTPUT("y");
    NODES("MaxPool x > a | kernel_shape=3,2 strides=2,2 ceil_mode=1; AveragePool x > b | "
          "kernel_shape=3,3 strides=2,2 pads=1,1,1,1 count_include_pad=1; GlobalMaxPool a > c; "
          "AveragePool x > d | kernel_shape=2,3 auto_pad=SAME_UPPER; GlobalAveragePool d > e; "
          "Mul b c > f; Sub f e > g; LpPool g > y | kernel_shape=2,2");
}

/* Maps so large that convolutions run in strips; one of them is wanted elsewhere, too. */
static void strips(graph_trial *t)
{
    INPUT("x", "2 4 52 53");
    OUTPUT("y");
    OUTPUT("z");
    RANDOM("up", "64 4 1 1");
    RANDOM("middle", "64 1 3 3");
    RANDOM("down", "4 64 1 1");
    RANDOM("half", "64 1 5 5");
    NODES("Conv x up > a; Relu a > b; Conv b middle > c | group=64 pads=1,1,1,1; Relu c > d; "
          "Conv d down > e; Add e x > f; Conv f up > g; Conv g half > h | group=64 strides=2,2 "
          "pads=2,2,2,2; Sigmoid h > i; GlobalAveragePool i > y; Conv g middle > j | group=64; "
          "Conv j down > k; Conv k up > l; Conv l middle > m | group=64; Relu m > z");
}

static void layouts(void **state)
{
    (void)state;
    agree(channels_last, "kin.Alias kin.Conv kin.Activation+relu kin.Alias");
    agree(between, NULL);
    agree(odd_axes, NULL);
    agree(of_one_pixel, NULL);
    agree(of_one_channel, NULL);
    agree(pools, NULL);
    graph_trial_agree_within(1e-4, strips, NULL, 0, NULL);
}

/* --- Outputs --------------------------------------------------------------------------------- */

static void outputs_of_every_kind(graph_trial *t)
{
    INPUT("x", "2 3 4 4");
    RANDOM("w", "3 3 1 1");
    RANDOM("v", "3 3");
    OUTPUT("w");    /* a constant that is packed too */
    OUTPUT("x");    /* an input */
    OUTPUT("same"); /* an input under another name */
    OUTPUT("half"); /* folded */
    OUTPUT("flat"); /* the bytes of another output */
    OUTPUT("y");
    OUTPUT("kept"); /* Dropout's */
    NODES("Identity x > same; Add v v > half; Conv x w > y; Flatten y > flat; Dropout y > kept");
}

static void dropout_inside(graph_trial *t)
{
    INPUT("x", "2 6");
    OUTPUT("y");
    RANDOM("w", "6 4");
    NODES("Identity x > a; Dropout a > b; Identity b > c; MatMul c w > d; Dropout d > e; "
          "Relu e > y");
}

static void nothing_but_an_input(graph_trial *t)
{
    INPUT("x", "2 6");
    OUTPUT("x");
}

static void nothing_but_a_constant(graph_trial *t)
{
    INPUT("x", "2 6");
    OUTPUT("w");
    RANDOM("w", "3");
}

static void one_output_twice(graph_trial *t)
{
    INPUT("x", "2 6");
    OUTPUT("y");
    OUTPUT("y");
    NODES("Exp x > a; Relu a > y");
}

/* Reshapes of a constant, of an input, and of one another. */
static void aliases(graph_trial *t)
{
    INPUT("x", "2 6");
    OUTPUT("c");
    OUTPUT("y");
    RANDOM("w", "12");
    graph_trial_ints(t, "three", "3 4");
    graph_trial_ints(t, "axes", "0");
    NODES("Reshape w three > r; Reshape x three > a; Unsqueeze a axes > b; Squeeze b axes > c; "
          "Add c r > d; Exp d > e; Flatten e > y | axis=0");
}

/* Tensors with nothing in them. */
static void empty_values(graph_trial *t)
{
    INPUT("x", "2 6");
    OUTPUT("y");
    OUTPUT("b");
    graph_trial_ints(t, "from", "6");
    graph_trial_ints(t, "to", "9");
    graph_trial_ints(t, "axis", "1");
    RANDOM("w", "0 3");
    NODES("Slice x from to axis > a; Relu a > b; MatMul a w > c; ReduceSum x > d; Add c d > y");
}

static void empty_weights(graph_trial *t)
{
    INPUT("x", "2 3 4 4");
    INPUT("z", "2 5");
    OUTPUT("b");
    OUTPUT("c");
    OUTPUT("f");
    RANDOM("w", "0 3 1 1");
    RANDOM("v", "5 0");
    RANDOM("u", "0 7");
    NODES("Conv x w > a; Relu a > b; MatMul z v > c; Exp c > d; MatMul d u > e; Gemm z v > g; "
          "Concat e g z > f | axis=1");
}

static void outputs(void **state)
{
    (void)state;
    agree(outputs_of_every_kind, NULL);
    agree(dropout_inside, "kin.Linear+relu");
    agree(nothing_but_an_input, "");
    agree(nothing_but_a_constant, "");
    agree(one_output_twice, "Exp kin.Activation+relu");
    agree(aliases, NULL);
    agree(empty_values, NULL);
    agree(empty_weights, NULL);
}

/* --- Dead branches and taps ----------------------------------------------------------------------
 */

static void unknown_branch(graph_trial *t)
{
    INPUT("x", "2 6");
    OUTPUT("y");
    OUTPUT("z");
    NODES("Relu x > y; Unheard y > a; Exp a > z; Unheard x > b; Random > c");
}

static void dead_branches(void **state)
{
    (void)state;
    static const char *const good[] = {"y"}, *const bad[] = {"z"};
    kin_network_options options = {.taps = good, .tap_count = 1};
    graph_trial_refused(unknown_branch, NULL, "node 'a' (Unheard): this operator is not supported");
    options.taps = bad;
    graph_trial_refused(unknown_branch, &options, "(Unheard)");
    options.taps = good;
    for (int reference = 0; reference < 2; reference++) {
        char text[256];
        options.reference = reference == 1;
        kin_network *network = graph_trial_open(unknown_branch, &options);
        graph_trial_describe(network, text, sizeof text);
        assert_string_equal(text, reference == 1 ? "Relu" : "kin.Activation+relu");
        graph_trial_fill(network, 1);
        kin_network_run(network);
        const kin_tensor *output = kin_network_output(network, 0);
        for (int64_t i = 0; i < 12; i++) {
            double x = kin_tensor_get(kin_network_input(network, 0), i);
            assert_true(kin_tensor_get(output, i) == (x > 0 ? x : 0));
        }
        kin_network_close(&network);
        assert_null(network);
        kin_network_close(&network);
    }
}

static void taps_of_every_kind(void **state)
{
    (void)state;
    static const char *const all[] = {"h", "x", "c", "up", "d", "c", "y"};
    static const char *const unknown[] = {"c", "nobody"};
    graph_trial_agree(squeeze_and_excite, all, 7, NULL);
    for (uint32_t i = 0; i < 7; i++)
        graph_trial_agree(squeeze_and_excite, all + i, 1, NULL);
    graph_trial_agree(squeeze_and_excite, all + 3, 1, "");
    kin_network_options options = {.taps = unknown, .tap_count = 2};
    graph_trial_refused(squeeze_and_excite, &options, "has no tensor 'nobody'");
    kin_network *network = graph_trial_open(squeeze_and_excite, NULL);
    assert_string_equal(kin_network_input_name(network, 0), "x");
    assert_string_equal(kin_network_output_name(network, 0), "y");
    assert_int_equal(kin_network_output_count(network), 1);
    kin_network_close(&network);
}

/* --- Shapes ---------------------------------------------------------------------------------- */

static void open_shape(graph_trial *t)
{
    INPUT("x", "-1 3 -1 -1");
    INPUT("bias", "4");
    OUTPUT("y");
    RANDOM("w", "4 3 3 3");
    graph_trial_ints(t, "first", "0");
    graph_trial_ints(t, "rest", "-1");
    NODES("Conv x w > a; Shape a > b; Gather b first > c | axis=0; Concat c rest > d | axis=0; "
          "GlobalAveragePool a > e; Reshape e d > f; Add f bias > y");
}

static void shapes(void **state)
{
    (void)state;
    static const int given[][3] = {{1, 5, 5}, {3, 7, 4}, {2, 3, 9}};
    graph_trial_refused(open_shape, NULL, "leaves the shape of its input 'x' open");
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        for (int named = 0; named < 2; named++) {
            kin_network_input_shape shape = {
                .name = named == 1 ? "x" : NULL,
                .shape = kin_shape_of(4, given[i][0], 3, given[i][1], given[i][2])};
            kin_network_options options = {.shapes = &shape, .shape_count = 1};
            kin_network *network = graph_trial_open(open_shape, &options);
            const kin_shape *made = &kin_network_output(network, 0)->shape;
            assert_true(made->rank == 2 && made->dims[0] == given[i][0] && made->dims[1] == 4);
            kin_network_close(&network);
        }
    kin_network_input_shape wrong[] = {{"x", kin_shape_of(4, 1, 2, 5, 5)},
                                       {"x", kin_shape_of(4, 1, 3, 2, 5)},
                                       {"x", kin_shape_of(3, 1, 3, 5)},
                                       {"z", kin_shape_of(4, 1, 3, 5, 5)},
                                       {"x", kin_shape_of(4, 1 << 30, 1 << 30, 5, 5)}};
    static const char *const words[] = {"(Conv)", "(Conv)", "(", "no input 'z'", "input 'x'"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kin_network_options options = {.shapes = &wrong[i], .shape_count = 1};
        graph_trial_refused(open_shape, &options, words[i]);
    }
}

/* Half precision, bfloat16 and double are computed as floats. */
static void of_half_precision(graph_trial *t)
{
    static const kin_type types[] = {KIN_TYPE_FLOAT16, KIN_TYPE_BFLOAT16, KIN_TYPE_DOUBLE};
    static const char *const names[] = {"half", "brain", "double"};
    INPUT("x", "2 3");
    t->graph->values[t->graph->inputs[0]].tensor.type = KIN_TYPE_FLOAT16;
    kin_shape shape = kin_shape_of(1, 3);
    for (int i = 0; i < 3; i++) {
        uint32_t value = kin_graph_constant(t->graph, names[i], types[i], &shape);
        for (int64_t c = 0; c < 3; c++)
            kin_tensor_set(&t->graph->values[value].tensor, c, 0.5 * (double)(c + i));
    }
    OUTPUT("y");
    NODES(
        "Add x half > a; Cast brain > b | to=10; Mul a b > c; Cast double > d | to=1; Add c d > y");
}

static void types(void **state)
{
    (void)state;
    for (int reference = 0; reference < 2; reference++) {
        kin_network_options options = {.reference = reference == 1};
        kin_network *network = graph_trial_open(of_half_precision, &options);
        assert_int_equal(kin_network_input(network, 0)->type, KIN_TYPE_FLOAT);
        float *x = kin_network_input(network, 0)->data;
        for (int i = 0; i < 6; i++)
            x[i] = (float)i;
        kin_network_run(network);
        const float *y = kin_network_output(network, 0)->data;
        for (int i = 0; i < 6; i++) {
            float c = (float)(i % 3);
            assert_true(y[i] == (x[i] + 0.5f * c) * (0.5f * (c + 1)) + 0.5f * (c + 2));
        }
        kin_network_close(&network);
    }
}

/* --- Clones ---------------------------------------------------------------------------------- */

static void clones(void **state)
{
    (void)state;
    kin_network *first = graph_trial_open(squeeze_and_excite, NULL);
    size_t bytes = kin_tensor_bytes(kin_network_output(first, 0));
    uint64_t weights = kin_network_weight_bytes(first);
    assert_true(weights >= (12 * 6 * 9 + 2 * 48 + 12) * sizeof(float));
    void *one = malloc(bytes), *two = malloc(bytes);
    graph_trial_fill(first, 1);
    kin_network_run(first);
    memcpy(one, kin_network_output(first, 0)->data, bytes);
    kin_network *second = kin_network_clone(first), *third = kin_network_clone(second);
    graph_trial_fill(second, 2);
    kin_network_run(second);
    memcpy(two, kin_network_output(second, 0)->data, bytes);
    assert_memory_equal(kin_network_output(first, 0)->data, one, bytes);
    assert_true(kin_network_graph(first) == kin_network_graph(second));
    assert_int_equal(kin_network_weight_bytes(second), weights);
    assert_int_equal(kin_network_activation_bytes(second), kin_network_activation_bytes(first));
    kin_network_close(&first); /* the weights are there while anybody has them */
    graph_trial_fill(third, 1);
    kin_network_run(third);
    assert_memory_equal(kin_network_output(third, 0)->data, one, bytes);
    kin_network_close(&third);
    kin_network_run(second);
    assert_memory_equal(kin_network_output(second, 0)->data, two, bytes);
    assert_memory_not_equal(one, two, bytes);
    kin_network_close(&second);
    free(one);
    free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),
        cmocka_unit_test(layouts),
        cmocka_unit_test(outputs),
        cmocka_unit_test(dead_branches),
        cmocka_unit_test(taps_of_every_kind),
        cmocka_unit_test(shapes),
        cmocka_unit_test(types),
        cmocka_unit_test(clones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
