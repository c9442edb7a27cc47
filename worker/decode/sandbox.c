#include "worker/decode/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/limits.h"

/* Sanitizers need shadow memory and calls of their own; such builds go without these two walls. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int set_limits(char *text, size_t bytes)
{
    static const struct {
        int resource;
        rlim_t limit;
        const char *name;
    } limits[] = {
        {RLIMIT_CORE, 0, "core dumps"},
        {RLIMIT_FSIZE, 0, "file size"},
        {RLIMIT_NOFILE, 0, "new descriptors"},
        {RLIMIT_AS, KIN_DECODE_ADDRESS_SPACE_BYTES, "address space"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (SANITIZED && limits[i].resource == RLIMIT_AS) continue;
        struct rlimit limit = {limits[i].limit, limits[i].limit};
        if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit) != 0) {
            snprintf(text, bytes, "the limit on %s: %s", limits[i].name, strerror(errno));
            return -1;
        }
    }
    return 0;
}

/* Every kind of access of the first version, handled and granted nowhere. Kernels without Landlock
 * are left to seccomp. */
static int close_file_system(char *text, size_t bytes)
{
    struct landlock_ruleset_attr attributes = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                             LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                             LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                             LANDLOCK_ACCESS_FS_MAKE_SYM};
    long rules = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (rules < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) return 0;
    if (rules < 0 || syscall(SYS_landlock_restrict_self, (int)rules, 0) != 0) {
        snprintf(text, bytes, "Landlock: %s", strerror(errno));
        return -1;
    }
    close((int)rules);
    return 0;
}

static int filter_calls(char *text, size_t bytes)
{
    static const int calls[] = {
        SCMP_SYS(read),         SCMP_SYS(write),          SCMP_SYS(recvfrom),
        SCMP_SYS(sendto),       SCMP_SYS(recvmsg),        SCMP_SYS(sendmsg),
        SCMP_SYS(munmap),       SCMP_SYS(mremap),         SCMP_SYS(madvise),
        SCMP_SYS(brk),          SCMP_SYS(futex),          SCMP_SYS(clock_gettime),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),         SCMP_SYS(exit_group)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int result = filter == NULL ? -ENOMEM : 0;
    for (size_t i = 0; result == 0 && i < sizeof calls / sizeof *calls; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    if (result == 0) /* memory, but never memory that can be run */
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (result == 0) result = seccomp_load(filter);
    seccomp_release(filter);
    if (result == 0) return 0;
    snprintf(text, bytes, "seccomp: %s", strerror(-result));
    return -1;
}

int kin_sandbox_enter(char *text, size_t bytes)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        snprintf(text, bytes, "no_new_privs: %s", strerror(errno));
        return -1;
    }
    if (close_file_system(text, bytes) != 0 || set_limits(text, bytes) != 0) return -1;
    return SANITIZED ? 0 : filter_calls(text, bytes);
}

/* What a child must not be able to do; each returns whether it was done. */
static bool try_open(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0;
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
    char *const arguments[] = {(char *)"true", NULL};
    execv("/bin/true", arguments); /* does not come back if it was done: exit status 0 */
    return false;
}

static bool try_kill(void)
{
    return kill(getppid(), 0) == 0;
}

static bool try_memory(void)
{
    void *memory =
        mmap(NULL, 600u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED;
}

/* Statuses of a probe that came to its end: what it tried was done, or was refused. */
enum { PROBE_DONE = 0, PROBE_REFUSED = 3, PROBE_NO_SANDBOX = 4 };

static pid_t start_probe(bool (*probe)(void))
{
    pid_t child = fork();
    if (child != 0) return child;
    char text[1];
    if (kin_sandbox_enter(text, sizeof text) != 0) _exit(PROBE_NO_SANDBOX);
    _exit(probe() ? PROBE_DONE : PROBE_REFUSED);
}

int kin_sandbox_prove(char *text, size_t bytes)
{
    static const struct {
        const char *name;
        bool (*probe)(void);
    } probes[] = {{"opening a file", try_open},
                  {"making a socket", try_socket},
                  {"forking", try_fork},
                  {"starting a program", try_execute},
                  {"signalling a process", try_kill},
                  {"taking 600 MB of memory", try_memory}};
    enum { COUNT = sizeof probes / sizeof *probes };
    if (SANITIZED) return 0;
    pid_t children[COUNT];
    for (int i = 0; i < COUNT; i++)
        children[i] = start_probe(probes[i].probe);
    int result = 0;
    for (int i = 0; i < COUNT; i++) {
        int status = 0;
        bool ended = children[i] > 0 && waitpid(children[i], &status, 0) == children[i];
        bool stopped = ended && (WIFSIGNALED(status) ? WTERMSIG(status) == SIGSYS
                                                     : WEXITSTATUS(status) == PROBE_REFUSED);
        if (stopped || result != 0) continue;
        result = -1;
        if (ended && WIFEXITED(status) && WEXITSTATUS(status) == PROBE_DONE)
            snprintf(text, bytes, "%s was possible inside", probes[i].name);
        else
            snprintf(text, bytes, "it cannot be entered or tried (%s)", probes[i].name);
    }
    return result;
}
