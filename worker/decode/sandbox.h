/* The walls around the child that parses pictures, and the proof that they stand. */
#ifndef WORKER_DECODE_SANDBOX_H
#define WORKER_DECODE_SANDBOX_H

#include <stddef.h>

/* Puts this process into the sandbox for good: limits, no file system (Landlock where the kernel
 * has it), and a list of the system calls that decoding needs (seccomp); any other call kills it.
 * text [bytes] says what could not be done. Returns 0, or -1. */
int kin_sandbox_enter(char *text, size_t bytes);

/* Forks children that enter the sandbox and try what is forbidden; 0 if every one was stopped, else
 * -1 and text says what got through. */
int kin_sandbox_prove(char *text, size_t bytes);

#endif
