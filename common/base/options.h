/* Command lines: one table a command, checked values, one sentence for each mistake. */
#ifndef COMMON_BASE_OPTIONS_H
#define COMMON_BASE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

typedef enum kin_option_kind {
    KIN_OPTION_FLAG,   /* bool *: --name */
    KIN_OPTION_TEXT,   /* const char **: --name VALUE or --name=VALUE; borrows argv */
    KIN_OPTION_LIST,   /* kin_option_list *: a text each time it is given; borrows argv */
    KIN_OPTION_NUMBER, /* int64_t *: decimal within [minimum, maximum] */
    KIN_OPTION_REAL    /* double *: likewise, with a fraction or an exponent where wanted */
} kin_option_kind;

#define KIN_OPTION_LIST_MAX 16

typedef struct kin_option_list {
    const char *items[KIN_OPTION_LIST_MAX];
    uint32_t count;
} kin_option_list;

/* A table ends with a zeroed row. */
typedef struct kin_option {
    const char *name; /* without dashes */
    char letter;      /* short form, 0 for none */
    kin_option_kind kind;
    void *target;             /* holds the default before, the value after */
    int64_t minimum, maximum; /* of a number */
    const char *choices;      /* "itq|lsh": a text must be one of them; NULL for any */
} kin_option;

/* Reads argv[1..], fills targets, and moves what is not an option to the front of argv[1..], in
 * order; *argument_count is their number afterwards. `--` ends options; a lone `-` is an argument.
 * KIN_BAD_INPUT with a sentence that names option, value, limit. An unknown option gets the nearest
 * known name as a suggestion. */
KIN_MUST_USE kin_status kin_options_parse(const kin_option *options, int argc, char **argv,
                                          int *argument_count, kin_error *error);

#endif
