/* The models that a build describes pictures with: MODEL.onnx[:TENSOR[,TENSOR]...], each with its
 * sidecar MODEL.json, become one network file. */
#ifndef WORKER_INDEX_MODELS_H
#define WORKER_INDEX_MODELS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "proto/network_file.h"

/* "a/b.onnx:x,y" into its path (the caller frees) and its tensors (within argument; NULL: none are
 * named). */
char *kin_model_split(const char *argument, const char **tensors);

/* What a model's sidecar says, or ImageNet's common values; tensors, if any, instead of its taps.
 * *assumed: there is no sidecar. */
KIN_MUST_USE kin_status kin_model_spec(kin_network_spec *spec, const char *path,
                                       const char *tensors, bool *assumed, kin_error *error);

/* Appends the network file (proto/NETWORK.md) of models [count]. Where more than one tensor is
 * tapped in all, each one's vector is brought to length 1. says: what was assumed is logged. */
KIN_MUST_USE kin_status kin_models_gather(kin_buffer *out, const char *const *models,
                                          uint32_t count, bool says, kin_error *error);

#endif
