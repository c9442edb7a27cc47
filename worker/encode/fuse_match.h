/* Recognises expressions that exporters write in many nodes: what fusion looks for. */
#ifndef WORKER_ENCODE_FUSE_MATCH_H
#define WORKER_ENCODE_FUSE_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/encode/graph.h"

/* How often each value is taken, by nodes and as an output. Values that are made later are not in
 * it; a count is never too small while nodes are only removed. */
typedef struct kin_uses {
    uint32_t *count; /* [value_count] */
    uint32_t value_count;
} kin_uses;

kin_uses kin_uses_count(const kin_graph *graph);
void kin_uses_fini(kin_uses *uses);

bool kin_match_op(const kin_node *node, const char *op);
/* The data of a constant of floats, or NULL. */
const float *kin_match_floats(const kin_graph *graph, uint32_t value);
/* Whether a value is a constant of one float, and which. */
bool kin_match_number(const kin_graph *graph, uint32_t value, float *number);
/* The constant bounds of a Clip (-FLT_MAX and FLT_MAX where it has none). */
bool kin_match_clip(const kin_graph *graph, const kin_node *node, float *low, float *high);

/* Takes a node out of the graph. */
void kin_match_remove(kin_graph *graph, uint32_t node);

#define KIN_MATCH_NODES_MAX 16

/* What an expression consists of: nodes whose values nobody else takes, but for the last one's. */
typedef struct kin_match {
    kin_graph *graph;
    const kin_uses *uses;
    uint32_t nodes[KIN_MATCH_NODES_MAX], node_count;
} kin_match;

/* Whether node n ends such an expression of x; nodes gets all of it. A match that fails leaves
 * nodes undefined. */
bool kin_match_silu(kin_match *match, uint32_t n, uint32_t *x);       /* x sigmoid(x) */
bool kin_match_hard_swish(kin_match *match, uint32_t n, uint32_t *x); /* x clip(x + 3, 0, 6) / 6 */
bool kin_match_gelu(kin_match *match, uint32_t n, uint32_t *x);       /* x (1 + erf(x / r2)) / 2 */
bool kin_match_layer_norm(kin_match *match, uint32_t n, uint32_t *x, uint32_t *scale,
                          uint32_t *shift, float *epsilon);

#endif
