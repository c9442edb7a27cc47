/* The whole job, from sources to a published generation. */
#ifndef WORKER_INDEX_BUILD_JOB_H
#define WORKER_INDEX_BUILD_JOB_H

#include "worker/index/build_options.h"

/* Runs on every rank; starts and ends MPI. Returns the exit code; failures on the way end the
 * program with 1 from within. */
int kin_build_run(const kin_build_options *options);

#endif
