/* ONNX's messages out of foreign bytes, by protobuf-c, within a budget of memory. */
#ifndef WORKER_ENCODE_ONNX_MESSAGE_H
#define WORKER_ENCODE_ONNX_MESSAGE_H

#include <stddef.h>

#include "common/base/status.h"
#include "worker/encode/onnx.pb-c.h"

/* The message of data, freed with kin_onnx_message_free; `what` is for sentences: "an ONNX model".
 * Blocks in it are of malloc. */
KIN_MUST_USE kin_status kin_onnx_message_unpack(ProtobufCMessage **message,
                                                const ProtobufCMessageDescriptor *descriptor,
                                                const void *data, size_t bytes, const char *what,
                                                kin_error *error);
/* NULL is none. */
void kin_onnx_message_free(ProtobufCMessage *message);

#endif
