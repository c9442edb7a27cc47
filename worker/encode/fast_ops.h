/* Operators as they run when speed counts: weights packed, NHWC, results equal to the plain loops'
 * but for the order of additions. */
#ifndef WORKER_ENCODE_FAST_OPS_H
#define WORKER_ENCODE_FAST_OPS_H

#include "worker/encode/graph.h"
#include "worker/encode/op.h"

/* Gives a node its implementation, behind fusion and layout: a fast one where there is one, else
 * the plain one that it has. Packs weights; the graph's own copy is not needed by it any more. */
void kin_fast_prepare(kin_graph *graph, kin_node *node);

/* Whether a node only gives its first input's bytes another shape. */
bool kin_fast_is_alias(const kin_node *node);

/* Bytes of packed weights, 0 for nodes without. */
size_t kin_fast_weight_bytes(const kin_node *node);
/* Pairs of numbers that a node multiplies and adds for each number of its result. */
uint64_t kin_fast_depth(const kin_graph *graph, const kin_node *node);
/* What a listing says of how a node runs: "winograd4", "gemm", "" ... */
const char *kin_fast_method(const kin_node *node);

#endif
