/* The classes of a data set's rows, from wherever they are given. */
#ifndef WORKER_DATASET_CLASSES_H
#define WORKER_DATASET_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

/* Zeroed is none. */
typedef struct kin_classes {
    uint32_t *labels; /* [n], below count or KIN_NO_CLASS */
    char **names;     /* [count], ascending */
    uint32_t count;
} kin_classes;

void kin_classes_fini(kin_classes *classes);

/* The rows that are to be classed. */
typedef struct kin_class_rows {
    uint64_t count;
    const char *name; /* of the data set, for sentences */
    const void *user;
    /* The key of a row; NULL: rows have none. */
    const char *(*key)(const void *user, uint64_t row, uint32_t *bytes);
} kin_class_rows;

/* bytes [rows->count], each a class. */
KIN_MUST_USE kin_status kin_classes_of_bytes(kin_classes *classes, const kin_class_rows *rows,
                                             const uint8_t *bytes, kin_error *error);

/* What kin_dataset_options says of labels: a file, or "folders" and "top-folders". */
KIN_MUST_USE kin_status kin_classes_open(kin_classes *classes, const kin_class_rows *rows,
                                         const char *labels, kin_error *error);

#endif
