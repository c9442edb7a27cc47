#include "tests/support/onnx_writer.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

void onnx_put_varint(kin_buffer *message, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        kin_buffer_append_byte(message, (uint8_t)(value | 128));
    kin_buffer_append_byte(message, (uint8_t)value);
}

void onnx_put_int(kin_buffer *message, uint32_t field, int64_t value)
{
    onnx_put_varint(message, field << 3 | WIRE_VARINT);
    onnx_put_varint(message, (uint64_t)value);
}

void onnx_put_float(kin_buffer *message, uint32_t field, float value)
{
    onnx_put_varint(message, field << 3 | WIRE_FIXED32);
    kin_buffer_append(message, &value, sizeof value);
}

void onnx_put_bytes(kin_buffer *message, uint32_t field, const void *data, size_t bytes)
{
    onnx_put_varint(message, field << 3 | WIRE_BYTES);
    onnx_put_varint(message, bytes);
    kin_buffer_append(message, data, bytes);
}

void onnx_put_text(kin_buffer *message, uint32_t field, const char *text)
{
    onnx_put_bytes(message, field, text, strlen(text));
}

void onnx_put_part(kin_buffer *message, uint32_t field, kin_buffer *part)
{
    onnx_put_bytes(message, field, part->data, part->bytes);
    kin_buffer_fini(part);
}

static void put_names(kin_buffer *node, uint32_t field, const char *names)
{
    char *copy = kin_strdup(names), *state = NULL;
    for (char *name = strtok_r(copy, " ", &state); name != NULL; name = strtok_r(NULL, " ", &state))
        onnx_put_text(node, field, strcmp(name, "-") == 0 ? "" : name);
    free(copy);
}

void onnx_put_node(kin_buffer *graph, const char *op, const char *inputs, const char *outputs,
                   kin_buffer *attributes)
{
    kin_buffer node = {0};
    put_names(&node, ONNX_NODE_INPUT, inputs);
    put_names(&node, ONNX_NODE_OUTPUT, outputs);
    onnx_put_text(&node, ONNX_NODE_OP, op);
    if (attributes != NULL) {
        kin_buffer_append(&node, attributes->data, attributes->bytes);
        kin_buffer_fini(attributes);
    }
    onnx_put_part(graph, ONNX_GRAPH_NODE, &node);
}

void onnx_put_value(kin_buffer *graph, uint32_t field, const char *name, const char *dims)
{
    kin_buffer value = {0}, type = {0}, tensor = {0}, shape = {0};
    char *copy = kin_strdup(dims), *state = NULL;
    for (char *dim = strtok_r(copy, " ", &state); dim != NULL; dim = strtok_r(NULL, " ", &state)) {
        kin_buffer dimension = {0};
        if (strchr("-0123456789", dim[0]) != NULL)
            onnx_put_int(&dimension, 1, atoll(dim));
        else
            onnx_put_text(&dimension, 2, dim);
        onnx_put_part(&shape, 1, &dimension);
    }
    free(copy);
    onnx_put_int(&tensor, 1, 1);
    onnx_put_part(&tensor, 2, &shape);
    onnx_put_part(&type, 1, &tensor);
    onnx_put_text(&value, 1, name);
    onnx_put_part(&value, 2, &type);
    onnx_put_part(graph, field, &value);
}

void onnx_put_floats(kin_buffer *message, uint32_t field, const char *name, const float *values,
                     uint32_t count)
{
    kin_buffer tensor = {0};
    onnx_put_int(&tensor, ONNX_TENSOR_DIMS, count);
    onnx_put_int(&tensor, ONNX_TENSOR_TYPE, 1);
    if (name != NULL) onnx_put_text(&tensor, ONNX_TENSOR_NAME, name);
    onnx_put_bytes(&tensor, ONNX_TENSOR_RAW, values, count * sizeof *values);
    onnx_put_part(message, field, &tensor);
}

void onnx_put_external(kin_buffer *tensor, const char *key, const char *value)
{
    kin_buffer entry = {0};
    onnx_put_text(&entry, 1, key);
    onnx_put_text(&entry, 2, value);
    onnx_put_part(tensor, ONNX_TENSOR_EXTERNAL, &entry);
}

void onnx_put_opset(kin_buffer *model, const char *domain, int64_t version)
{
    kin_buffer opset = {0};
    onnx_put_text(&opset, 1, domain);
    onnx_put_int(&opset, 2, version);
    onnx_put_part(model, ONNX_MODEL_OPSET, &opset);
}

void onnx_put_model(kin_buffer *model, kin_buffer *graph)
{
    onnx_put_int(model, ONNX_MODEL_IR_VERSION, 8);
    onnx_put_opset(model, "", 13);
    onnx_put_part(model, ONNX_MODEL_GRAPH, graph);
}

void onnx_put_random(kin_buffer *graph, const char *name, const int64_t *dims, int rank)
{
    kin_buffer tensor = {0};
    kin_random random = {.state = (uint64_t)name[0]};
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        onnx_put_int(&tensor, ONNX_TENSOR_DIMS, dims[i]);
        count *= (size_t)dims[i];
    }
    float *values = kin_calloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(kin_random_unit(&random) - 0.5);
    onnx_put_int(&tensor, ONNX_TENSOR_TYPE, 1);
    onnx_put_text(&tensor, ONNX_TENSOR_NAME, name);
    onnx_put_bytes(&tensor, ONNX_TENSOR_RAW, values, count * sizeof *values);
    onnx_put_part(graph, ONNX_GRAPH_INITIALIZER, &tensor);
    free(values);
}

void onnx_put_zero(kin_buffer *graph)
{
    kin_buffer tensor = {0};
    onnx_put_int(&tensor, ONNX_TENSOR_TYPE, 7);
    onnx_put_text(&tensor, ONNX_TENSOR_NAME, "zero");
    onnx_put_bytes(&tensor, ONNX_TENSOR_RAW, "\0\0\0\0\0\0\0", 8);
    onnx_put_part(graph, ONNX_GRAPH_INITIALIZER, &tensor);
}

kin_buffer onnx_int_attribute(const char *name, int64_t value)
{
    kin_buffer attribute = {0}, attributes = {0};
    onnx_put_text(&attribute, ONNX_ATTRIBUTE_NAME, name);
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_I, value);
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_TYPE, 2);
    onnx_put_part(&attributes, ONNX_NODE_ATTRIBUTE, &attribute);
    return attributes;
}

kin_buffer onnx_ints_attribute(const char *name, const char *values)
{
    kin_buffer attribute = {0}, attributes = {0};
    onnx_put_text(&attribute, ONNX_ATTRIBUTE_NAME, name);
    for (const char *at = values; *at != 0; at++)
        onnx_put_int(&attribute, ONNX_ATTRIBUTE_INTS, *at - '0');
    onnx_put_int(&attribute, ONNX_ATTRIBUTE_TYPE, 7);
    onnx_put_part(&attributes, ONNX_NODE_ATTRIBUTE, &attribute);
    return attributes;
}
