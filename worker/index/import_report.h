/* What an import is planned to take, and what it took. */
#ifndef WORKER_INDEX_IMPORT_REPORT_H
#define WORKER_INDEX_IMPORT_REPORT_H

#include "worker/index/import_state.h"

/* What is known once the source is open; task_rows not set. */
kin_import_facts kin_import_report_facts(const kin_import_state *import);

/* Rank 0, before the first pass: import->expected. Others: nothing. */
void kin_import_report_plan(kin_import_state *import);

/* Rank 0: prints plan and fact; writes the report that was asked for. ns: of make, look, gather,
 * sort, write and complete, sums over ranks; memory: of the rank that took most. */
void kin_import_report_finish(const kin_import_state *import, const uint64_t ns[6],
                              uint64_t memory);

#endif
