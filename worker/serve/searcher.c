#include "worker/serve/searcher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/serve/scan_batch.h"
#include "worker/serve/stored_thumbnails.h"

struct kin_searchers {
    kin_queue *queue;
    kin_holding *holding;
    kin_job_returns *returns;
    uint32_t count;
    pthread_t *threads; /* [count] */
};

static bool matches(const void *item, const void *like)
{
    return kin_scan_batch_matches(item, like);
}

static void scan_with_others(kin_searchers *searchers, kin_scan_batch *batch, kin_job *job)
{
    kin_job *jobs[KIN_SEARCH_QUERIES_PER_PASS] = {job}, *more;
    uint32_t count = 1;
    while (count < KIN_SEARCH_QUERIES_PER_PASS &&
           (more = kin_queue_try_pop(searchers->queue, matches, job)) != NULL)
        if (!kin_job_is_late(searchers->returns, more)) jobs[count++] = more;
    kin_scan_batch_run(batch, jobs, count, searchers->holding, searchers->returns);
}

static void *search(void *user)
{
    kin_searchers *searchers = user;
    kin_scan_batch *batch = kin_scan_batch_new(kin_cpu_level_get());
    kin_job *job;
    while ((job = kin_queue_pop(searchers->queue)) != NULL) {
        if (kin_job_is_late(searchers->returns, job)) continue;
        if (job->message.type == KIN_MESSAGE_SCAN)
            scan_with_others(searchers, batch, job);
        else
            kin_stored_thumbnails_answer(job, searchers->holding, searchers->returns);
    }
    kin_scan_batch_destroy(&batch);
    return NULL;
}

kin_status kin_searchers_start(kin_searchers **searchers, uint32_t threads, kin_queue *queue,
                               kin_holding *holding, kin_job_returns *returns, kin_error *error)
{
    kin_searchers *made = kin_calloc(1, sizeof *made);
    made->queue = queue;
    made->holding = holding;
    made->returns = returns;
    made->threads = kin_calloc(threads, sizeof *made->threads);
    *searchers = made;
    while (made->count < threads) {
        int failure = pthread_create(&made->threads[made->count], NULL, search, made);
        if (failure != 0)
            return kin_fail(error, KIN_IO, "cannot start %u threads: %s", threads,
                            strerror(failure));
        made->count++;
    }
    return KIN_OK;
}

void kin_searchers_join(kin_searchers **searchers)
{
    if (*searchers == NULL) return;
    for (uint32_t i = 0; i < (*searchers)->count; i++)
        pthread_join((*searchers)->threads[i], NULL);
    free((*searchers)->threads);
    free(*searchers);
    *searchers = NULL;
}
