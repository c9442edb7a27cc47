/* How many rows the tasks of an import have. */
#ifndef WORKER_INDEX_IMPORT_TASK_ROWS_H
#define WORKER_INDEX_IMPORT_TASK_ROWS_H

#include "worker/index/import_state.h"

/* Rank 0: task_rows, so that tasks fit the memory of a rank, and all ranks have something to do;
 * those that the unfinished import began with, where there is one. KINDRED_IMPORT_ROWS in the
 * environment overrides it, for tests. Ends the job where it fails. */
void kin_import_task_rows(kin_import_state *import);

#endif
