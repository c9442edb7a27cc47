/* ONNX's tensor messages to tensors, and where their external data may come from. */
#ifndef WORKER_ENCODE_ONNX_TENSOR_H
#define WORKER_ENCODE_ONNX_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "worker/encode/onnx.pb-c.h"
#include "worker/encode/tensor.h"

/* What a model may read from other files; zeroed: nothing. */
typedef struct kin_onnx_source {
    const char *folder;      /* NULL: nowhere */
    uint64_t external_bytes; /* read so far */
} kin_onnx_source;

/* Whether text has those bytes. */
bool kin_onnx_is(const ProtobufCBinaryData *text, const char *word);

/* text, cut and with what no terminal should see replaced, for sentences; label
 * [KIN_ONNX_LABEL_BYTES]. Returns label. */
#define KIN_ONNX_LABEL_BYTES 100
const char *kin_onnx_label(const ProtobufCBinaryData *text, char *label);

/* Whether a tensor's data are in another file. */
bool kin_onnx_tensor_is_external(const KinOnnx__Tensor *message);

/* Makes a tensor of a message; its data, never NULL, is the caller's to free. Data that lie in the
 * message as they lie in a tensor are taken out of it, not copied. The sentence of an error does
 * not name the tensor. */
KIN_MUST_USE kin_status kin_onnx_tensor_take(kin_tensor *tensor, KinOnnx__Tensor *message,
                                             kin_onnx_source *source, kin_error *error);

#endif
