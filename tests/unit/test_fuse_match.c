/* Expressions that exporters write in many nodes: every spelling that worker/encode/fuse_match.c
 * knows, and neighbours of them that are something else. */
#include "tests/support/test.h"

#include <stdio.h>

#include "tests/support/graph_trial.h"

/* Constants that expressions may name. */
static const struct {
    const char *name;
    double value;
} numbers[] = {
    {"zero", 0},        {"half", 0.5},       {"one", 1},     {"two", 2},     {"three", 3},
    {"six", 6},         {"four", 4},         {"five", 5},    {"tenth", 0.1}, {"sixth", 1.0 / 6},
    {"r2", 1.41421354}, {"ir2", 0.70710677}, {"eps", 0.001},
};

/* Makers take nothing but the trial. */
static const char *shape, *nodes;
static int64_t opset = 17;

static void expression(graph_trial *t)
{
    t->graph->opset = opset;
    graph_trial_input(t, "x", shape);
    graph_trial_output(t, "y");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        graph_trial_number(t, numbers[i].name, "", numbers[i].value);
    graph_trial_number(t, "ones", "1", 1);
    graph_trial_number(t, "many", "1 1 1 1", 1);
    graph_trial_random(t, "scale", "6", -1, 1);
    graph_trial_random(t, "shift", "6", -1, 1);
    graph_trial_random(t, "table", "4 6", -1, 1);
    graph_trial_nodes(t, nodes);
}

static void agree(const char *of, const char *text, const char *described)
{
    shape = of;
    nodes = text;
    graph_trial_agree(expression, NULL, 0, described);
}

static void silu(void **state)
{
    (void)state;
    static const char *const fused = "kin.Activation+silu";
    agree("2 4 6", "Sigmoid x > a; Mul x a > y", fused);
    agree("2 4 6", "Sigmoid x > a; Mul a x > y", fused);
    agree("4 6", "Exp x > z; Sigmoid z > a; Mul a z > y", "Exp kin.Activation+silu");
    agree("4 6", "Exp x > z; Sigmoid z > a; Mul a x > y", "Exp kin.Activation+sigmoid Mul");
    agree("4 6", "Sigmoid x > a; Mul a a > y", "kin.Activation+sigmoid Mul");
    agree("4 6", "Sigmoid x > a; Mul a table > y", "kin.Activation+sigmoid Mul");
}

static void hard_swish(void **state)
{
    (void)state;
    static const char *const fused = "kin.Activation+hard-swish";
    static const char *const gates[] = {"Add x three > a; Clip a zero six > b;",
                                        "Add three x > a; Clip a zero six > b;"};
    static const char *const ends[] = {
        "Div b six > c; Mul x c > y",   "Div b six > c; Mul c x > y",
        "Mul b sixth > c; Mul x c > y", "Mul sixth b > c; Mul c x > y",
        "Mul x b > c; Div c six > y",   "Mul b x > c; Div c six > y"};
    char text[256];
    for (size_t g = 0; g < sizeof gates / sizeof *gates; g++)
        for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
            snprintf(text, sizeof text, "%s%s", gates[g], ends[e]);
            agree("2 4 6", text, fused);
        }
    agree("4 6", "HardSigmoid x > a | alpha=0.1666667f beta=0.5f; Mul x a > y", fused);
    agree("4 6", "HardSigmoid x > a | alpha=0.1666667f; Mul a x > y", fused);
    agree("4 6", "HardSwish x > y", fused);
    opset = 10; /* bounds were attributes then */
    agree("4 6", "Add x three > a; Clip a > b | min=0f max=6f; Mul x b > c; Div c six > y", fused);
    agree("4 6", "Add x three > a; Clip a > b | min=0f; Mul x b > c; Div c six > y",
          "Add kin.Activation+clip Mul Div");
    opset = 17;
}

