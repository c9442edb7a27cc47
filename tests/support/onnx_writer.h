/* ONNX messages a field at a time, right or wrong, for tests of their reader. */
#ifndef TESTS_SUPPORT_ONNX_WRITER_H
#define TESTS_SUPPORT_ONNX_WRITER_H

#include <stdint.h>

#include "common/base/buffer.h"

void onnx_put_varint(kin_buffer *message, uint64_t value);
void onnx_put_int(kin_buffer *message, uint32_t field, int64_t value);
void onnx_put_float(kin_buffer *message, uint32_t field, float value);
void onnx_put_bytes(kin_buffer *message, uint32_t field, const void *data, size_t bytes);
void onnx_put_text(kin_buffer *message, uint32_t field, const char *text);
/* part as a field; part is emptied. */
void onnx_put_part(kin_buffer *message, uint32_t field, kin_buffer *part);

/* Field numbers of ONNX. */
enum {
    ONNX_MODEL_IR_VERSION = 1,
    ONNX_MODEL_GRAPH = 7,
    ONNX_MODEL_OPSET = 8,
    ONNX_MODEL_TRAINING = 20,
    ONNX_MODEL_FUNCTIONS = 25,
    ONNX_GRAPH_NODE = 1,
    ONNX_GRAPH_INITIALIZER = 5,
    ONNX_GRAPH_INPUT = 11,
    ONNX_GRAPH_OUTPUT = 12,
    ONNX_GRAPH_SPARSE = 15,
    ONNX_NODE_INPUT = 1,
    ONNX_NODE_OUTPUT = 2,
    ONNX_NODE_NAME = 3,
    ONNX_NODE_OP = 4,
    ONNX_NODE_ATTRIBUTE = 5,
    ONNX_NODE_DOMAIN = 7,
    ONNX_ATTRIBUTE_NAME = 1,
    ONNX_ATTRIBUTE_F = 2,
    ONNX_ATTRIBUTE_I = 3,
    ONNX_ATTRIBUTE_S = 4,
    ONNX_ATTRIBUTE_T = 5,
    ONNX_ATTRIBUTE_G = 6,
    ONNX_ATTRIBUTE_FLOATS = 7,
    ONNX_ATTRIBUTE_INTS = 8,
    ONNX_ATTRIBUTE_STRINGS = 9,
    ONNX_ATTRIBUTE_TYPE = 20,
    ONNX_ATTRIBUTE_REFERENCE = 21,
    ONNX_TENSOR_DIMS = 1,
    ONNX_TENSOR_TYPE = 2,
    ONNX_TENSOR_SEGMENT = 3,
    ONNX_TENSOR_FLOATS = 4,
    ONNX_TENSOR_INT32S = 5,
    ONNX_TENSOR_STRINGS = 6,
    ONNX_TENSOR_INT64S = 7,
    ONNX_TENSOR_NAME = 8,
    ONNX_TENSOR_RAW = 9,
    ONNX_TENSOR_DOUBLES = 10,
    ONNX_TENSOR_UINT64S = 11,
    ONNX_TENSOR_EXTERNAL = 13,
    ONNX_TENSOR_LOCATION = 14
};

/* A node; inputs and outputs are names with blanks between them, "-" for one left out. attributes
 * is emptied; NULL: none. */
void onnx_put_node(kin_buffer *graph, const char *op, const char *inputs, const char *outputs,
                   kin_buffer *attributes);
/* An input or output of floats; dims are numbers or names with blanks between them. */
void onnx_put_value(kin_buffer *graph, uint32_t field, const char *name, const char *dims);
/* A tensor of floats [count] as raw data; a name of NULL is left out. */
void onnx_put_floats(kin_buffer *message, uint32_t field, const char *name, const float *values,
                     uint32_t count);
/* An external_data entry of a tensor. */
void onnx_put_external(kin_buffer *tensor, const char *key, const char *value);
void onnx_put_opset(kin_buffer *model, const char *domain, int64_t version);
/* A model of IR version 8 and opset 13 with that graph, which is emptied. */
void onnx_put_model(kin_buffer *model, kin_buffer *graph);

/* A constant of a graph: random floats around 0 that its name decides, in dims [rank]; or "zero",
 * an axis. */
void onnx_put_random(kin_buffer *graph, const char *name, const int64_t *dims, int rank);
void onnx_put_zero(kin_buffer *graph);
/* Attributes of a node: one integer, or one of several, a digit each. */
kin_buffer onnx_int_attribute(const char *name, int64_t value);
kin_buffer onnx_ints_attribute(const char *name, const char *values);

#endif
