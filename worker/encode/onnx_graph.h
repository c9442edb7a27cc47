/* ONNX's model messages to graphs. */
#ifndef WORKER_ENCODE_ONNX_GRAPH_H
#define WORKER_ENCODE_ONNX_GRAPH_H

#include "common/base/status.h"
#include "worker/encode/graph.h"
#include "worker/encode/onnx.pb-c.h"
#include "worker/encode/onnx_file.h"
#include "worker/encode/onnx_tensor.h"

/* Fills an empty graph. Tensors and numbers of attributes are taken out of the message. The
 * sentence of an error does not name the model. */
KIN_MUST_USE kin_status kin_onnx_graph_take(kin_graph *graph, KinOnnx__Model *model,
                                            kin_onnx_source *source, kin_error *error);

/* Gives node the attribute. The sentence of an error does not name the node. */
KIN_MUST_USE kin_status kin_onnx_attribute_take(kin_node *node, KinOnnx__Attribute *message,
                                                kin_onnx_source *source, kin_error *error);

/* A name as a string, the caller's to free: neither too long nor with a NUL. `what` is for the
 * sentence. */
KIN_MUST_USE kin_status kin_onnx_name(char **name, const ProtobufCBinaryData *text,
                                      const char *what, kin_error *error);

#endif
