/* Which rows are asked, and which are searched. */
#ifndef WORKER_EVAL_SPLIT_H
#define WORKER_EVAL_SPLIT_H

#include <stdbool.h>

#include "worker/dataset/dataset.h"

/* Rows of a data set, ascending. */
typedef struct kin_part {
    const kin_dataset *dataset; /* borrowed */
    uint64_t *rows;             /* [count] */
    uint32_t *labels;           /* [count], of the database's classes; NULL: there are none */
    uint64_t count;
} kin_part;

typedef struct kin_split {
    kin_part database, queries;
    uint64_t *class_sizes; /* [classes + 1]: rows of the database; the last is for classes that it
                            * has none of */
    uint64_t unclassed;    /* rows that are in neither, as they have no class */
} kin_split;

typedef struct kin_split_options {
    const kin_dataset *database;
    const kin_dataset *queries; /* a test set; NULL: drawn from the database, and held out of it */
    uint64_t query_count;       /* at most */
    bool balanced;              /* as many of each class, as far as it has them */
    uint64_t seed;              /* of the draw */
} kin_split_options;

/* KIN_BAD_INPUT where nothing is left to search, or only one class. Classes of a test set are those
 * of the database that have the same name. */
KIN_MUST_USE kin_status kin_split_make(kin_split *split, const kin_split_options *options,
                                       kin_error *error);
void kin_split_fini(kin_split *split);

#endif
