/* A network that is ready to run: shapes known, constants folded, weights packed, memory planned.
 *
 * Immutable but for its tensors: one thread runs a network at a time; a clone shares the weights.
 */
#ifndef WORKER_ENCODE_NETWORK_H
#define WORKER_ENCODE_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "worker/encode/graph.h"
#include "worker/encode/tensor.h"

typedef struct kin_network kin_network;

/* A shape for an input whose dimensions the model leaves open, or another than it says. */
typedef struct kin_network_input_shape {
    const char *name; /* NULL: the first input */
    kin_shape shape;
} kin_network_input_shape;

typedef struct kin_network_options {
    const kin_network_input_shape *shapes; /* [shape_count] */
    uint32_t shape_count;
    const char *const *taps; /* [tap_count] names of values to give instead of the outputs */
    uint32_t tap_count;
    bool reference; /* plain loops, nothing fused; also if KINDRED_ENGINE=reference */
} kin_network_options;

/* Takes over *graph (destroyed in any case). KIN_BAD_INPUT names node, operator and reason. */
KIN_MUST_USE kin_status kin_network_open(kin_network **network, kin_graph **graph,
                                         const kin_network_options *options, kin_error *error);
/* Another one that shares the weights and has tensors of its own, for another thread; made and
 * closed by the thread that opened the first. */
kin_network *kin_network_clone(kin_network *network);
void kin_network_close(kin_network **network);

/* As it runs: fused, laid out; for listings. */
const kin_graph *kin_network_graph(const kin_network *network);

uint32_t kin_network_input_count(const kin_network *network);
uint32_t kin_network_output_count(const kin_network *network);
const char *kin_network_input_name(const kin_network *network, uint32_t i);
const char *kin_network_output_name(const kin_network *network, uint32_t i);
/* Memory of the network: fill the inputs, run, read the outputs (valid until the next run). */
kin_tensor *kin_network_input(kin_network *network, uint32_t i);
const kin_tensor *kin_network_output(const kin_network *network, uint32_t i);

/* Allocates nothing and cannot fail. */
void kin_network_run(kin_network *network);

/* The same in steps, for timing: one node each, in order. All of them are one run. */
uint32_t kin_network_step_count(const kin_network *network);
const kin_node *kin_network_step_node(const kin_network *network, uint32_t i);
void kin_network_run_step(kin_network *network, uint32_t i);

/* Bytes of activations (planned, with scratch) and of weights as they are held. */
uint64_t kin_network_activation_bytes(const kin_network *network);
uint64_t kin_network_weight_bytes(const kin_network *network);

#endif
