/* The graph of nearest neighbours of a sample, over ranks, and walks on it.
 *
 * Exact: all inner products, in blocks. The same on every rank, for any number of ranks. */
#ifndef WORKER_TRAIN_NEIGHBOUR_GRAPH_H
#define WORKER_TRAIN_NEIGHBOUR_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/random.h"
#include "worker/train/context.h"

/* Rows of one product of similarities; ranks own whole blocks. */
#define KIN_NEIGHBOUR_BLOCK_ROWS 256

/* The rows of count that this rank works on: a run of blocks. */
kin_span kin_neighbour_owned(const kin_train_context *context, size_t count);

/* rows [count][width], of which each rank has those it owns: all of them, on all ranks. Numbers are
 * moved as bytes, whatever they are. */
KIN_MUST_USE kin_status kin_neighbour_gather(const kin_train_context *context, size_t count,
                                             size_t width, float *rows, kin_error *error);

/* ids [count][neighbours] = the others with the largest inner products, largest first, ties by id.
 * vectors [count][dimensions], the same on every rank, finite; 1 <= neighbours < count < 2^32.
 * Ticks from start to end. */
KIN_MUST_USE kin_status kin_neighbour_graph(const kin_train_context *context, const float *vectors,
                                            size_t count, size_t dimensions, size_t neighbours,
                                            uint32_t *ids, double start, double end,
                                            kin_error *error);

/* Floats that kin_neighbour_graph allocates. */
size_t kin_neighbour_graph_numbers(size_t neighbours);

/* Where a random walk of `steps` steps from a vector ends: each step goes to one of the neighbours,
 * all equally likely. Stays where there are no neighbours. */
uint32_t kin_neighbour_walk(const uint32_t *ids, size_t neighbours, uint32_t from, unsigned steps,
                            kin_random *random);

#endif
