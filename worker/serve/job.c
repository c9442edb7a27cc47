#include "worker/serve/job.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"

kin_status kin_job_returns_init(kin_job_returns *returns, uint32_t capacity, kin_error *error)
{
    returns->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (returns->descriptor < 0)
        return kin_fail(error, KIN_IO, "cannot make an eventfd: %s", strerror(errno));
    returns->queue = kin_queue_new(capacity);
    return KIN_OK;
}

void kin_job_returns_fini(kin_job_returns *returns)
{
    if (returns->queue == NULL) return;
    kin_queue_destroy(&returns->queue);
    close(returns->descriptor);
}

void kin_job_return(kin_job_returns *returns, kin_job *job)
{
    const uint64_t one = 1;
    KIN_CHECK(kin_queue_push(returns->queue, job));
    KIN_CHECK(write(returns->descriptor, &one, sizeof one) == sizeof one);
}

void kin_job_fail(kin_job_returns *returns, kin_job *job, const kin_error *error)
{
    kin_message_build_error(job->message.request, error, &job->reply);
    kin_job_return(returns, job);
}

kin_job *kin_job_returned(kin_job_returns *returns)
{
    kin_job *job = kin_queue_try_pop(returns->queue, NULL, NULL);
    if (job != NULL) return job;
    /* Reset first, then look again: a job put between the two is not slept over. */
    uint64_t count;
    ssize_t ignored = read(returns->descriptor, &count, sizeof count);
    (void)ignored;
    return kin_queue_try_pop(returns->queue, NULL, NULL);
}

bool kin_job_is_late(kin_job_returns *returns, kin_job *job)
{
    kin_error error = {0};
    if (kin_clock_ns() < job->deadline_ns) return false;
    (void)kin_fail(&error, KIN_DEADLINE, "the worker did not come to it in time");
    kin_job_fail(returns, job, &error);
    return true;
}
