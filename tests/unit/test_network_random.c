/* Random networks of maps: fusion, layouts and plan in combinations that nobody writes by hand,
 * each against the plain loops. A failure names the seed; KINDRED_SEED runs one, and prints it. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/graph_trial.h"

#define SEEDS 2000
#define VALUES_MAX 64
#define BATCH 2
/* Values of some tens cancel each other, or are clipped to 1; a mistake is larger. */
#define RELATIVE 1e-4

/* The network that grows: maps [BATCH][c][h][w] so far. */
typedef struct growth {
    graph_trial *trial;
    kin_random random;
    struct {
        char name[16];
        int c, h, w;
    } maps[VALUES_MAX];
    int map_count, name_count;
    bool prints;
} growth;

static uint64_t seed;

static int below(growth *g, int bound)
{
    return (int)kin_random_below(&g->random, (uint64_t)bound);
}

static void put_node(growth *g, const char *text)
{
    if (g->prints) printf("# %s\n", text);
    graph_trial_nodes(g->trial, text);
}

static void put_constant(growth *g, const char *name, const char *shape)
{
    if (g->prints) printf("# %s [%s]\n", name, shape);
    graph_trial_random(g->trial, name, shape, name[0] == 'p' ? 0.2 : -0.5,
                       name[0] == 'p' ? 1 : 0.5);
}

/* A new map, for the next node to make. */
static const char *new_map(growth *g, int c, int h, int w)
{
    int i = g->map_count++;
    snprintf(g->maps[i].name, sizeof g->maps[i].name, "v%d", g->name_count++);
    g->maps[i].c = c;
    g->maps[i].h = h;
    g->maps[i].w = w;
    return g->maps[i].name;
}

/* One of the maps, a late one as a rule; one of the same shape as `like`, or -1. */
static int any_map(growth *g, int like)
{
    int i = below(g, 3) == 0 ? below(g, g->map_count)
                             : g->map_count - 1 - below(g, g->map_count < 3 ? g->map_count : 3);
    if (like < 0) return i;
    for (int tries = 0; tries < g->map_count; tries++, i = (i + 1) % g->map_count)
        if (g->maps[i].c == g->maps[like].c && g->maps[i].h == g->maps[like].h &&
            g->maps[i].w == g->maps[like].w)
            return i;
    return like;
}

#define X g->maps[x]

static void grow_convolution(growth *g, int x)
{
    static const int kernels[] = {1, 1, 3, 3, 5};
    char text[200], shape[64];
    int kernel = kernels[below(g, 5)], stride = 1 + (below(g, 4) == 0), pad = kernel / 2;
    int groups = below(g, 4) == 0 ? X.c : below(g, 4) == 0 && X.c % 2 == 0 ? 2 : 1;
    int c = groups * (1 + below(g, groups == 1 ? 12 : 3)), k = g->name_count++;
    int h = (X.h - 1) / stride + 1, w = (X.w - 1) / stride + 1;
    char bias[16] = "-";
    snprintf(shape, sizeof shape, "%d %d %d %d", c, X.c / groups, kernel, kernel);
    snprintf(text, sizeof text, "w%d", k);
    put_constant(g, text, shape);
    if (below(g, 2) == 0) {
        snprintf(bias, sizeof bias, "b%d", k);
        snprintf(shape, sizeof shape, "%d", c);
        put_constant(g, bias, shape);
    }
    snprintf(text, sizeof text, "Conv %s w%d %s > %s | group=%d strides=%d,%d pads=%d,%d,%d,%d",
             X.name, k, bias, new_map(g, c, h, w), groups, stride, stride, pad, pad, pad, pad);
    put_node(g, text);
}

static void grow_norm(growth *g, int x)
{
    char text[200], shape[16], name[16];
    int k = g->name_count++;
    snprintf(shape, sizeof shape, "%d", X.c);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%c%d_%d", i == 3 ? 'p' : 'n', k, i);
        put_constant(g, name, shape);
    }
    snprintf(text, sizeof text, "BatchNormalization %s n%d_0 n%d_1 n%d_2 p%d_3 > %s", X.name, k, k,
             k, k, new_map(g, X.c, X.h, X.w));
    put_node(g, text);
}

static void grow_activation(growth *g, int x)
{
    static const char *const formats[] = {
        "Relu %s > %s",          "Relu %s > %s",
        "Tanh %s > %s",          "LeakyRelu %s > %s",
        "Clip %s zero one > %s", "Identity %s > %s",
        "Dropout %s > %s",       "Abs %s > %s",
        "HardSigmoid %s > %s",   "Softmax %s > %s | axis=1",
    };
    char text[200];
    snprintf(text, sizeof text, formats[below(g, 10)], X.name, new_map(g, X.c, X.h, X.w));
    put_node(g, text);
}

