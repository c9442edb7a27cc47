#include "worker/plan/rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/stop.h"

#define LAUNCHER "mpirun"
#define LOG_BYTES_MAX ((size_t)1 << 20)
#define POLL_MS 10

void kin_words_add(kin_words *words, const char *word)
{
    KIN_CHECK(words->count < KIN_REHEARSAL_WORDS_MAX);
    words->word[words->count++] = kin_strdup(word);
}

void kin_words_add_option(kin_words *words, const char *option, const char *value)
{
    if (value == NULL) return;
    kin_words_add(words, option);
    kin_words_add(words, value);
}

void kin_words_fini(kin_words *words)
{
    for (uint32_t i = 0; i < words->count; i++)
        free(words->word[i]);
    *words = (kin_words){0};
}

kin_status kin_scratch_make(char **folder, const char *near, kin_error *error)
{
    char *parent = kin_strdup(*near != 0 ? near : ".");
    while (!kin_path_is_directory(parent)) { /* it will be made: its disk is that of a parent */
        char *slash = strrchr(parent, '/');
        if (slash == NULL || slash == parent) {
            free(parent);
            parent = kin_strdup(slash == NULL ? "." : "/");
            break;
        }
        *slash = 0;
    }
    char *made = kin_path_join(parent, ".kindred-plan-XXXXXX");
    kin_status status = KIN_OK;
    if (mkdtemp(made) == NULL)
        status = kin_fail(error, KIN_IO,
                          "cannot make a scratch folder in %s: %s; say by -o where the index will "
                          "be",
                          parent, strerror(errno));
    free(parent);
    *folder = status == KIN_OK ? made : NULL;
    if (status != KIN_OK) free(made);
    return status;
}

bool kin_rehearsal_has_ranks(void)
{
    const char *path = getenv("PATH");
    while (path != NULL && *path != 0) {
        size_t bytes = strcspn(path, ":");
        char *file = kin_sprintf("%.*s/" LAUNCHER, (int)bytes, path);
        bool there = access(file, X_OK) == 0;
        free(file);
        if (there) return true;
        path += bytes + (path[bytes] == ':');
    }
    return false;
}

/* The child's side: never returns. */
_Noreturn static void become(char *const *words, const char *log)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int said = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(nothing, 0) == 0 && dup2(said, 1) == 1 && dup2(said, 2) == 2) execvp(words[0], words);
    _exit(127);
}

/* Its exit code; a stop that is requested is passed on. */
static int wait_for(pid_t child)
{
    int state;
    bool told = false;
    for (;;) {
        pid_t ended = waitpid(child, &state, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR)) break;
        if (kin_stop_requested() && !told) told = kill(child, SIGTERM) == 0;
        kin_sleep_ms(POLL_MS);
    }
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128;
}

/* The last line that it said, of those with a word in it: without the program's name. */
static kin_status fail_as_it_said(const char *log, kin_error *error)
{
    kin_buffer text = {0};
    const char *name = "kindred-index: ", *best = NULL;
    if (kin_file_read(log, LOG_BYTES_MAX, &text, NULL) == KIN_OK) {
        kin_buffer_append_byte(&text, 0);
        for (char *line = strtok((char *)text.data, "\n"); line != NULL; line = strtok(NULL, "\n"))
            if (strncmp(line, name, strlen(name)) == 0)
                best = line + strlen(name);
            else if (best == NULL && strlen(line) > 3 && line[0] != '-')
                best = line;
    }
    kin_status status =
        kin_fail(error, KIN_BAD_INPUT, "a small job fails: %s",
                 best != NULL ? best : "kindred-index said nothing; is it beside this program?");
    kin_buffer_fini(&text);
    return status;
}

static kin_status read_report(const char *path, kin_figures *report, kin_error *error)
{
    kin_buffer bytes = {0};
    kin_status status = kin_file_read(path, KIN_FIGURES_FILE_BYTES_MAX, &bytes, error);
    if (status == KIN_OK) status = kin_figures_parse(report, bytes.data, bytes.bytes, path, error);
    kin_buffer_fini(&bytes);
    return status;
}

kin_status kin_rehearse(const char *scratch, uint32_t ranks, const kin_words *words,
                        kin_figures *report, kin_error *error)
{
    kin_words all = {0};
    char *program, number[16], *log = kin_path_join(scratch, "log");
    char *path = kin_path_join(scratch, "report");
    *report = (kin_figures){0};
    kin_status status = kin_program_path("kindred-index", &program, error);
    if (status == KIN_OK) {
        snprintf(number, sizeof number, "%u", (unsigned)ranks);
        if (ranks > 1) {
            kin_words_add(&all, LAUNCHER);
            kin_words_add(&all, "--oversubscribe");
            kin_words_add_option(&all, "-n", number);
        }
        kin_words_add(&all, program);
        free(program);
        kin_words_add(&all, words->word[0]);
        kin_words_add_option(&all, "--report", path);
        for (uint32_t i = 1; i < words->count; i++)
            kin_words_add(&all, words->word[i]);
        if (geteuid() == 0) { /* whoever is root here may have small jobs of his own */
            (void)setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
            (void)setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
        }
        pid_t child = fork();
        if (child == 0) become(all.word, log);
        if (child < 0)
            status =
                kin_fail(error, KIN_UNAVAILABLE, "cannot start a process: %s", strerror(errno));
        else if (wait_for(child) != 0)
            status = kin_stop_requested() ? kin_fail(error, KIN_UNAVAILABLE, "stopped")
                                          : fail_as_it_said(log, error);
    }
    if (status == KIN_OK) status = read_report(path, report, error);
    kin_words_fini(&all);
    free(log);
    free(path);
    return status;
}
