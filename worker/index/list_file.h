/* A list of paths, as --list takes it: one a line, or NUL-separated. Pure; fed piece by piece, it
 * holds one path at a time. */
#ifndef WORKER_INDEX_LIST_FILE_H
#define WORKER_INDEX_LIST_FILE_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

/* Zeroed but for separator and name to begin with. */
typedef struct kin_list_file {
    char separator;   /* '\n' or 0 */
    const char *name; /* for sentences; borrowed */
    kin_buffer path;
    uint64_t line; /* of the path that is being gathered, from 0 */
} kin_list_file;

/* What is done with a path; NUL-terminated, not empty. */
typedef kin_status (*kin_list_file_sink)(void *user, const char *path, kin_error *error);

/* Splits a piece of the list. Empty lines are skipped. KIN_BAD_INPUT for a path that is too long or
 * that holds a NUL, with its line; else what the sink returns. */
KIN_MUST_USE kin_status kin_list_file_feed(kin_list_file *list, const void *data, size_t bytes,
                                           kin_list_file_sink sink, void *user, kin_error *error);
/* The last path, where no separator follows it; frees what the list holds. */
KIN_MUST_USE kin_status kin_list_file_end(kin_list_file *list, kin_list_file_sink sink, void *user,
                                          kin_error *error);

#endif
