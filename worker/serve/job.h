/* One request of the coordinator on its way through a worker's threads. */
#ifndef WORKER_SERVE_JOB_H
#define WORKER_SERVE_JOB_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/queue.h"
#include "common/base/status.h"
#include "proto/message.h"

/* Made and recycled by the main thread; whoever took it from a queue has it to himself. */
typedef struct kin_job {
    kin_buffer body;     /* the request's bytes */
    kin_message message; /* parsed; borrows body */
    int64_t deadline_ns; /* kin_clock_ns time; INT64_MAX for none */
    kin_buffer reply;    /* bytes to send */
    struct kin_job *next;
} kin_job;

/* Finished jobs on their way back to the main thread, which polls the descriptor. Any thread puts,
 * one takes. */
typedef struct kin_job_returns {
    kin_queue *queue;
    int descriptor; /* eventfd, readable while there is something to take */
} kin_job_returns;

/* capacity: of all jobs there can be at once, so that putting back never fails. */
KIN_MUST_USE kin_status kin_job_returns_init(kin_job_returns *returns, uint32_t capacity,
                                             kin_error *error);
void kin_job_returns_fini(kin_job_returns *returns);

/* With its reply, or with an error as reply. */
void kin_job_return(kin_job_returns *returns, kin_job *job);
void kin_job_fail(kin_job_returns *returns, kin_job *job, const kin_error *error);

/* NULL once there is none. */
kin_job *kin_job_returned(kin_job_returns *returns);

/* Fails the job, true, if nobody waits for it any more. */
bool kin_job_is_late(kin_job_returns *returns, kin_job *job);

#endif
