/* Text files that name classes: a line `class` for each row of a data set, or `key<TAB>class` in
 * any order. Pure functions of (pointer, length). */
#ifndef PROTO_LABEL_FILE_H
#define PROTO_LABEL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* What is left of a file. */
typedef struct kin_label_file {
    const char *at, *end;
    const char *name; /* for sentences; borrowed */
    uint64_t line;    /* that was taken last, from 1 */
    bool keyed;       /* lines have a key; known after the first */
} kin_label_file;

/* A line; texts are borrowed from the file's bytes and not NUL-terminated. */
typedef struct kin_label_line {
    const char *key, *label; /* key is NULL where lines have none */
    size_t key_bytes, label_bytes;
} kin_label_line;

void kin_label_file_begin(kin_label_file *file, const void *data, size_t bytes, const char *name);

/* The next line into *line, *there false behind the last. Lines end in \n or \r\n, the last may do
 * without. The class is what is behind a line's last tab. KIN_BAD_INPUT with the line's number for
 * an empty class or key, a NUL, a class of more than KIN_CLASS_NAME_BYTES_MAX or a key of more than
 * KIN_KEY_BYTES_MAX bytes, and lines with a key among lines without. */
KIN_MUST_USE kin_status kin_label_file_next(kin_label_file *file, kin_label_line *line, bool *there,
                                            kin_error *error);

#endif
