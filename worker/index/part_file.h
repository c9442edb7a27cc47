/* A part file of this build, mapped and checked. */
#ifndef WORKER_INDEX_PART_FILE_H
#define WORKER_INDEX_PART_FILE_H

#include "common/base/file.h"
#include "proto/part_format.h"
#include "worker/index/building.h"

/* Zeroed is closed. */
typedef struct kin_part_file {
    kin_mapping mapping;
    kin_part part;
    char *path;
} kin_part_file;

/* KIN_NOT_FOUND, KIN_CORRUPT, or KIN_MISMATCH for a part of another build or chunk; closed then. */
KIN_MUST_USE kin_status kin_part_file_open(kin_part_file *file, const kin_building *building,
                                           uint64_t chunk, kin_error *error);
void kin_part_file_close(kin_part_file *file);

#endif
