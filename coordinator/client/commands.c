#include "coordinator/client/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

kin_exit kin_command_failed(const kin_error *error)
{
    kin_log(KIN_LOG_ERROR, "%s", error->text);
    return KIN_EXIT_FAILED;
}

kin_exit kin_command_misused(const kin_command *command, const char *sentence)
{
    if (strstr(sentence, "--help") != NULL)
        kin_log(KIN_LOG_ERROR, "%s", sentence);
    else
        kin_log(KIN_LOG_ERROR, "%s; see kindred %s --help", sentence, command->name);
    return KIN_EXIT_USAGE;
}

kin_status kin_command_print(const void *text, size_t bytes, kin_error *error)
{
    if (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout) != 0)
        return kin_fail(error, KIN_IO, "cannot write to standard output: %s", strerror(errno));
    return KIN_OK;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

bool kin_command_parse(const kin_command *command, const kin_option *options, int argc, char **argv,
                       int arguments_min, int arguments_max, int *argument_count, kin_exit *result)
{
    kin_error error = {0};
    if (asks_for_help(argc, argv)) {
        *result = KIN_EXIT_DONE;
        if (kin_command_print(command->help, strlen(command->help), &error) != KIN_OK)
            *result = kin_command_failed(&error);
        return false;
    }
    *result = KIN_EXIT_USAGE;
    if (kin_options_parse(options, argc, argv, argument_count, &error) != KIN_OK) {
        kin_command_misused(command, error.text);
        return false;
    }
    if (*argument_count < arguments_min || *argument_count > arguments_max) {
        kin_command_misused(command, *argument_count < arguments_min ? "an argument is missing"
                                                                     : "too many arguments");
        return false;
    }
    return true;
}
