/* SIGTERM and SIGINT as a question that loops ask. */
#ifndef COMMON_BASE_STOP_H
#define COMMON_BASE_STOP_H

#include <stdbool.h>

/* Installs handlers for SIGTERM and SIGINT (without SA_RESTART, so that waits end) and ignores
 * SIGPIPE. A second signal kills at once. */
void kin_stop_init(void);

bool kin_stop_requested(void);

/* Readable once a stop was requested: for poll loops. -1 before kin_stop_init. */
int kin_stop_descriptor(void);

#endif
