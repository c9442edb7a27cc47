/* Fusion: what is recognised, what must not be, and that both give what the plain loops give. Every
 * case is a graph by hand; its description says what is left of it. */
#include "tests/support/test.h"

#include "tests/support/graph_trial.h"

#define X(shape)                      \
    graph_trial_input(t, "x", shape); \
    graph_trial_output(t, "y")
#define NODE(op, inputs, outputs) graph_trial_node(t, op, inputs, outputs, NULL)
#define NODE_WITH(op, inputs, outputs, attributes) \
    graph_trial_node(t, op, inputs, outputs, attributes)
#define RANDOM(name, shape) graph_trial_random(t, name, shape, -1, 1)
#define POSITIVE(name, shape) graph_trial_random(t, name, shape, 0.3, 2)
#define NUMBER(name, number) graph_trial_number(t, name, "", number)

static void agree(graph_maker *make, const char *described)
{
    graph_trial_agree(make, NULL, 0, described);
}

/* --- Convolutions ---------------------------------------------------------------------------- */

static void norm_constants(graph_trial *t, const char *channels)
{
    RANDOM("gamma", channels);
    RANDOM("beta", channels);
    RANDOM("mean", channels);
    POSITIVE("variance", channels);
}

static void conv_norm_relu(graph_trial *t)
{
    X("2 3 7 6");
    RANDOM("w", "8 3 3 3");
    norm_constants(t, "8");
    NODE_WITH("Conv", "x w", "a", "pads=1,1,1,1");
    NODE_WITH("BatchNormalization", "a gamma beta mean variance", "b", "epsilon=0.01f");
    NODE("Relu", "b", "y");
}

static void grouped_conv_bias_norm_clip(graph_trial *t)
{
    X("2 6 7 6");
    RANDOM("w", "9 2 3 3");
    RANDOM("bias", "9");
    norm_constants(t, "9");
    NUMBER("six", 6);
    NUMBER("zero", 0);
    NODE_WITH("Conv", "x w bias", "a", "group=3 strides=2,1");
    NODE("BatchNormalization", "a gamma beta mean variance", "b");
    NODE("Clip", "b zero six", "y");
}

static void norm_before_conv(graph_trial *t)
{
    X("2 4 5 5");
    RANDOM("w", "8 4 1 1");
    norm_constants(t, "4");
    NODE("BatchNormalization", "x gamma beta mean variance", "a");
    NODE("Relu", "a", "b");
    NODE("Conv", "b w", "y");
}

static void norm_behind_relu(graph_trial *t)
{
    X("1 4 5 5");
    RANDOM("w", "4 4 1 1");
    norm_constants(t, "4");
    NODE("Conv", "x w", "a");
    NODE("Relu", "a", "b");
    NODE("BatchNormalization", "b gamma beta mean variance", "y");
}

static void norm_of_vectors(graph_trial *t)
{
    X("3 5");
    norm_constants(t, "5");
    NODE("BatchNormalization", "x gamma beta mean variance", "a");
    NODE_WITH("LeakyRelu", "a", "y", "alpha=0.2f");
}

static void norm_of_volumes(graph_trial *t)
{
    X("2 3 2 3 4");
    norm_constants(t, "3");
    NODE("BatchNormalization", "x gamma beta mean variance", "y");
}

/* 1-dimensional convolutions stay plain; what is behind them too. */
static void conv_of_signals(graph_trial *t)
{
    X("2 3 9");
    RANDOM("w", "4 3 3");
    norm_constants(t, "4");
    NODE("Conv", "x w", "a");
    NODE("BatchNormalization", "a gamma beta mean variance", "b");
    NODE("Tanh", "b", "y");
}

/* Weights that another node makes of the picture. */
static void conv_of_two_inputs(graph_trial *t)
{
    X("1 2 5 5");
    graph_trial_input(t, "w", "3 2 3 3");
    NODE("Conv", "x w", "a");
    NODE("Relu", "a", "y");
}

