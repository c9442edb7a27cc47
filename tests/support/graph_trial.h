/* Graphs written by hand a line a node, run by every engine: plain loops without planning, the
 * reference mode of network.c, and the fused one. */
#ifndef TESTS_SUPPORT_GRAPH_TRIAL_H
#define TESTS_SUPPORT_GRAPH_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/random.h"
#include "worker/encode/graph.h"
#include "worker/encode/network.h"
#include "worker/encode/tensor.h"

typedef struct graph_trial {
    kin_graph *graph;
    kin_random random; /* of constants: the same for every making */
} graph_trial;

/* What a test makes: the same graph each time it is called. */
typedef void graph_maker(graph_trial *trial);

/* Shapes are dimensions with blanks between them: "1 8 5 5"; "" is a scalar. */
void graph_trial_input(graph_trial *trial, const char *name, const char *shape);
void graph_trial_output(graph_trial *trial, const char *name);
/* A constant of floats: random ones of [low, high), or the same one everywhere. */
void graph_trial_random(graph_trial *trial, const char *name, const char *shape, double low,
                        double high);
void graph_trial_number(graph_trial *trial, const char *name, const char *shape, double number);
/* A constant of whole numbers, one dimension. */
void graph_trial_ints(graph_trial *trial, const char *name, const char *numbers);
/* A node; inputs and outputs are names with blanks between them, "-" for one left out. Its
 * attributes follow: "group=2 pads=1,1,1,1 alpha=0.5f auto_pad=SAME_UPPER", or NULL. */
void graph_trial_node(graph_trial *trial, const char *op, const char *inputs, const char *outputs,
                      const char *attributes);

/* Nodes on one line: "Sigmoid x > a; Mul x a > y; ReduceMean y > z | axes=-1". */
void graph_trial_nodes(graph_trial *trial, const char *text);

kin_graph *graph_trial_make(graph_maker *make);
/* Opens it, or fails the test with the sentence. */
kin_network *graph_trial_open(graph_maker *make, const kin_network_options *options);
/* Fails the test unless it is refused, in both modes, with these words. */
void graph_trial_refused(graph_maker *make, const kin_network_options *options, const char *words);

/* Fills every input with numbers of [-3, 3) that depend on its name and the seed alone. */
void graph_trial_fill(kin_network *network, uint64_t seed);
void graph_trial_fill_tensor(kin_tensor *tensor, const char *name, uint64_t seed);

/* The nodes of a network as it runs, in order: "kin.Conv+sum+relu MaxPool"; not those that turn
 * between layouts. */
void graph_trial_describe(const kin_network *network, char *text, size_t bytes);

/* What failures of graph_trial_agree are to begin with: the case, of many. */
void graph_trial_label(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Every engine makes the same of it: reference and plain loops to the last bit, fused ones to
 * within 1e-5 of the largest number, or of 1. taps NULL: the outputs. Fails the test unless the
 * fused one is described so (NULL: as it likes). */
void graph_trial_agree(graph_maker *make, const char *const *taps, uint32_t tap_count,
                       const char *described);
/* The same with another tolerance than 1e-5. */
void graph_trial_agree_within(double relative, graph_maker *make, const char *const *taps,
                              uint32_t tap_count, const char *described);

#endif
