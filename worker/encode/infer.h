/* Shapes and constants: every value of a graph gets its type and shape, and what does not depend on
 * the inputs' data is computed at once. */
#ifndef WORKER_ENCODE_INFER_H
#define WORKER_ENCODE_INFER_H

#include "common/base/status.h"
#include "worker/encode/graph.h"
#include "worker/encode/op.h"

/* Constants that are folded from others may take so much in all: a model that expands a small file
 * to more is refused (KIN_LIMIT). */
#define KIN_FOLDED_BYTES_MAX ((size_t)1 << 30)

/* Inputs must have shapes. Nodes whose inputs are all constants are run and removed; those that
 * only hand on their input (Identity, Dropout) are removed. Operators are looked up in op_table.c.
 * KIN_BAD_INPUT with node, operator and reason. */
KIN_MUST_USE kin_status kin_graph_infer(kin_graph *graph, kin_error *error);

/* Float16, bfloat16 and double become float throughout: constants, inputs, and casts to them. */
void kin_graph_floats(kin_graph *graph);

/* One use of a node's operator over tensors [value_count]; the arrays are the caller's to free with
 * kin_call_fini. */
kin_op_call kin_call_of(const kin_node *node, kin_tensor *const *tensors);
void kin_call_fini(kin_op_call *call);

#endif
