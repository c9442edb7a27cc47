/* Weights that a model keeps in files beside it: nothing outside its folder is ever opened. */
#ifndef WORKER_ENCODE_ONNX_EXTERNAL_H
#define WORKER_ENCODE_ONNX_EXTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"
#include "worker/encode/onnx_tensor.h"

/* What all external data of a model may hold: as much as the largest tensor of floats. */
#define KIN_ONNX_EXTERNAL_BYTES_MAX ((uint64_t)4 << 30)

/* Reads bytes bytes of the file that message names into a new block, the caller's to free. */
KIN_MUST_USE kin_status kin_onnx_external_read(void **data, size_t bytes,
                                               const KinOnnx__Tensor *message,
                                               kin_onnx_source *source, kin_error *error);

/* Opens a regular file below a folder: EXDEV for a location that is absolute, has a component "..",
 * or leads out of the folder by symbolic links. walk: as it is done where the kernel has no
 * openat2, which follows no symbolic link at all. Returns a descriptor, or -1 with errno. */
int kin_onnx_open_beneath(const char *folder, const char *location, bool walk);

#endif
