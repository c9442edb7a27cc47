/* kindred: what a person types. `kindred X` runs the command X of this program, else the program
 * kindred-X. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "coordinator/client/commands.h"

static const kin_command index_command = {
    .name = "index", .summary = "builds an index of pictures; under mpirun, on many machines"};
static const kin_command plan_command = {
    .name = "plan", .summary = "says what an index will take: time, memory, disk"};
static const kin_command verify_command = {
    .name = "verify", .summary = "checks every byte and sum of an index, or explains a file"};
static const kin_command eval_command = {
    .name = "eval", .summary = "measures how well codes find what belongs together"};
static const kin_command atlas_command = {.name = "atlas",
                                          .summary = "draws what each bit of the code sees"};
static const kin_command coordinator_command = {
    .name = "coordinator", .summary = "the daemon that is asked; for a cluster"};
static const kin_command worker_command = {
    .name = "worker", .summary = "the daemon that holds shards; for a cluster"};

/* In the order of a newcomer's day. */
static const kin_command *const commands[] = {
    &plan_command,        &index_command,  &kin_search_command,   &kin_bucket_command,
    &kin_info_command,    &verify_command, &kin_serve_command,    &kin_status_command,
    &kin_keygen_command,  &eval_command,   &kin_classify_command, &atlas_command,
    &coordinator_command, &worker_command,
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* A name that is farther than this from every command is not a slip of the fingers. */
#define SUGGESTION_EDITS_MAX 2

static const kin_command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

static void append_overview(kin_buffer *out)
{
    kin_buffer_append_string(out, "usage: kindred COMMAND ...\n\n"
                                  "Finds kindred pictures: what looks like this?\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        kin_buffer_printf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    kin_buffer_append_string(out, "\nkindred help COMMAND says more about one; kindred X runs "
                                  "kindred-X where that is a\nprogram of its own.\n\n"
                                  "example: kindred index build -o my-index my-pictures\n"
                                  "         kindred search my-index cat.jpg --sheet cat.png\n");
}

static kin_exit print_overview(void)
{
    kin_buffer text = {0};
    kin_error error = {0};
    append_overview(&text);
    kin_status status = kin_command_print(text.data, text.bytes, &error);
    kin_buffer_fini(&text);
    return status == KIN_OK ? KIN_EXIT_DONE : kin_command_failed(&error);
}

static kin_exit unknown(const char *name)
{
    const kin_command *nearest = NULL;
    int least = SUGGESTION_EDITS_MAX + 1;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int edits = kin_text_edit_distance(name, commands[i]->name);
        if (edits < least) {
            least = edits;
            nearest = commands[i];
        }
    }
    if (nearest != NULL)
        kin_log(KIN_LOG_ERROR, "there is no command '%s'; did you mean kindred %s?", name,
                nearest->name);
    else
        kin_log(KIN_LOG_ERROR, "there is no command '%s'; kindred help lists them", name);
    return KIN_EXIT_USAGE;
}

/* Becomes the program kindred-NAME with these arguments; returns where there is none. */
static kin_exit run_program(const char *name, char **argv)
{
    kin_error error = {0};
    char *program = kin_sprintf("kindred-%s", name), *path = NULL;
    kin_exit result;
    if (strchr(name, '/') != NULL || kin_program_path(program, &path, &error) != KIN_OK) {
        result = find(name) != NULL ? kin_command_failed(&error) : unknown(name);
    } else {
        argv[0] = path;
        execv(path, argv);
        kin_log(KIN_LOG_ERROR, "cannot start %s", path);
        result = KIN_EXIT_FAILED;
    }
    free(program);
    free(path);
    return result;
}

static kin_exit run(const char *name, int argc, char **argv)
{
    const kin_command *command = find(name);
    bool other = command == NULL || command->run == NULL ||
                 (command->is_meant != NULL && !command->is_meant(argc, argv));
    if (other) return run_program(name, argv);
    return command->run(argc, argv);
}

int main(int argc, char **argv)
{
    kin_log_init("kindred", KIN_LOG_INFO);
    if (argc < 2) {
        print_overview();
        return KIN_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        printf("kindred %s\n", KIN_KINDRED_VERSION);
        return KIN_EXIT_DONE;
    }
    bool help = strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    if (help && argc == 2) return print_overview();
    if (help) { /* kindred help X is kindred X --help */
        char option[] = "--help";
        char *arguments[] = {argv[0], option, NULL};
        return run(argv[2], 2, arguments);
    }
    return run(name, argc - 1, argv + 1);
}