static void convolutions(void **state)
{
    (void)state;
    agree(conv_norm_relu, "kin.Conv+relu");
    agree(grouped_conv_bias_norm_clip, "kin.Conv+clip");
    agree(norm_before_conv, "kin.Scale+relu kin.Conv");
    agree(norm_behind_relu, "kin.Conv+relu kin.Scale");
    agree(norm_of_vectors, "kin.Scale+leaky");
    agree(norm_of_volumes, "kin.Scale");
    agree(conv_of_signals, "Conv kin.Scale+tanh");
    agree(conv_of_two_inputs, "Conv kin.Activation+relu");
}

/* --- Sums ------------------------------------------------------------------------------------ */

static void residual(graph_trial *t)
{
    X("2 8 6 6");
    RANDOM("w", "8 8 3 3");
    RANDOM("v", "8 8 3 3");
    norm_constants(t, "8");
    NODE_WITH("Conv", "x w", "a", "pads=1,1,1,1");
    NODE("Relu", "a", "b");
    NODE_WITH("Conv", "b v", "c", "pads=1,1,1,1");
    NODE("BatchNormalization", "c gamma beta mean variance", "d");
    NODE("Add", "d x", "e");
    NODE("Relu", "e", "y");
}

/* Both sides are convolutions: the later one takes the sum. */
static void residual_down(graph_trial *t)
{
    X("1 4 6 6");
    RANDOM("w", "8 4 1 1");
    RANDOM("v", "8 4 3 3");
    NODE_WITH("Conv", "x v", "a", "strides=2,2 pads=1,1,1,1");
    NODE_WITH("Conv", "x w", "b", "strides=2,2");
    NODE("Add", "a b", "c");
    NODE("Relu", "c", "y");
}

static void sum_of_itself(graph_trial *t)
{
    X("1 4 6 6");
    RANDOM("w", "4 4 1 1");
    NODE("Conv", "x w", "a");
    NODE("Add", "a a", "y");
}

/* x + conv(x), and a sum that is behind an activation already. */
static void sum_behind_relu(graph_trial *t)
{
    X("1 4 6 6");
    RANDOM("w", "4 4 1 1");
    NODE("Conv", "x w", "a");
    NODE("Relu", "a", "b");
    NODE("Add", "b x", "y");
}

/* The other side is of another shape, and is broadcast. */
static void sum_that_broadcasts(graph_trial *t)
{
    X("2 4 6 6");
    graph_trial_input(t, "z", "2 4 1 1");
    RANDOM("w", "4 4 1 1");
    NODE("Conv", "x w", "a");
    NODE("Add", "a z", "y");
}

/* A sum that grows: the convolution is the smaller side. */
static void sum_that_grows(graph_trial *t)
{
    X("1 4 1 1");
    graph_trial_input(t, "z", "3 4 5 5");
    RANDOM("w", "4 4 1 1");
    NODE("Conv", "x w", "a");
    NODE("Add", "a z", "y");
}

/* The convolution comes before the other side is there: it waits for it. */
static void sum_out_of_order(graph_trial *t)
{
    X("1 4 6 6");
    RANDOM("w", "4 4 3 3");
    NODE_WITH("Conv", "x w", "a", "pads=1,1,1,1");
    NODE("Sigmoid", "x", "b");
    NODE("Exp", "b", "c");
    NODE("Add", "a c", "d");
    NODE("Sigmoid", "d", "y");
}

static void sum_of_a_constant(graph_trial *t)
{
    X("1 4 2 2");
    RANDOM("w", "4 4 1 1");
    RANDOM("c", "1 4 2 2");
    NODE("Conv", "x w", "a");
    NODE("Add", "a c", "y");
}

static void sums(void **state)
{
    (void)state;
    agree(residual, "kin.Conv+relu kin.Conv+sum+relu");
    agree(residual_down, "kin.Conv kin.Conv+sum+relu");
    agree(sum_of_itself, "kin.Conv Add");
    agree(sum_behind_relu, "kin.Conv+relu Add");
    agree(sum_that_broadcasts, "kin.Conv Add");
    agree(sum_that_grows, "kin.Conv Add");
    agree(sum_out_of_order, "kin.Activation+sigmoid Exp kin.Conv+sum+sigmoid");
    agree(sum_of_a_constant, "kin.Conv Add");
}

/* --- Products -------------------------------------------------------------------------------- */

