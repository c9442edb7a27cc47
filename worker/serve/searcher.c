#include "worker/serve/searcher.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/serve/batch_search.h"
#include "worker/serve/scan_batch.h"
#include "worker/serve/score.h"
#include "worker/serve/stored_thumbnails.h"

/* One thread, and what it tells of itself: written by it, read by the main thread. */
typedef struct searcher {
    struct kin_searchers *all;
    pthread_t thread;
    _Atomic uint64_t figures[KIN_FIGURES];
} searcher;

struct kin_searchers {
    kin_queue *queue;
    kin_holding *holding;
    kin_job_returns *returns;
    uint32_t recheck_every;
    uint32_t count;
    searcher *threads; /* [count] */
};

/* What a thread works with. */
typedef struct searcher_tools {
    kin_recheck *recheck;
    kin_scan_batch *scans;
    kin_batch_search *batches;
} searcher_tools;

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

static void add_counters(uint64_t *figures, const kin_search_counters *counters)
{
    if (counters == NULL) return;
    figures[KIN_FIGURE_BY_TABLES] += counters->queries[KIN_SEARCH_TABLES];
    figures[KIN_FIGURE_BY_SCAN] += counters->queries[KIN_SEARCH_SCAN];
    figures[KIN_FIGURE_ENTRIES] += counters->entries;
    figures[KIN_FIGURE_BUCKETS] += counters->buckets;
    for (int i = 0; i < KIN_SEARCH_RATIOS; i++)
        figures[KIN_FIGURE_RATIOS + i] += counters->ratios[i];
}

static void tell_figures(searcher *self, const searcher_tools *tools)
{
    uint64_t figures[KIN_FIGURES] = {0};
    add_counters(figures, kin_scan_batch_counters(tools->scans));
    add_counters(figures, kin_batch_search_counters(tools->batches));
    kin_recheck_counts(tools->recheck, &figures[KIN_FIGURE_CHECKS],
                       &figures[KIN_FIGURE_MISMATCHES]);
    for (int i = 0; i < KIN_FIGURES; i++)
        atomic_store_explicit(&self->figures[i], figures[i], memory_order_relaxed);
}

/* The next job; while there is none, answers are looked at again. */
static kin_job *next_job(searcher *self, const searcher_tools *tools)
{
    kin_job *job;
    while (kin_recheck_waits(tools->recheck)) {
        if ((job = kin_queue_try_pop(self->all->queue, NULL, NULL)) != NULL) return job;
        kin_recheck_run(tools->recheck, self->all->holding);
        tell_figures(self, tools);
    }
    return kin_queue_pop(self->all->queue);
}

static void *search(void *user)
{
    searcher *self = user;
    kin_searchers *all = self->all;
    kin_cpu_level level = kin_cpu_level_get();
    searcher_tools tools = {.recheck = kin_recheck_new(level, all->recheck_every)};
    tools.scans = kin_scan_batch_new(level, tools.recheck);
    tools.batches = kin_batch_search_new(level);
    kin_job *job;
    while ((job = next_job(self, &tools)) != NULL) {
        if (kin_job_is_late(all->returns, job)) continue;
        if (job->message.type == KIN_MESSAGE_SCAN)
            scan_with_others(all, tools.scans, job);
        else if (job->message.type == KIN_MESSAGE_BATCH)
            kin_batch_search_run(tools.batches, job, all->holding, all->returns);
        else if (job->message.type == KIN_MESSAGE_SCORE)
            kin_score_run(job, all->holding, all->returns);
        else
            kin_stored_thumbnails_answer(job, all->holding, all->returns);
        tell_figures(self, &tools);
    }
    kin_batch_search_destroy(&tools.batches);
    kin_scan_batch_destroy(&tools.scans);
    kin_recheck_destroy(&tools.recheck);
    return NULL;
}

kin_status kin_searchers_start(kin_searchers **searchers, uint32_t threads, uint32_t recheck_every,
                               kin_queue *queue, kin_holding *holding, kin_job_returns *returns,
                               kin_error *error)
{
    kin_searchers *made = kin_calloc(1, sizeof *made);
    made->queue = queue;
    made->holding = holding;
    made->returns = returns;
    made->recheck_every = recheck_every;
    made->threads = kin_calloc(threads, sizeof *made->threads);
    *searchers = made;
    while (made->count < threads) {
        searcher *next = &made->threads[made->count];
        next->all = made;
        int failure = pthread_create(&next->thread, NULL, search, next);
        if (failure != 0)
            return kin_fail(error, KIN_IO, "cannot start %u threads: %s", threads,
                            strerror(failure));
        made->count++;
    }
    return KIN_OK;
}

void kin_searchers_figures(const kin_searchers *searchers, uint64_t figures[KIN_FIGURES])
{
    memset(figures, 0, KIN_FIGURES * sizeof *figures);
    for (uint32_t t = 0; t < searchers->count; t++)
        for (int i = 0; i < KIN_FIGURES; i++)
            figures[i] +=
                atomic_load_explicit(&searchers->threads[t].figures[i], memory_order_relaxed);
}

void kin_searchers_join(kin_searchers **searchers)
{
    if (*searchers == NULL) return;
    for (uint32_t i = 0; i < (*searchers)->count; i++)
        pthread_join((*searchers)->threads[i].thread, NULL);
    free((*searchers)->threads);
    free(*searchers);
    *searchers = NULL;
}
