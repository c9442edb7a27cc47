/* A graph run node by node with the operators' plain loops: no folding, no fusion, no plan. The
 * oracle of worker/encode/network.c, and of nothing cleverer than it. */
#ifndef TESTS_SUPPORT_PLAIN_NETWORK_H
#define TESTS_SUPPORT_PLAIN_NETWORK_H

#include "common/base/status.h"
#include "worker/encode/graph.h"
#include "worker/encode/tensor.h"

/* Runs graph on inputs [graph->input_count], borrowed, in the order of graph->inputs.
 *
 * names    [count] values wanted
 * outputs  [count], filled; their data is the caller's to free
 *
 * An operator's `infer` sees the data of constants, and of what follows from constants and shapes
 * alone, as in the network: what it may not know, it is not told. KIN_BAD_INPUT names node,
 * operator and reason. */
KIN_MUST_USE kin_status plain_network_run(const kin_graph *graph, const kin_tensor *inputs,
                                          const char *const *names, uint32_t count,
                                          kin_tensor *outputs, kin_error *error);

#endif
