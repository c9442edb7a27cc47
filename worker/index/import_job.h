/* kindred-index import: codes that another program made become a generation of an index. */
#ifndef WORKER_INDEX_IMPORT_JOB_H
#define WORKER_INDEX_IMPORT_JOB_H

#include "worker/index/import_options.h"

/* Runs the job on this rank; the exit code. */
int kin_import_run(const kin_import_options *options);

#endif