/* x sigmoid(x), or a gate that is taken once more. */
static void grow_gate(growth *g, int x)
{
    char text[200];
    const char *gate = new_map(g, X.c, X.h, X.w), *made = new_map(g, X.c, X.h, X.w);
    snprintf(text, sizeof text, "Sigmoid %s > %s; Mul %s %s > %s", X.name, gate, X.name, gate,
             made);
    put_node(g, text);
    if (below(g, 3) != 0) { /* nobody takes the gate any more */
        g->map_count--;
        g->maps[g->map_count - 1] = g->maps[g->map_count];
    }
}

static void grow_sum(growth *g, int x)
{
    static const char *const ops[] = {"Add", "Add", "Add", "Sub", "Mul", "Max"};
    char text[200];
    const char *op = ops[below(g, 6)];
    int y = any_map(g, x);
    snprintf(text, sizeof text, "%s %s %s > %s", op, X.name, g->maps[y].name,
             new_map(g, X.c, X.h, X.w));
    put_node(g, text);
}

/* With a constant of a number a channel, of a whole map, or of one number; or with a map that is
 * pooled to one number a channel. */
static void grow_broadcast(growth *g, int x)
{
    static const char *const ops[] = {"Add", "Mul", "Sub"};
    char text[200], shape[64], name[16];
    int kind = below(g, 6), k = g->name_count++;
    snprintf(name, sizeof name, "k%d", k);
    if (kind == 0)
        snprintf(shape, sizeof shape, "%d 1 1", X.c);
    else if (kind == 1)
        snprintf(shape, sizeof shape, "1 %d 1 1", X.c);
    else if (kind == 2)
        snprintf(shape, sizeof shape, "%d %d", X.h, X.w);
    else if (kind == 3)
        snprintf(shape, sizeof shape, "1 %d %d %d", X.c, X.h, X.w);
    else
        snprintf(shape, sizeof shape, "%s", "1");
    if (kind < 5)
        put_constant(g, name, shape);
    else {
        snprintf(text, sizeof text, "Global%sPool %s > %s", below(g, 2) == 0 ? "Max" : "Average",
                 X.name, name);
        put_node(g, text);
    }
    bool first = below(g, 2) == 0;
    snprintf(text, sizeof text, "%s %s %s > %s", ops[below(g, 3)], first ? X.name : name,
             first ? name : X.name, new_map(g, X.c, X.h, X.w));
    put_node(g, text);
}

static void grow_pool(growth *g, int x)
{
    char text[200];
    bool maximum = below(g, 2) == 0, ceiling = below(g, 3) == 0;
    int h = (X.h - 1) / 2 + 1, w = (X.w - 1) / 2 + 1;
    if (ceiling) { /* pads of 1 and windows of 3: the last one may start on the padding */
        h = X.h / 2 + 1;
        w = X.w / 2 + 1;
        if ((h - 1) * 2 >= X.h + 1) h--;
        if ((w - 1) * 2 >= X.w + 1) w--;
    }
    snprintf(text, sizeof text,
             "%s %s > %s | kernel_shape=3,3 strides=2,2 pads=1,1,1,1 ceil_mode=%d",
             maximum ? "MaxPool" : "AveragePool", X.name, new_map(g, X.c, h, w), ceiling);
    put_node(g, text);
}

static void grow_concat(growth *g, int x)
{
    char text[200];
    int y = any_map(g, x), z = any_map(g, x), axis = below(g, 3) == 0 ? 2 : 1;
    const char *made = axis == 1 ? new_map(g, 3 * X.c, X.h, X.w) : new_map(g, X.c, 3 * X.h, X.w);
    snprintf(text, sizeof text, "Concat %s %s %s > %s | axis=%d", X.name, g->maps[y].name,
             g->maps[z].name, made, axis);
    put_node(g, text);
}

static void grow_split(growth *g, int x)
{
    char text[200];
    const char *one = new_map(g, X.c / 2, X.h, X.w), *two = new_map(g, X.c / 2, X.h, X.w);
    snprintf(text, sizeof text, "Split %s > %s %s | axis=1", X.name, one, two);
    put_node(g, text);
}

/* To NHWC, something there, and back. */
static void grow_turn(growth *g, int x)
{
    static const char *const middles[] = {"Relu t%d > u%d", "Softmax t%d > u%d | axis=-1",
                                          "Sigmoid t%d > u%d", "ReduceMean t%d > u%d | axes=1"};
    char text[300], middle[64];
    int k = g->name_count++, kind = below(g, 4);
    snprintf(middle, sizeof middle, middles[kind], k, k);
    snprintf(text, sizeof text,
             "Transpose %s > t%d | perm=0,2,3,1; %s; Transpose u%d > %s | "
             "perm=0,3,1,2",
             X.name, k, middle, k, new_map(g, X.c, kind == 3 ? 1 : X.h, X.w));
    put_node(g, text);
}

