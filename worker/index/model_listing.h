/* What `kindred-index model` prints. */
#ifndef WORKER_INDEX_MODEL_LISTING_H
#define WORKER_INDEX_MODEL_LISTING_H

#include "common/base/status.h"
#include "worker/encode/network.h"

/* A shape for the first input where the model leaves more than the batch open: its sidecar's, or
 * ImageNet's. *count becomes 1 where one is given. */
KIN_MUST_USE kin_status kin_model_listing_guess(const kin_graph *graph, const char *path,
                                                kin_shape *shape, uint32_t *count,
                                                kin_error *error);

/* The tensors that can be tapped, of a model as it was read. */
void kin_model_listing_tensors(const kin_graph *graph);

/* Operators as they run, and sums. */
void kin_model_listing_print(const kin_network *network);

#endif
