/* The process between a program and its sandboxed child: never sees a byte of a picture, and forks
 * in the program's place. Ends when the program does. */
#ifndef WORKER_DECODE_LAUNCHER_H
#define WORKER_DECODE_LAUNCHER_H

#include <stdbool.h>

/* Descriptors that kin_decoder_open made; decode_wire.h says what is spoken on them. */
typedef struct kin_launcher_options {
    int control, work, memory;
    bool sandboxed;
} kin_launcher_options;

/* Tests the sandbox, then keeps one child alive until the control socket is closed. Returns the
 * exit status of the process. */
int kin_launcher_run(const kin_launcher_options *options);

#endif
