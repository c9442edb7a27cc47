#include "worker/decode/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/memory.h"

struct kin_sandbox {
    scmp_filter_ctx filter;
};

/* All that decoding needs: memory, the socket, the clock, the end. Any other call kills. */
static const int allowed[] = {
    SCMP_SYS(sendto),       SCMP_SYS(recvfrom), SCMP_SYS(munmap),     SCMP_SYS(mremap),
    SCMP_SYS(brk),          SCMP_SYS(madvise),  SCMP_SYS(futex),      SCMP_SYS(clock_gettime),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(exit),     SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
};

/* Memory may be asked for, but never memory that runs. */
static const int allowed_unless_executable[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

kin_status kin_sandbox_new(kin_sandbox **sandbox, kin_error *error)
{
    *sandbox = kin_calloc(1, sizeof **sandbox);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int failed = filter == NULL ? -ENOMEM : 0;
    for (size_t i = 0; failed == 0 && i < sizeof allowed / sizeof *allowed; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0;
         failed == 0 && i < sizeof allowed_unless_executable / sizeof *allowed_unless_executable;
         i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_unless_executable[i], 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    (*sandbox)->filter = filter;
    if (failed == 0) return KIN_OK;
    kin_sandbox_destroy(sandbox);
    return kin_fail(error, KIN_UNAVAILABLE, "cannot build the decoder's seccomp filter: %s",
                    strerror(-failed));
}

void kin_sandbox_destroy(kin_sandbox **sandbox)
{
    if (*sandbox == NULL) return;
    if ((*sandbox)->filter != NULL) seccomp_release((*sandbox)->filter);
    free(*sandbox);
    *sandbox = NULL;
}

static int limit(__rlimit_resource_t resource, rlim_t value)
{
    return setrlimit(resource, &(struct rlimit){.rlim_cur = value, .rlim_max = value});
}

kin_status kin_sandbox_limit_resources(void)
{
    /* One arena: glibc would make others when memory runs out, and look at /sys for that. Pages of
     * small and middle-sized pictures are kept for the next one. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    if (limit(RLIMIT_CORE, 0) != 0 || limit(RLIMIT_FSIZE, 0) != 0) return KIN_UNAVAILABLE;
    if (KIN_SANDBOX_SANITIZED) return KIN_OK;
    if (limit(RLIMIT_NOFILE, 0) != 0 || limit(RLIMIT_AS, KIN_DECODE_ADDRESS_SPACE_BYTES) != 0)
        return KIN_UNAVAILABLE;
    return KIN_OK;
}

/* What a ruleset takes away, by version of Landlock; the headers of Debian 12 know version 2. */
typedef struct ruleset {
    uint64_t files, network, scope;
} ruleset;

static int landlock_restrict(void)
{
    long version =
        syscall(__NR_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return 0; /* a kernel without it */
    ruleset everything = {.files = 0x1fff};
    size_t bytes = sizeof everything.files;
    if (version >= 2) everything.files |= 1u << 13; /* linking and renaming across folders */
    if (version >= 3) everything.files |= 1u << 14; /* truncating */
    if (version >= 4) {                             /* binding and connecting TCP */
        everything.network = 3;
        bytes += sizeof everything.network;
    }
    if (version >= 5) everything.files |= 1u << 15; /* ioctl on devices */
    if (version >= 6) {                             /* abstract sockets, signals */
        everything.scope = 3;
        bytes += sizeof everything.scope;
    }
    int rules = (int)syscall(__NR_landlock_create_ruleset, &everything, bytes, 0u);
    if (rules < 0) return -1;
    long failed = syscall(__NR_landlock_restrict_self, rules, 0u);
    close(rules);
    return failed == 0 ? 1 : -1;
}

kin_status kin_sandbox_limit_files(bool *landlocked)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return KIN_UNAVAILABLE;
    int result = landlock_restrict();
    *landlocked = result == 1;
    return result < 0 ? KIN_UNAVAILABLE : KIN_OK;
}

kin_status kin_sandbox_enter(const kin_sandbox *sandbox)
{
    bool landlocked;
    kin_status status = kin_sandbox_limit_files(&landlocked);
    if (status == KIN_OK) status = kin_sandbox_limit_resources(); /* no descriptors from here on */
    if (status != KIN_OK || KIN_SANDBOX_SANITIZED) return status;
    return seccomp_load(sandbox->filter) == 0 ? KIN_OK : KIN_UNAVAILABLE;
}
