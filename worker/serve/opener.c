#include "worker/serve/opener.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"

/* Assignments that wait for their turn; the coordinator sends one whenever a worker comes or goes.
 */
#define ASSIGNMENTS_MAX 8

struct kin_opener {
    kin_opener_options options;
    kin_holding *holding;
    kin_job_returns *returns;
    kin_queue *queue;
    atomic_bool stopping;
    pthread_t thread;
    bool listed[KIN_SHARDS_MAX]; /* by the assignment at hand */
    kin_message_shard opened[KIN_SHARDS_MAX];
    char *sentences[KIN_SHARDS_MAX]; /* why a shard is refused; NULL: it is not */
};

static kin_status open_shard(const kin_opener *opener, uint32_t shard, kin_shard_reader **reader,
                             kin_error *error)
{
    const kin_opener_options *options = &opener->options;
    if (shard >= options->shard_count)
        return kin_fail(error, KIN_NOT_FOUND, "%s has %u shards, and none of number %u",
                        options->folder, options->shard_count, shard);
    char *path = kin_path_join(options->folder, options->shards[shard].file);
    kin_status status = options->lazy ? kin_shard_reader_open_lazy(reader, path, error)
                                      : kin_shard_reader_open(reader, path, error);
    if (status == KIN_OK) {
        kin_digest digest = kin_shard_reader_digest(*reader);
        if (!kin_digest_equal(&digest, &options->shards[shard].digest)) {
            status = kin_fail(error, KIN_MISMATCH,
                              "%s is not the file that the manifest names; copy it anew from where "
                              "the index was built",
                              path);
            kin_shard_reader_close(reader);
        }
    }
    free(path);
    return status;
}

/* Opens the shard if it is not; what is wrong with it is remembered as a sentence. */
static void provide(kin_opener *opener, uint32_t shard)
{
    kin_shard_reader *reader = NULL;
    kin_error error = {0};
    kin_held_shard *held = kin_holding_get(opener->holding, shard);
    free(opener->sentences[shard]);
    opener->sentences[shard] = NULL;
    if (held != NULL) {
        kin_holding_put(opener->holding, held);
    } else if (open_shard(opener, shard, &reader, &error) == KIN_OK) {
        kin_holding_add(opener->holding, shard, reader);
        if (opener->options.resident && kin_shard_reader_lock(reader, &error) != KIN_OK)
            kin_log(KIN_LOG_WARNING, "%s; it is served all the same", error.text);
        kin_log(KIN_LOG_DEBUG, "serves shard %u", shard);
    } else {
        kin_log(KIN_LOG_ERROR, "shard %u is refused: %s", shard, error.text);
        opener->sentences[shard] = kin_strdup(error.text);
    }
}

static void carry_out(kin_opener *opener, kin_job *job)
{
    const kin_message *message = &job->message;
    kin_message ready = kin_message_of(KIN_MESSAGE_READY);
    memset(opener->listed, 0, sizeof opener->listed);
    for (uint32_t i = 0; i < message->shard_count; i++)
        opener->listed[message->shards[i].shard] = true;
    for (uint32_t shard = 0; shard < KIN_SHARDS_MAX; shard++) {
        if (!opener->listed[shard]) {
            kin_holding_drop(opener->holding, shard);
            continue;
        }
        if (atomic_load(&opener->stopping)) break;
        provide(opener, shard);
        const char *sentence = opener->sentences[shard];
        opener->opened[ready.shard_count++] = (kin_message_shard){
            .shard = shard, .error = kin_bytes_of(sentence != NULL ? sentence : "")};
    }
    ready.shards = opener->opened;
    kin_error error = {0};
    if (kin_message_build(&ready, &job->reply, &error) != KIN_OK)
        kin_log(KIN_LOG_ERROR, "%s", error.text);
    kin_job_return(opener->returns, job);
}

static void *run(void *user)
{
    kin_opener *opener = user;
    kin_job *job, *newer;
    while ((job = kin_queue_pop(opener->queue)) != NULL) {
        while ((newer = kin_queue_try_pop(opener->queue, NULL, NULL)) != NULL) {
            kin_job_return(opener->returns, job);
            job = newer;
        }
        carry_out(opener, job);
    }
    return NULL;
}

kin_status kin_opener_start(kin_opener **opener, const kin_opener_options *options,
                            kin_holding *holding, kin_job_returns *returns, kin_error *error)
{
    kin_opener *made = kin_calloc(1, sizeof *made);
    made->options = *options;
    made->holding = holding;
    made->returns = returns;
    made->queue = kin_queue_new(ASSIGNMENTS_MAX);
    int failure = pthread_create(&made->thread, NULL, run, made);
    if (failure == 0) {
        *opener = made;
        return KIN_OK;
    }
    kin_queue_destroy(&made->queue);
    free(made);
    return kin_fail(error, KIN_IO, "cannot start a thread: %s", strerror(failure));
}

void kin_opener_assign(kin_opener *opener, kin_job *job)
{
    while (!kin_queue_push(opener->queue, job)) {
        kin_job *oldest = kin_queue_try_pop(opener->queue, NULL, NULL);
        if (oldest != NULL) kin_job_return(opener->returns, oldest);
    }
}

void kin_opener_stop(kin_opener **opener)
{
    if (*opener == NULL) return;
    atomic_store(&(*opener)->stopping, true);
    kin_queue_close((*opener)->queue);
    pthread_join((*opener)->thread, NULL);
    kin_queue_destroy(&(*opener)->queue);
    for (uint32_t shard = 0; shard < KIN_SHARDS_MAX; shard++)
        free((*opener)->sentences[shard]);
    free(*opener);
    *opener = NULL;
}
