/* The launcher: keeps one sandboxed child alive, and never looks at a picture. */
#ifndef WORKER_DECODE_LAUNCHER_H
#define WORKER_DECODE_LAUNCHER_H

#include <stdbool.h>

/* Runs until the parent closes its control socket, or ends. Descriptors as in decode_wire.h.
 * Returns the exit status. */
int kin_launcher_run(int control, int work, int memory, bool sandbox);

#endif
