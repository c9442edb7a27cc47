#include "worker/encode/onnx_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "worker/encode/onnx_graph.h"
#include "worker/encode/onnx_tensor.h"

/* What the messages of a file may take, all blocks ever asked for together: 4 times its bytes, as
 * weights take once and numbers of one byte become 8, and enough for any graph of few bytes. Blocks
 * that were given back count, too: that bounds the time of merging messages that are there twice.
 */
#define MESSAGE_BYTES_BASE ((size_t)128 << 20)
#define MESSAGE_BYTES_RATIO 4

typedef struct budget {
    size_t left;
    bool exceeded;
} budget;

static void *budget_alloc(void *user, size_t bytes)
{
    budget *b = user;
    if (bytes > b->left) {
        b->exceeded = true;
        return NULL;
    }
    b->left -= bytes;
    return kin_malloc(bytes);
}

static void budget_free(void *user, void *pointer)
{
    (void)user;
    free(pointer);
}

/* The message of data; freed with free_unpacked. */
static kin_status unpack(ProtobufCMessage **message, const ProtobufCMessageDescriptor *descriptor,
                         const void *data, size_t bytes, const char *what, kin_error *error)
{
    if (bytes > KIN_ONNX_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "it has %zu bytes; %s has up to %zu", bytes, what,
                        KIN_ONNX_BYTES_MAX);
    budget b = {.left = MESSAGE_BYTES_BASE + MESSAGE_BYTES_RATIO * bytes};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &b};
    *message = protobuf_c_message_unpack(descriptor, &allocator, bytes, data);
    if (*message != NULL) return KIN_OK;
    if (b.exceeded)
        return kin_fail(error, KIN_LIMIT, "its messages take too much memory for %zu bytes", bytes);
    return kin_fail(error, KIN_CORRUPT, "it is not %s, or damaged", what);
}

static void free_unpacked(ProtobufCMessage *message)
{
    budget b = {0};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &b};
    if (message != NULL) protobuf_c_message_free_unpacked(message, &allocator);
}

kin_status kin_onnx_parse(kin_graph **graph, const void *data, size_t bytes, const char *folder,
                          const char *name, kin_error *error)
{
    ProtobufCMessage *message = NULL;
    kin_onnx_source source = {.folder = folder};
    *graph = NULL;
    kin_status status =
        unpack(&message, &kin_onnx__model__descriptor, data, bytes, "an ONNX model", error);
    if (status == KIN_OK) {
        *graph = kin_graph_new();
        status = kin_onnx_graph_take(*graph, (KinOnnx__Model *)message, &source, error);
    }
    free_unpacked(message);
    if (status != KIN_OK) {
        kin_graph_destroy(graph);
        kin_error_prefix(error, "%s", name);
    }
    return status;
}

kin_status kin_onnx_open(kin_graph **graph, const char *path, kin_error *error)
{
    kin_buffer file = {0};
    *graph = NULL;
    kin_status status = kin_file_read(path, KIN_ONNX_BYTES_MAX, &file, error);
    if (status == KIN_OK) {
        const char *slash = strrchr(path, '/');
        char *folder = slash == NULL ? kin_strdup(".") : kin_strdup(path);
        if (slash != NULL) folder[slash - path + 1] = 0;
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
    kin_status status =
        unpack(&message, &kin_onnx__tensor__descriptor, data, bytes, "an ONNX tensor", error);
    if (status == KIN_OK)
        status = kin_onnx_tensor_take(tensor, (KinOnnx__Tensor *)message, &source, error);
    free_unpacked(message);
    if (status != KIN_OK) kin_error_prefix(error, "%s", name);
    return status;
}
