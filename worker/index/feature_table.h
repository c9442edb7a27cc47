/* Feature vectors of another program (--features FILE.npy): row i is of line i of the list that is
 * given with them. */
#ifndef WORKER_INDEX_FEATURE_TABLE_H
#define WORKER_INDEX_FEATURE_TABLE_H

#include <stdbool.h>

#include "common/base/checksum.h"
#include "common/base/file.h"
#include "proto/feature_file.h"
#include "proto/list_format.h"
#include "worker/index/inputs.h"
#include "worker/index/sources.h"

/* A code has at least so many bits, each a combination of the numbers. */
#define KIN_TABLE_DIMENSIONS_MIN 64

/* Zeroed is closed; immutable once open. */
typedef struct kin_feature_table {
    const char *path; /* borrowed */
    kin_mapping mapping;
    kin_feature_file file;
} kin_feature_table;

/* Maps path. KIN_BAD_INPUT for what is no float32 [rows][64 to 8,192]. */
KIN_MUST_USE kin_status kin_feature_table_open(kin_feature_table *table, const char *path,
                                               kin_error *error);
void kin_feature_table_close(kin_feature_table *table);

/* Reads all of it: a digest of the file, and KIN_BAD_INPUT that names the row where a number is not
 * finite. */
KIN_MUST_USE kin_status kin_feature_table_examine(const kin_feature_table *table,
                                                  kin_digest *digest, void (*tick)(void *user),
                                                  void *user, kin_error *error);

/* Adds an input for each line of the list, whose key the line is; its offset is the row. Files are
 * looked at, for their sizes, only where pictures will be opened. KIN_BAD_INPUT where there are not
 * as many lines as rows. */
KIN_MUST_USE kin_status kin_feature_table_list(const kin_feature_table *table, kin_inputs *inputs,
                                               const kin_sources_options *options,
                                               const char *list_path, char separator, bool pictures,
                                               kin_error *error);

/* The vector [dimensions] of an input of such a list. */
KIN_MUST_USE kin_status kin_feature_table_get(const kin_feature_table *table,
                                              const kin_list_row *row, float *vector,
                                              kin_error *error);

#endif
