/* Fusion: runs of small operators become one that computes the same in one pass. On graphs as ONNX
 * has them (NCHW), with all shapes known. */
#ifndef WORKER_ENCODE_FUSE_H
#define WORKER_ENCODE_FUSE_H

#include "worker/encode/convolution.h"
#include "worker/encode/graph.h"

/* Operators that exist only behind fusion; state is a kin_fused.
 *
 *   kin.Conv       x, weights, bias (or none), sum (or none): Conv's attributes
 *   kin.Linear     x [..][k], weights [k][n] (strides in the state), bias, sum
 *   kin.Scale      x [n][c][...], scale [c], shift [c]: what is left of a batch normalisation
 *   kin.Activation x
 *   kin.Norm       x, scale, shift: layer normalisation over the last dimension
 *
 * then the activation. */
#define KIN_FUSED_CONVOLUTION "kin.Conv"
#define KIN_FUSED_LINEAR "kin.Linear"
#define KIN_FUSED_SCALE "kin.Scale"
#define KIN_FUSED_ACTIVATION "kin.Activation"
#define KIN_FUSED_NORM "kin.Norm"

typedef struct kin_fused {
    kin_activation activation;
    size_t k_stride, j_stride;  /* of kin.Linear's weights */
    float epsilon;              /* of kin.Norm */
    uint64_t depth, parameters; /* pairs that are multiplied for each output; weights and biases */
    void *prepared;             /* packed weights; see fast_ops.c */
    void (*destroy)(void *prepared);
    struct kin_convolution_chain *chain; /* of its last node; see fast_chain.c */
} kin_fused;

/* NULL for a node that is not fused. */
kin_fused *kin_node_fused(const kin_node *node);

/* Rewrites the graph. Sums are formed in another order than before: results differ in the last bits
 * from those of the plain loops. */
void kin_graph_fuse(kin_graph *graph);

/* Frees what fused nodes hold. */
void kin_graph_unfuse(kin_graph *graph);

#endif
