/* The commands of `kindred`, one file each. */
#ifndef COORDINATOR_CLIENT_COMMANDS_H
#define COORDINATOR_CLIENT_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/options.h"
#include "common/base/status.h"

#define KIN_KINDRED_VERSION "0.1.0"

/* What the program returns to the shell. */
typedef enum kin_exit {
    KIN_EXIT_DONE = 0,
    KIN_EXIT_FAILED = 1,
    KIN_EXIT_USAGE = 2,
    KIN_EXIT_PARTIAL = 3 /* answered, but shards are missing */
} kin_exit;

typedef struct kin_command {
    const char *name;
    const char *summary; /* one line */
    const char *help;    /* one screen; NULL where a program kindred-NAME answers --help itself */
    kin_exit (*run)(int argc, char **argv); /* NULL for a program of its own */
    /* Where there is such a program, too: whether run is meant by these arguments. */
    bool (*is_meant)(int argc, char **argv);
} kin_command;

extern const kin_command kin_search_command;
extern const kin_command kin_bucket_command;
extern const kin_command kin_classify_command;
extern const kin_command kin_info_command;
extern const kin_command kin_serve_command;
extern const kin_command kin_status_command;
extern const kin_command kin_keygen_command;

/* Parses a command's options (kin_options_parse, zero-ended table); --help and -h are known
 * everywhere. True to go on with arguments_min to arguments_max arguments at argv[1]; false when
 * *result is what the program returns: help was printed, or a sentence about the mistake. */
bool kin_command_parse(const kin_command *command, const kin_option *options, int argc, char **argv,
                       int arguments_min, int arguments_max, int *argument_count, kin_exit *result);

/* Says a sentence about how the command is used, and returns KIN_EXIT_USAGE. */
kin_exit kin_command_misused(const kin_command *command, const char *sentence);

/* Says error's sentence and returns KIN_EXIT_FAILED. */
kin_exit kin_command_failed(const kin_error *error);

/* Writes text to standard output. KIN_IO if that is full or closed. */
KIN_MUST_USE kin_status kin_command_print(const void *text, size_t bytes, kin_error *error);

#endif
