/* Feature vectors in a .npy: float32 [rows][dimensions], row after row. A generation may keep those
 * of its pictures, one file a shard (proto/INDEX.md). Pure functions of (pointer, length). */
#ifndef PROTO_FEATURE_FILE_H
#define PROTO_FEATURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

/* A parsed file; borrows the bytes that were parsed. */
typedef struct kin_feature_file {
    uint64_t count;
    uint32_t dimensions;
    const uint8_t *data; /* [count][dimensions] little-endian floats, at any alignment */
} kin_feature_file;

/* KIN_BAD_INPUT for anything but a .npy of float32 with two dimensions, the second from 1 to
 * KIN_FEATURE_DIMENSIONS_MAX. The numbers are not looked at. name is for sentences. */
KIN_MUST_USE kin_status kin_feature_file_parse(kin_feature_file *file, const void *data,
                                               size_t bytes, const char *name, kin_error *error);

/* vector [dimensions]; row < count. False where a number of it is not finite. */
bool kin_feature_file_get(const kin_feature_file *file, uint64_t row, float *vector);

/* Appends what stands before the vectors of such a file. */
void kin_feature_file_begin(kin_buffer *out, uint64_t count, uint32_t dimensions);

#define KIN_FEATURE_FILE_NAME_BYTES 32
/* "features-0007.npy", the vectors of shard 7, and whether a name looks like one. */
void kin_feature_file_name(uint32_t shard, char name[KIN_FEATURE_FILE_NAME_BYTES]);
bool kin_feature_file_is_named(const char *name);

#endif
