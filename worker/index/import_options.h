/* The command line of `kindred-index import`. */
#ifndef WORKER_INDEX_IMPORT_OPTIONS_H
#define WORKER_INDEX_IMPORT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

typedef struct kin_import_options {
    const char *index_path;
    const char *codes; /* see kin_code_source_open */
    const char *keys;  /* path of a text; NULL: the codes have no keys */
    uint32_t shards;
    uint32_t tables;       /* 0: what the number of codes asks for */
    uint64_t memory_bytes; /* of all ranks together */
    uint32_t keep;         /* generations to keep; 0: all */
    const char *report;    /* file for figures of what was planned and what it took, or NULL */
    uint64_t trial;        /* codes of the import that this one is a small model of; 0: of itself */
    bool restart, help;
} kin_import_options;

/* argv[0] is the command's name. Borrows argv. KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_import_options_parse(kin_import_options *options, int argc, char **argv,
                                                 kin_error *error);

extern const char kin_import_help[];

#endif
