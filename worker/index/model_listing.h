/* What `kindred-index model` prints. */
#ifndef WORKER_INDEX_MODEL_LISTING_H
#define WORKER_INDEX_MODEL_LISTING_H

#include "common/base/options.h"
#include "common/base/status.h"
#include "worker/encode/network.h"

/* A shape for the first input where the model leaves more than the batch open: what settings say
 * (NULL: nothing), its sidecar, or ImageNet's. *count becomes 1 where one is given. KIN_BAD_INPUT
 * for settings that are wrong, or of other sides than the model's own. */
KIN_MUST_USE kin_status kin_model_listing_guess(const kin_graph *graph, const char *path,
                                                const kin_option_list *settings, kin_shape *shape,
                                                uint32_t *count, kin_error *error);

/* The tensors that can be tapped, with their shapes where the model can be run with an input of
 * `shape` (rank 0: its own). Reads the model once more; graph is as it was read. */
void kin_model_listing_tensors(const kin_graph *graph, const char *path, const kin_shape *shape);

/* Operators as they run, and sums. */
void kin_model_listing_print(const kin_network *network);

#endif
