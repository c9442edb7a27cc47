/* What reports of builds, imports and learning share. */
#ifndef WORKER_INDEX_REPORT_H
#define WORKER_INDEX_REPORT_H

#include "worker/plan/plan.h"

/* Of this process, as the launcher says: ranks on this machine (1 without a launcher); its cores.
 */
uint32_t kin_report_local_ranks(void);
uint32_t kin_report_cores(void);

/* Bytes of all regular files in a folder and those within; 0 where it cannot be read. */
uint64_t kin_report_folder_bytes(const char *folder);

/* Prints the lines of kin_plan_compare. */
void kin_report_compare(const kin_plan *plan, const kin_plan *fact);

/* Writes the figures of what was learned from `count` vectors; path NULL: nobody wants them. */
void kin_report_learned(const char *path, uint64_t count, double seconds);

/* Writes figures, or warns: a report that cannot be written ends no job. */
void kin_report_write(const kin_figures *figures, const char *path);

#endif
