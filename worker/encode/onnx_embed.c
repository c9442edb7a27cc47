#include "worker/encode/onnx_embed.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "worker/encode/onnx_file.h"
#include "worker/encode/onnx_message.h"
#include "worker/encode/onnx_tensor.h"

typedef struct embedding {
    kin_onnx_source source;
    uint64_t bytes; /* that the model has with what was taken in */
    uint32_t count; /* of tensors */
} embedding;

static kin_status embed_tensor(embedding *made, KinOnnx__Tensor *message, kin_error *error)
{
    kin_tensor tensor;
    if (message == NULL || !kin_onnx_tensor_is_external(message)) return KIN_OK;
    kin_status status = kin_onnx_tensor_take(&tensor, message, &made->source, error);
    if (status != KIN_OK) return status;
    size_t bytes = kin_tensor_bytes(&tensor);
    made->bytes += bytes;
    made->count++;
    for (size_t i = 0; i < message->n_external_data; i++)
        kin_onnx_message_free(&message->external_data[i]->base);
    message->n_external_data = 0;
    message->has_data_location = false;
    message->data_location = 0;
    message->has_raw_data = true;
    message->raw_data = (ProtobufCBinaryData){.len = bytes, .data = tensor.data};
    if (made->bytes <= KIN_ONNX_BYTES_MAX) return KIN_OK;
    return kin_fail(
        error, KIN_LIMIT,
        "with its external data it has more than %zu bytes, which an index cannot hold; "
        "export it in half precision",
        KIN_ONNX_BYTES_MAX);
}

/* Initializers, and tensors of attributes (constants). */
static kin_status embed_graph(embedding *made, const KinOnnx__Graph *graph, kin_error *error)
{
    kin_status status = KIN_OK;
    for (size_t i = 0; graph != NULL && status == KIN_OK && i < graph->n_initializer; i++) {
        char label[KIN_ONNX_LABEL_BYTES];
        status = embed_tensor(made, graph->initializer[i], error);
        if (status != KIN_OK)
            kin_error_prefix(error, "the initializer '%s'",
                             kin_onnx_label(&graph->initializer[i]->name, label));
    }
    for (size_t n = 0; graph != NULL && status == KIN_OK && n < graph->n_node; n++)
        for (size_t a = 0; status == KIN_OK && a < graph->node[n]->n_attribute; a++)
            status = embed_tensor(made, graph->node[n]->attribute[a]->t, error);
    return status;
}

kin_status kin_onnx_embed(kin_buffer *model, const char *folder, const char *name, kin_error *error)
{
    ProtobufCMessage *message = NULL;
    embedding made = {.source = {.folder = folder}, .bytes = model->bytes};
    kin_status status = kin_onnx_message_unpack(&message, &kin_onnx__model__descriptor, model->data,
                                                model->bytes, "an ONNX model", error);
    if (status == KIN_OK) status = embed_graph(&made, ((KinOnnx__Model *)message)->graph, error);
    size_t bytes = 0;
    if (status == KIN_OK && made.count > 0) {
        bytes = protobuf_c_message_get_packed_size(message);
        kin_buffer_clear(model);
        kin_buffer_reserve(model, bytes);
        model->bytes = protobuf_c_message_pack(message, model->data);
    }
    kin_onnx_message_free(message);
    if (status == KIN_OK && bytes > KIN_ONNX_BYTES_MAX)
        status = kin_fail(error, KIN_LIMIT, "it has %zu bytes; an ONNX model has up to %zu", bytes,
                          KIN_ONNX_BYTES_MAX);
    if (status != KIN_OK) kin_error_prefix(error, "%s", name);
    return status;
}
