#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "worker/decode/decode_wire.h"
#include "worker/decode/sandbox.h"

/* A probe returns whether what it tried was possible. */
typedef bool probe_function(void);

static bool try_open(void)
{
    return open("/", O_RDONLY) >= 0;
}

static bool try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool try_fork(void)
{
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child > 0;
}

static bool try_execute(void)
{
    char *arguments[] = {"true", NULL};
    execv("/bin/true", arguments);
    return false;
}

static bool try_kill(void)
{
    return kill(getppid(), 0) == 0;
}

static bool try_memory(void)
{
    void *volatile memory = malloc((size_t)KIN_DECODE_ADDRESS_SPACE_BYTES / 512 * 600);
    bool taken = memory != NULL;
    free(memory);
    return taken;
}

/* With Landlock alone, since seccomp would not let it come to that; a call that needs no
 * descriptor, since there are none left. */
static bool try_file(void)
{
    static const char path[] = "/tmp/.kindred-sandbox-test";
    if (symlink("nowhere", path) != 0) return errno != EACCES;
    unlink(path);
    return true;
}

typedef enum expectation {
    KILLED,  /* by seccomp */
    REFUSED, /* the call fails and the process goes on */
} expectation;

typedef struct probe {
    probe_function *attempt;
    const char *what;
    expectation expected;
    bool files_only; /* enters Landlock alone */
} probe;

static const probe probes[] = {
    {try_open, "open a file", KILLED, false},
    {try_socket, "open a socket", KILLED, false},
    {try_fork, "start a process", KILLED, false},
    {try_execute, "run a program", KILLED, false},
    {try_kill, "signal a process", KILLED, false},
    {try_memory, "take 600 MB of memory", REFUSED, false},
    {try_file, "make a file in spite of Landlock", REFUSED, true},
};
#define PROBES (sizeof probes / sizeof *probes)

enum { EXIT_STOPPED = 0, EXIT_POSSIBLE = 1 };

/* In the forked process. */
static _Noreturn void run(const probe *p, const kin_sandbox *sandbox)
{
    bool landlocked = false;
    kin_status status =
        p->files_only ? kin_sandbox_limit_files(&landlocked) : kin_sandbox_enter(sandbox);
    if (status != KIN_OK) _exit(KIN_WIRE_EXIT_NO_SANDBOX);
    if (p->files_only && !landlocked) _exit(EXIT_STOPPED);
    _exit(p->attempt() ? EXIT_POSSIBLE : EXIT_STOPPED);
}

static kin_status judge(const probe *p, int status, kin_error *error)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == KIN_WIRE_EXIT_NO_SANDBOX)
        return kin_fail(error, KIN_UNAVAILABLE,
                        "the kernel refuses the decoder's sandbox (seccomp, Landlock or limits)");
    bool stopped = p->expected == KILLED ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
                                         : WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STOPPED;
    if (stopped) return KIN_OK;
    return kin_fail(error, KIN_UNAVAILABLE,
                    "the decoder's sandbox does not hold: a process in it could %s", p->what);
}

kin_status kin_sandbox_test(const kin_sandbox *sandbox, kin_error *error)
{
    pid_t children[PROBES];
    kin_status result = KIN_OK;
    for (size_t i = 0; i < PROBES; i++) {
        bool skipped = KIN_SANDBOX_SANITIZED && !probes[i].files_only;
        children[i] = skipped ? -1 : fork();
        if (children[i] == 0) run(&probes[i], sandbox);
        if (children[i] < 0 && !skipped)
            result = kin_fail(error, KIN_IO, "cannot fork: %s", strerror(errno));
    }
    for (size_t i = 0; i < PROBES; i++) { /* all are waited for, whatever came out */
        int status = 0;
        if (children[i] <= 0) continue;
        if (waitpid(children[i], &status, 0) != children[i])
            result = kin_fail(error, KIN_IO, "cannot wait: %s", strerror(errno));
        else if (result == KIN_OK)
            result = judge(&probes[i], status, error);
    }
    return result;
}
