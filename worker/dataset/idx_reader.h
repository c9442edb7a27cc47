/* IDX files, gzipped or not, into memory. The only file of this folder that knows zlib. */
#ifndef WORKER_DATASET_IDX_READER_H
#define WORKER_DATASET_IDX_READER_H

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "proto/idx_format.h"

/* Reads all of path: its elements [dims[0]][row_bytes] are appended to data. Inflates no more than
 * the header promises. KIN_NOT_FOUND, KIN_IO, KIN_BAD_INPUT for a file that is shorter or longer
 * than its header says, KIN_LIMIT. */
KIN_MUST_USE kin_status kin_idx_read(const char *path, kin_idx *idx, kin_buffer *data,
                                     kin_error *error);

#endif