static void gemm_relu(graph_trial *t)
{
    X("3 7");
    RANDOM("w", "5 7");
    RANDOM("b", "5");
    NODE_WITH("Gemm", "x w b", "a", "transB=1");
    NODE("Relu", "a", "y");
}

static void gemm_with_factors(graph_trial *t)
{
    X("3 7");
    RANDOM("w", "7 5");
    RANDOM("b", "5");
    NODE_WITH("Gemm", "x w b", "y", "alpha=0.5f beta=2f");
}

static void gemm_of_columns(graph_trial *t)
{
    X("7 3");
    RANDOM("w", "7 5");
    NODE_WITH("Gemm", "x w", "y", "transA=1");
}

/* As many rows as columns: the bias is a number a row, not a column. */
static void gemm_with_bias_of_rows(graph_trial *t)
{
    X("5 7");
    RANDOM("w", "7 5");
    RANDOM("b", "5 1");
    NODE("Gemm", "x w b", "y");
}

static void gemm_with_bias_of_one_row(graph_trial *t)
{
    X("3 7");
    RANDOM("w", "7 5");
    RANDOM("b", "1 5");
    NODE("Gemm", "x w b", "y");
}

static void gemm_with_one_number(graph_trial *t)
{
    X("3 7");
    RANDOM("w", "7 5");
    NUMBER("b", 0.7);
    NODE("Gemm", "x w b", "y");
}

static void matmul_bias_sum(graph_trial *t)
{
    X("2 4 6");
    graph_trial_input(t, "z", "2 4 5");
    RANDOM("w", "6 5");
    RANDOM("b", "5");
    NODE("MatMul", "x w", "a");
    NODE("Add", "b a", "c");
    NODE("Add", "z c", "y");
}

static void matmul_two_biases(graph_trial *t)
{
    X("4 6");
    RANDOM("w", "6 5");
    RANDOM("b", "5");
    RANDOM("c", "1 5");
    NODE("MatMul", "x w", "a");
    NODE("Add", "a b", "d");
    NODE("Add", "d c", "y");
}

/* A number a row, where there are as many rows as columns. */
static void matmul_bias_of_rows(graph_trial *t)
{
    X("5 6");
    RANDOM("w", "6 5");
    RANDOM("b", "5 1");
    NODE("MatMul", "x w", "a");
    NODE("Add", "a b", "y");
}

static void matmul_bias_that_grows(graph_trial *t)
{
    X("4 6");
    RANDOM("w", "6 5");
    RANDOM("b", "2 1 5");
    NODE("MatMul", "x w", "a");
    NODE("Add", "a b", "y");
}

static void matmul_of_vectors(graph_trial *t)
{
    X("6");
    RANDOM("w", "6 5");
    NODE("MatMul", "x w", "a");
    NODE("Relu", "a", "y");
}

static void attention(graph_trial *t)
{
    X("2 3 4 5");
    graph_trial_input(t, "k", "1 3 5 6");
    RANDOM("v", "2 1 6 3");
    NODE("MatMul", "x k", "a");
    NODE_WITH("Softmax", "a", "b", "axis=-1");
    NODE("MatMul", "b v", "y");
}

static void products(void **state)
{
    (void)state;
    agree(gemm_relu, "kin.Linear+relu");
    agree(gemm_with_factors, "Gemm");
    agree(gemm_of_columns, "Gemm");
    agree(gemm_with_bias_of_rows, "Gemm");
    agree(gemm_with_bias_of_one_row, "kin.Linear");
    agree(gemm_with_one_number, "Gemm");
    agree(matmul_bias_sum, "kin.Linear+sum");
    agree(matmul_two_biases, "kin.Linear Add");
    agree(matmul_bias_of_rows, "kin.Linear Add");
    agree(matmul_bias_that_grows, "kin.Linear Add");
    agree(matmul_of_vectors, "MatMul kin.Activation+relu");
    agree(attention, "MatMul Softmax MatMul");
}

/* --- Values that somebody else wants -----------------------------------------------------------
 */