static void not_hard_swish(void **state)
{
    (void)state;
    agree("4 6", "HardSigmoid x > a; Mul x a > y", "kin.Activation+hard-sigmoid Mul");
    agree("4 6", "HardSigmoid x > a | alpha=0.1666667f beta=0.4f; Mul x a > y",
          "kin.Activation+hard-sigmoid Mul");
    agree("4 6", "Add x two > a; Clip a zero six > b; Mul x b > c; Div c six > y",
          "Add kin.Activation+clip Mul Div");
    agree("4 6", "Add x three > a; Clip a zero five > b; Mul x b > c; Div c six > y",
          "Add kin.Activation+clip Mul Div");
    agree("4 6", "Add x three > a; Clip a zero six > b; Mul x b > c; Div c five > y",
          "Add kin.Activation+clip Mul Div");
    agree("4 6", "Add x three > a; Clip a zero six > b; Mul x b > c; Div six c > y",
          "Add kin.Activation+clip Mul Div");
    agree("4 6", "Add x three > a; Clip a zero > b; Mul x b > c; Div c six > y",
          "Add kin.Activation+clip Mul Div");
    agree("4 6", "Exp x > z; Add x three > a; Clip a zero six > b; Mul z b > c; Div c six > y",
          "Exp Add kin.Activation+clip Mul Div");
    agree("4 6", "Add x table > a; Clip a zero six > b; Mul x b > c; Div c six > y",
          "Add kin.Activation+clip Mul Div");
}

static void gelu(void **state)
{
    (void)state;
    static const char *const fused = "kin.Activation+gelu";
    static const char *const inner[] = {"Div x r2 > a; Erf a > b;", "Mul x ir2 > a; Erf a > b;",
                                        "Mul ir2 x > a; Erf a > b;"};
    static const char *const plus[] = {"Add b one > c;", "Add one b > c;", "Add b ones > c;"};
    static const char *const ends[] = {
        "Mul x c > d; Mul d half > y", "Mul c x > d; Mul d half > y", "Mul x c > d; Mul half d > y",
        "Mul x half > d; Mul d c > y", "Mul half x > d; Mul d c > y", "Mul x half > d; Mul c d > y",
        "Mul c half > d; Mul x d > y", "Mul half c > d; Mul x d > y", "Mul c half > d; Mul d x > y",
    };
    char text[256];
    for (size_t i = 0; i < 3; i++)
        for (size_t p = 0; p < 3; p++)
            for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
                snprintf(text, sizeof text, "%s%s%s", inner[i], plus[p], ends[e]);
                agree("2 4 6", text, fused);
            }
    agree("4 6", "Div x two > a; Erf a > b; Add b one > c; Mul x c > d; Mul d half > y",
          "Div Erf Add Mul Mul");
    agree("4 6", "Div r2 x > a; Erf a > b; Add b one > c; Mul x c > d; Mul d half > y",
          "Div Erf Add Mul Mul");
    agree("4 6", "Div x r2 > a; Erf a > b; Add b two > c; Mul x c > d; Mul d half > y",
          "Div Erf Add Mul Mul");
    agree("4 6", "Div x r2 > a; Erf a > b; Add b one > c; Mul x c > d; Mul d two > y",
          "Div Erf Add Mul Mul");
    agree("4 6", "Exp x > z; Div x r2 > a; Erf a > b; Add b one > c; Mul z c > d; Mul d half > y",
          "Exp Div Erf Add Mul Mul");
    /* x is blown up by a number of four dimensions */
    agree("4 6", "Div x r2 > a; Erf a > b; Add b many > c; Mul x c > d; Mul d half > y",
          "Div Erf Add Mul Mul");
}

#define NORM_HEAD "ReduceMean x > m | axes=-1; Sub x m > c; "
#define NORM_SQUARE "Pow c two > s; ReduceMean s > v | axes=-1; "
#define NORM_TAIL "Add v eps > w; Sqrt w > r; Div c r > n; Mul n scale > o; Add o shift > y"

