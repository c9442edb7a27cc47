/* How far a long job is, on standard error: a line that is redrawn on a terminal, a line every ten
 * seconds elsewhere. One thread. */
#ifndef COMMON_BASE_PROGRESS_H
#define COMMON_BASE_PROGRESS_H

#include <stdint.h>

typedef struct kin_progress kin_progress;

kin_progress *kin_progress_new(void);
/* Ends the line that is being redrawn. */
void kin_progress_destroy(kin_progress **progress);

/* A stage begins ("reading pictures"): total things, of which done were done before. total 0: the
 * stage counts no things, but fractions. what is borrowed. */
void kin_progress_begin(kin_progress *progress, const char *what, uint64_t total, uint64_t done);

/* So many are done now, those before the stage included, and so many of them were rejected. Cheap:
 * draws a few times a second at most. */
void kin_progress_update(kin_progress *progress, uint64_t done, uint64_t rejected);
void kin_progress_fraction(kin_progress *progress, double fraction);

/* Takes the redrawn line away, so that another line can be printed. */
void kin_progress_clear(kin_progress *progress);

#endif
