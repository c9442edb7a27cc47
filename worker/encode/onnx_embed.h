/* Models that keep weights in files beside them, as one block of bytes. */
#ifndef WORKER_ENCODE_ONNX_EMBED_H
#define WORKER_ENCODE_ONNX_EMBED_H

#include "common/base/buffer.h"
#include "common/base/status.h"

/* Takes external data into a model: *model, the bytes of an ONNX file in `folder`, is replaced by
 * an equal model that needs no other file. A model without external data stays as it is, to the
 * byte. name is for sentences. Errors as of kin_onnx_parse; KIN_LIMIT where the whole is too large.
 */
KIN_MUST_USE kin_status kin_onnx_embed(kin_buffer *model, const char *folder, const char *name,
                                       kin_error *error);

#endif