static void layer_norm(void **state)
{
    (void)state;
    static const char *const fused = "kin.Norm";
    agree("2 4 6", NORM_HEAD NORM_SQUARE NORM_TAIL, fused);
    agree("4 6",
          "ReduceMean x > m | axes=1 keepdims=1; Sub x m > c; Pow c two > s; "
          "ReduceMean s > v | axes=1; " NORM_TAIL,
          fused);
    agree("2 4 6", "LayerNormalization x scale shift > y | epsilon=0.01f", fused);
    agree("2 4 6", "LayerNormalization x scale > y | axis=2", fused);
    agree("2 4 6", "LayerNormalization x table > y | axis=1", "LayerNormalization");
    agree("2 4 6", "LayerNormalization x scale shift > a m; Add a m > y", "LayerNormalization Add");
}

static void not_layer_norm(void **state)
{
    (void)state;
    /* the mean over another dimension */
    agree("6 6 6",
          "ReduceMean x > m | axes=1; Sub x m > c; Pow c two > s; ReduceMean s > v | "
          "axes=1; " NORM_TAIL,
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add");
    agree("6 6 6", NORM_HEAD "Pow c two > s; ReduceMean s > v | axes=0; " NORM_TAIL,
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add");
    agree("6 6", "ReduceMean x > m | axes=-1 keepdims=0; Sub x m > c; " NORM_SQUARE NORM_TAIL,
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add");
    /* another power, and another divisor */
    agree("2 4 6", NORM_HEAD "Pow c four > s; ReduceMean s > v | axes=-1; " NORM_TAIL,
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add");
    agree("2 4 6", NORM_HEAD "Pow x two > s; ReduceMean s > v | axes=-1; " NORM_TAIL,
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add");
    /* scales that are no number a place, and what somebody else takes too */
    agree("4 6",
          NORM_HEAD NORM_SQUARE
          "Add v eps > w; Sqrt w > r; Div c r > n; Mul n table > o; Add o shift > y",
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add");
    agree("4 6",
          NORM_HEAD NORM_SQUARE
          "Add v eps > w; Sqrt w > r; Div c r > n; Mul n scale > o; Add o c > y",
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add");
    agree("4 6",
          NORM_HEAD NORM_SQUARE
          "Add v eps > w; Sqrt w > r; Div c r > n; Mul n scale > o; Add o shift > p; Add p r > y",
          "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add Add");
}

/* Activations of their own, on what is no convolution. */
static void activations(void **state)
{
    (void)state;
    agree("4 6", "Relu x > y", "kin.Activation+relu");
    agree("4 6", "LeakyRelu x > y", "kin.Activation+leaky");
    agree("4 6", "LeakyRelu x > y | alpha=1.5f", "kin.Activation+leaky");
    agree("4 6", "Sigmoid x > y", "kin.Activation+sigmoid");
    agree("4 6", "Tanh x > y", "kin.Activation+tanh");
    agree("4 6", "HardSigmoid x > y | alpha=0.3f beta=0.4f", "kin.Activation+hard-sigmoid");
    agree("4 6", "Clip x - one > y", "kin.Activation+clip");
    agree("4 6", "Clip x tenth > y", "kin.Activation+clip");
    agree("4 6", "Clip x > y", "kin.Activation+clip");
    agree("4 6", "Clip x one zero > y", "Clip"); /* bounds that cross */
    agree("4 6", "Relu x > a; Tanh a > y", "kin.Activation+relu kin.Activation+tanh");
    agree("4 6", "ReduceMax x > m | keepdims=0; Clip x zero m > y", "ReduceMax Clip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silu),           cmocka_unit_test(hard_swish),
        cmocka_unit_test(not_hard_swish), cmocka_unit_test(gelu),
        cmocka_unit_test(layer_norm),     cmocka_unit_test(not_layer_norm),
        cmocka_unit_test(activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
