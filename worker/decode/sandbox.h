/* What the child may do: compute, and answer on one socket. No file system (Landlock), no system
 * call beyond a short list (seccomp), 512 MB of address space, no new descriptors, no core files.
 */
#ifndef WORKER_DECODE_SANDBOX_H
#define WORKER_DECODE_SANDBOX_H

#include <stdbool.h>

#include "common/base/status.h"

/* Sanitizers need system calls and terabytes of address space: such a build has limits, Landlock
 * and no more. Never a build that people run. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KIN_SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define KIN_SANDBOX_SANITIZED 1
#endif
#endif
#ifndef KIN_SANDBOX_SANITIZED
#define KIN_SANDBOX_SANITIZED 0
#endif

/* Builds the seccomp filter once, before children are forked that install it. */
typedef struct kin_sandbox kin_sandbox;
KIN_MUST_USE kin_status kin_sandbox_new(kin_sandbox **sandbox, kin_error *error);
void kin_sandbox_destroy(kin_sandbox **sandbox);

/* Limits alone: what --no-sandbox still has. Irreversible. */
KIN_MUST_USE kin_status kin_sandbox_limit_resources(void);

/* Landlock alone, as far as the kernel knows it; *landlocked says whether. Irreversible. */
KIN_MUST_USE kin_status kin_sandbox_limit_files(bool *landlocked);

/* Everything, for the process that calls it. Irreversible. */
KIN_MUST_USE kin_status kin_sandbox_enter(const kin_sandbox *sandbox);

/* Forks processes that enter the sandbox and then try what it forbids. KIN_UNAVAILABLE with a
 * sentence that names what was possible, or why the sandbox could not be entered. */
KIN_MUST_USE kin_status kin_sandbox_test(const kin_sandbox *sandbox, kin_error *error);

#endif