/* Channels shuffled, by shapes that are written out. */
static void grow_shuffle(growth *g, int x)
{
    char text[300], shape[64];
    int k = g->name_count++;
    snprintf(text, sizeof text, "f%d", k);
    snprintf(shape, sizeof shape, "%d 2 %d %d %d", BATCH, X.c / 2, X.h, X.w);
    graph_trial_ints(g->trial, text, shape);
    snprintf(text, sizeof text, "g%d", k);
    snprintf(shape, sizeof shape, "%d %d %d %d", BATCH, X.c, X.h, X.w);
    graph_trial_ints(g->trial, text, shape);
    snprintf(text, sizeof text,
             "Reshape %s f%d > r%d; Transpose r%d > s%d | perm=0,2,1,3,4; "
             "Reshape s%d g%d > %s",
             X.name, k, k, k, k, k, k, new_map(g, X.c, X.h, X.w));
    put_node(g, text);
}

/* Tokens [n][h w][c] through a product, and back to a map. */
static void grow_tokens(growth *g, int x)
{
    char text[400], shape[64];
    int k = g->name_count++;
    snprintf(text, sizeof text, "f%d", k);
    snprintf(shape, sizeof shape, "%d %d %d", BATCH, X.c, X.h * X.w);
    graph_trial_ints(g->trial, text, shape);
    snprintf(text, sizeof text, "g%d", k);
    snprintf(shape, sizeof shape, "%d %d %d %d", BATCH, X.c, X.h, X.w);
    graph_trial_ints(g->trial, text, shape);
    snprintf(text, sizeof text, "m%d", k);
    snprintf(shape, sizeof shape, "%d %d", X.c, X.c);
    put_constant(g, text, shape);
    snprintf(text, sizeof text,
             "Reshape %s f%d > a%d; Transpose a%d > c%d | perm=0,2,1; MatMul c%d m%d > d%d; "
             "Add d%d c%d > e%d; Transpose e%d > h%d | perm=0,2,1; Reshape h%d g%d > %s",
             X.name, k, k, k, k, k, k, k, k, k, k, k, k, k, k, new_map(g, X.c, X.h, X.w));
    put_node(g, text);
}

static void grow(growth *g)
{
    int x = any_map(g, -1), kind = below(g, 16);
    bool even = X.c % 2 == 0, small = X.c < 40 && X.h < 40;
    if (kind < 4)
        grow_convolution(g, x);
    else if (kind == 4)
        grow_norm(g, x);
    else if (kind < 7)
        grow_activation(g, x);
    else if (kind == 7)
        grow_gate(g, x);
    else if (kind < 10)
        grow_sum(g, x);
    else if (kind == 10)
        grow_broadcast(g, x);
    else if (kind == 11)
        grow_pool(g, x);
    else if (kind == 12 && small)
        grow_concat(g, x);
    else if (kind == 13 && even)
        below(g, 2) == 0 ? grow_split(g, x) : grow_shuffle(g, x);
    else if (kind == 14)
        grow_turn(g, x);
    else if (kind == 15)
        grow_tokens(g, x);
}

static void random_network(graph_trial *t)
{
    growth g = {.trial = t, .random = {.state = seed}, .prints = getenv("KINDRED_SEED") != NULL};
    char shape[64];
    const char *name = new_map(&g, 1 + below(&g, 8), 1 + below(&g, 9), 1 + below(&g, 9));
    snprintf(shape, sizeof shape, "%d %d %d %d", BATCH, g.maps[0].c, g.maps[0].h, g.maps[0].w);
    if (g.prints) printf("# seed %llu, input [%s]\n", (unsigned long long)seed, shape);
    graph_trial_input(t, name, shape);
    graph_trial_number(t, "zero", "", 0);
    graph_trial_number(t, "one", "", 1);
    int nodes = 1 + below(&g, 25);
    for (int n = 0; n < nodes && g.map_count + 3 < VALUES_MAX; n++)
        grow(&g);
    graph_trial_output(t, g.maps[g.map_count - 1].name);
    for (int i = below(&g, 3); i > 0; i--)
        graph_trial_output(t, g.maps[below(&g, g.map_count)].name);
}

static void random_networks(void **state)
{
    (void)state;
    const char *one = getenv("KINDRED_SEED"), *count = getenv("KINDRED_SEEDS");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t seeds = one != NULL ? 1 : count != NULL ? strtoull(count, NULL, 10) : SEEDS;
    for (seed = first; seed < first + seeds; seed++) {
        graph_trial_label("seed %llu", (unsigned long long)seed);
        graph_trial_agree_within(RELATIVE, random_network, NULL, 0, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
