/* The models that a build describes pictures with: MODEL.onnx[:TENSOR[,TENSOR]...], each with its
 * sidecar MODEL.json, become one network file. */
#ifndef WORKER_INDEX_MODELS_H
#define WORKER_INDEX_MODELS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/options.h"
#include "common/base/status.h"
#include "proto/network_file.h"

/* "a/b.onnx:x,y" into its path (the caller frees) and its tensors (within argument; NULL: none are
 * named). */
char *kin_model_split(const char *argument, const char **tensors);

/* What a model's sidecar says, or ImageNet's common values; then what settings say
 * (kin_sidecar_set; NULL: nothing), and tensors, if any, instead of its taps. *assumed: there is no
 * sidecar. */
KIN_MUST_USE kin_status kin_model_spec(kin_network_spec *spec, const char *path,
                                       const char *tensors, const kin_option_list *settings,
                                       bool *assumed, kin_error *error);

/* Appends the network file (proto/NETWORK.md) of models; external data are taken in, means are
 * still to be learned. Settings are for one model only. Where more than one tensor is tapped in
 * all, each one's vector is brought to length 1. says: what was assumed is logged. */
KIN_MUST_USE kin_status kin_models_gather(kin_buffer *out, const kin_option_list *models,
                                          const kin_option_list *settings, bool says,
                                          kin_error *error);

#endif
