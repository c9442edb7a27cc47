/* The files that `kindred-index train` leaves: the hasher, and beside it its curves. */
#ifndef WORKER_INDEX_HASHER_OUTPUT_H
#define WORKER_INDEX_HASHER_OUTPUT_H

#include "common/base/buffer.h"
#include "common/base/status.h"

/* Writes path.tsv and path.png, where the encoder file `file` has a curve, then path: where that
 * is, they are. Says so, with `seconds` of learning. */
KIN_MUST_USE kin_status kin_hasher_output_write(const char *path, const kin_buffer *file,
                                                double seconds, kin_error *error);

#endif
