#include "worker/encode/onnx_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "worker/encode/onnx_graph.h"
#include "worker/encode/onnx_message.h"
#include "worker/encode/onnx_tensor.h"

kin_status kin_onnx_parse(kin_graph **graph, const void *data, size_t bytes, const char *folder,
                          const char *name, kin_error *error)
{
    ProtobufCMessage *message = NULL;
    kin_onnx_source source = {.folder = folder};
    *graph = NULL;
    kin_status status = kin_onnx_message_unpack(&message, &kin_onnx__model__descriptor, data, bytes,
                                                "an ONNX model", error);
    if (status == KIN_OK) {
        *graph = kin_graph_new();
        status = kin_onnx_graph_take(*graph, (KinOnnx__Model *)message, &source, error);
    }
    kin_onnx_message_free(message);
    if (status != KIN_OK) {
        kin_graph_destroy(graph);
        kin_error_prefix(error, "%s", name);
    }
    return status;
}

char *kin_onnx_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? kin_strdup(".") : kin_sprintf("%.*s", (int)(slash - path + 1), path);
}

kin_status kin_onnx_open(kin_graph **graph, const char *path, kin_error *error)
{
    kin_buffer file = {0};
    *graph = NULL;
    kin_status status = kin_file_read(path, KIN_ONNX_BYTES_MAX, &file, error);
    if (status == KIN_OK) {
        char *folder = kin_onnx_folder(path);
        status = kin_onnx_parse(graph, file.data, file.bytes, folder, path, error);
        free(folder);
    }
    kin_buffer_fini(&file);
    return status;
}

kin_status kin_onnx_tensor_parse(kin_tensor *tensor, const void *data, size_t bytes,
                                 const char *name, kin_error *error)
{
    ProtobufCMessage *message = NULL;
    kin_onnx_source source = {0};
    *tensor = (kin_tensor){0};
    kin_status status = kin_onnx_message_unpack(&message, &kin_onnx__tensor__descriptor, data,
                                                bytes, "an ONNX tensor", error);
    if (status == KIN_OK)
        status = kin_onnx_tensor_take(tensor, (KinOnnx__Tensor *)message, &source, error);
    kin_onnx_message_free(message);
    if (status != KIN_OK) kin_error_prefix(error, "%s", name);
    return status;
}