static void everything_is_wanted(graph_trial *t)
{
    static const char *const values[] = {"a", "b", "c", "d"};
    X("1 4 6 6");
    graph_trial_input(t, "z", "1 4 6 6");
    RANDOM("w", "4 4 1 1");
    norm_constants(t, "4");
    NODE("Conv", "x w", "a");
    NODE("BatchNormalization", "a gamma beta mean variance", "b");
    NODE("Add", "b z", "c");
    NODE("Relu", "c", "d");
    NODE("Sigmoid", "d", "e");
    NODE("Mul", "d e", "y");
    for (int i = 0; i < 4; i++)
        graph_trial_output(t, values[i]);
}

/* The gate of a SiLU is taken by somebody else too. */
static void gate_is_wanted(graph_trial *t)
{
    X("2 6");
    NODE("Sigmoid", "x", "a");
    NODE("Mul", "x a", "b");
    NODE("Exp", "a", "c");
    NODE("Add", "b c", "y");
}

static void wanted_values(void **state)
{
    (void)state;
    static const char *const taps[] = {"b", "y", "a"};
    agree(everything_is_wanted, "kin.Conv kin.Scale Add kin.Activation+relu kin.Activation+silu");
    graph_trial_agree(everything_is_wanted, taps, 1, "kin.Conv");
    graph_trial_agree(everything_is_wanted, taps + 1, 1, "kin.Conv+sum+relu kin.Activation+silu");
    graph_trial_agree(everything_is_wanted, taps, 3,
                      "kin.Conv kin.Scale Add kin.Activation+relu kin.Activation+silu");
    agree(gate_is_wanted, "kin.Activation+sigmoid Mul Exp Add");
}

/* --- Zeros around a map ----------------------------------------------------------------------- */

#define PADDED(numbers)                \
    X("2 3 7 6");                      \
    graph_trial_ints(t, "p", numbers); \
    NODE("Pad", "x p", "a")
#define POOLED NODE_WITH("AveragePool", "a", "y", "kernel_shape=3,3 strides=1,1")

static void pad_average_pool(graph_trial *t)
{
    PADDED("0 0 1 2 0 0 2 1");
    POOLED;
}

static void pad_conv(graph_trial *t)
{
    RANDOM("w", "8 3 3 3");
    PADDED("0 0 1 4 0 0 0 3");
    NODE_WITH("Conv", "a w", "y", "pads=1,0,2,1");
}

static void pad_wider_than_the_pool(graph_trial *t)
{
    PADDED("0 0 3 1 0 0 1 1");
    POOLED;
}

static void pad_that_cuts(graph_trial *t)
{
    PADDED("0 0 -1 1 0 0 1 1");
    POOLED;
}

static void pad_of_channels(graph_trial *t)
{
    PADDED("0 1 1 1 0 0 1 1");
    POOLED;
}

static void pad_of_ones(graph_trial *t)
{
    X("2 3 7 6");
    graph_trial_ints(t, "p", "0 0 1 1 0 0 1 1");
    NUMBER("one", 1);
    NODE("Pad", "x p one", "a");
    POOLED;
}

static void pad_max_pool(graph_trial *t)
{
    PADDED("0 0 1 1 0 0 1 1");
    NODE_WITH("MaxPool", "a", "y", "kernel_shape=3,3 strides=1,1");
}

static void pad_for_two(graph_trial *t)
{
    PADDED("0 0 1 1 0 0 1 1");
    POOLED;
    NODE("Exp", "a", "z");
    graph_trial_output(t, "z");
}

static void pad_pool_with_pads(graph_trial *t)
{
    PADDED("0 0 1 1 0 0 1 1");
    NODE_WITH("AveragePool", "a", "y", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1");
}

static void pads(void **state)
{
    (void)state;
    agree(pad_average_pool, "nhwc.AveragePool");
    agree(pad_conv, "kin.Conv");
    agree(pad_wider_than_the_pool, "Pad nhwc.AveragePool");
    agree(pad_that_cuts, "Pad nhwc.AveragePool");
    agree(pad_of_channels, "Pad nhwc.AveragePool");
    agree(pad_of_ones, "Pad nhwc.AveragePool");
    agree(pad_max_pool, "Pad nhwc.MaxPool");
    agree(pad_for_two, "Pad nhwc.AveragePool Exp");
    agree(pad_pool_with_pads, "Pad nhwc.AveragePool");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions), cmocka_unit_test(sums),          cmocka_unit_test(products),
        cmocka_unit_test(pads),         cmocka_unit_test(wanted_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
