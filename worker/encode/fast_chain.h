/* Convolutions in strips, as nodes of a network. */
#ifndef WORKER_ENCODE_FAST_CHAIN_H
#define WORKER_ENCODE_FAST_CHAIN_H

#include <stdbool.h>

#include "worker/encode/graph.h"

/* Finds runs of convolutions around a depthwise one whose inner maps nobody else takes; the last
 * node of each then runs all of them. All nodes are prepared. */
void kin_fast_chain(kin_graph *graph);

/* Whether a node is run by another one, and its values are never whole. */
bool kin_fast_is_chained(const kin_node *node);

#endif
