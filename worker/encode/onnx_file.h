/* ONNX models (onnx.ai, IR versions 3 to 10) to graphs. Foreign bytes: everything is checked before
 * it sizes anything. Specification: ONNX's onnx.proto; onnx.proto here names the fields we read. */
#ifndef WORKER_ENCODE_ONNX_FILE_H
#define WORKER_ENCODE_ONNX_FILE_H

#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "worker/encode/graph.h"

/* Protobuf cannot hold more in one message. */
#define KIN_ONNX_BYTES_MAX ((size_t)2 << 30)
#define KIN_ONNX_OPSET_MIN 1
#define KIN_ONNX_OPSET_MAX 17

/* Reads a model file, and external data beside it (in its folder only). KIN_BAD_INPUT, KIN_CORRUPT,
 * KIN_LIMIT, KIN_IO with a sentence that names the file and what is wrong. */
KIN_MUST_USE kin_status kin_onnx_open(kin_graph **graph, const char *path, kin_error *error);

/* The folder that a model's external data may lie in; the caller frees. */
char *kin_onnx_folder(const char *path);

/* The same from memory; folder: where external data may lie, NULL: nowhere. name is for sentences.
 */
KIN_MUST_USE kin_status kin_onnx_parse(kin_graph **graph, const void *data, size_t bytes,
                                       const char *folder, const char *name, kin_error *error);

/* A TensorProto alone (the .pb files of ONNX's tests); tensor->data is the caller's to free. */
KIN_MUST_USE kin_status kin_onnx_tensor_parse(kin_tensor *tensor, const void *data, size_t bytes,
                                              const char *name, kin_error *error);

#endif
