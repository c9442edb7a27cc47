#include "worker/encode/onnx_message.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "worker/encode/onnx_file.h"

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

kin_status kin_onnx_message_unpack(ProtobufCMessage **message,
                                   const ProtobufCMessageDescriptor *descriptor, const void *data,
                                   size_t bytes, const char *what, kin_error *error)
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

void kin_onnx_message_free(ProtobufCMessage *message)
{
    budget b = {0};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &b};
    if (message != NULL) protobuf_c_message_free_unpacked(message, &allocator);
}
