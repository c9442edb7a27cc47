#include "worker/serve/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/stop.h"
#include "worker/serve/opener.h"
#include "worker/serve/picture_desk.h"
#include "worker/serve/searcher.h"

/* Scans that wait: a coordinator holds KIN_QUERIES_IN_FLIGHT_MAX queries, and hedges some. */
#define SCANS_MAX (2 * KIN_QUERIES_IN_FLIGHT_MAX)
/* Pictures that wait: as many as a coordinator asks at once of a small cluster, so that it need not
 * send them again. Those under way have at most so many bytes together, as at the coordinator. */
#define PICTURES_MAX 64
#define PICTURES_BYTES_MAX ((size_t)8 * KIN_PICTURE_BYTES_MAX)
#define HELLO_MS 250    /* until a coordinator answers */
#define DRAIN_MS 5000   /* for what is under way when a stop is requested */
#define FAREWELL_MS 100 /* for the last replies to leave the socket */
/* A job keeps its memory for the next one up to this size; a picture's does not stay. */
#define JOB_BYTES_KEPT (1u << 20)

typedef struct worker {
    const kin_worker_options *options;
    const kin_served_index *served;
    const kin_worker_decoders *decoders;
    kin_link *link;
    kin_queue *scans, *pictures;
    kin_holding *holding;
    kin_job_returns returns;
    kin_searchers *searchers;
    kin_picture_desk *desk;
    kin_opener *opener;
    kin_job *spare;       /* a list */
    uint32_t jobs;        /* given to the threads and not returned */
    size_t picture_bytes; /* of their pictures */
    kin_buffer out;
    char host[256], name[256];
    bool registered, stopping;
    int64_t beat_ms, patience_ms; /* as the coordinator said */
    int64_t heard_ms, said_ms;    /* last word from and to the coordinator */
} worker;

static kin_job *job_take(worker *self)
{
    kin_job *job = self->spare;
    if (job == NULL) return kin_calloc(1, sizeof *job);
    self->spare = job->next;
    return job;
}

static void job_destroy(kin_job *job)
{
    kin_message_fini(&job->message);
    kin_buffer_fini(&job->body);
    kin_buffer_fini(&job->reply);
    free(job);
}

static void job_recycle(worker *self, kin_job *job)
{
    kin_message_fini(&job->message);
    if (job->body.capacity > JOB_BYTES_KEPT) kin_buffer_fini(&job->body);
    if (job->reply.capacity > JOB_BYTES_KEPT) kin_buffer_fini(&job->reply);
    kin_buffer_clear(&job->reply);
    job->next = self->spare;
    self->spare = job;
}

/* A full queue means that nobody reads: what is not said now will be asked again. */
static void send_bytes(worker *self, const kin_buffer *bytes)
{
    kin_status status = kin_link_send(self->link, NULL, bytes->data, bytes->bytes);
    if (status != KIN_OK) kin_log(KIN_LOG_DEBUG, "a message is lost: %s", kin_status_word(status));
    self->said_ms = kin_clock_ms();
}

static void send_plain(worker *self, const kin_message *message)
{
    kin_error error = {0};
    if (kin_message_build(message, &self->out, &error) == KIN_OK)
        send_bytes(self, &self->out);
    else
        kin_log(KIN_LOG_ERROR, "%s", error.text);
}

static void say(worker *self, kin_message_type type)
{
    kin_message message = kin_message_of(type);
    send_plain(self, &message);
}

static void say_beat(worker *self)
{
    uint64_t figures[KIN_FIGURES];
    kin_message beat = kin_message_of(KIN_MESSAGE_BEAT);
    kin_searchers_figures(self->searchers, figures);
    figures[KIN_FIGURE_RESIDENT_BYTES] = kin_memory_resident();
    beat.counts = figures;
    beat.count_count = KIN_FIGURES;
    send_plain(self, &beat);
}

/* Why this worker does not encode pictures; empty if it does. */
static const char *no_pictures(const worker *self)
{
    return self->decoders->count == 0 ? "it has no picture decoder" : self->served->no_pictures;
}

static void say_hello(worker *self)
{
    kin_message hello = kin_message_of(KIN_MESSAGE_HELLO);
    hello.name = kin_bytes_of(self->name);
    hello.host = kin_bytes_of(self->host);
    hello.pid = getpid();
    hello.threads = self->options->threads;
    hello.generation = kin_bytes_of(self->served->generation);
    hello.manifest = (kin_bytes){&self->served->manifest_digest, sizeof(kin_digest)};
    hello.encodes = self->decoders->count > 0 && self->served->encoder != NULL;
    hello.text = kin_bytes_of(no_pictures(self));
    send_plain(self, &hello);
}

static void refuse(worker *self, kin_job *job, kin_status status, const char *sentence)
{
    kin_error error = {0};
    (void)kin_fail(&error, status, "%s", sentence);
    kin_message_build_error(job->message.request, &error, &job->reply);
    send_bytes(self, &job->reply);
    job_recycle(self, job);
}

static void enqueue(worker *self, kin_job *job, kin_queue *queue)
{
    int64_t deadline_ms = job->message.deadline_ms;
    size_t picture_bytes = job->message.picture.bytes; /* 0 of anything but a picture */
    job->deadline_ns = deadline_ms > 0 ? kin_clock_ns() + deadline_ms * 1000000 : INT64_MAX;
    if (self->stopping)
        refuse(self, job, KIN_UNAVAILABLE, "the worker is stopping");
    else if (self->picture_bytes + picture_bytes > PICTURES_BYTES_MAX ||
             !kin_queue_push(queue, job))
        refuse(self, job, KIN_BUSY, "the worker's queue is full");
    else {
        self->jobs++;
        self->picture_bytes += picture_bytes;
    }
}

static void take_assignment(worker *self, kin_job *job)
{
    if (!self->registered)
        kin_log(KIN_LOG_INFO, "registered at %s, serves %u of %u shards", self->options->connect,
                job->message.shard_count, self->served->manifest.shard_count);
    self->registered = true;
    self->beat_ms = job->message.beat_ms > 0 ? job->message.beat_ms : HELLO_MS;
    self->patience_ms = job->message.patience_ms > 0 ? job->message.patience_ms : DRAIN_MS;
    self->jobs++;
    kin_opener_assign(self->opener, job);
}

static void lose_coordinator(worker *self, const char *why)
{
    if (self->registered) kin_log(KIN_LOG_WARNING, "%s; registers anew", why);
    self->registered = false;
    self->said_ms = 0;
}

/* Whatever a message is, it does not harm: what a coordinator would not say is logged. */
static void take_message(worker *self, kin_job *job)
{
    kin_error error = {0};
    self->heard_ms = kin_clock_ms();
    if (kin_message_parse(&job->message, job->body.data, job->body.bytes, &error) != KIN_OK) {
        kin_log(KIN_LOG_WARNING, "the coordinator sent nonsense: %s", error.text);
        refuse(self, job, error.status, error.text);
        return;
    }
    switch (job->message.type) {
    case KIN_MESSAGE_SCAN:
    case KIN_MESSAGE_BATCH:
    case KIN_MESSAGE_SCORE:
        enqueue(self, job, self->scans);
        return;
    case KIN_MESSAGE_THUMBNAILS:
        enqueue(self, job, job->message.rgb ? self->pictures : self->scans);
        return;
    case KIN_MESSAGE_ENCODE:
        enqueue(self, job, self->pictures);
        return;
    case KIN_MESSAGE_ASSIGN:
        take_assignment(self, job);
        return;
    case KIN_MESSAGE_REGISTER:
        lose_coordinator(self, "the coordinator does not know this worker any more");
        break;
    case KIN_MESSAGE_BYE:
        lose_coordinator(self, "the coordinator ends");
        break;
    case KIN_MESSAGE_BEAT:
        break;
    case KIN_MESSAGE_ERROR:
        kin_log(KIN_LOG_ERROR, "the coordinator says: %.*s", (int)job->message.text.bytes,
                (const char *)job->message.text.data);
        break;
    default:
        kin_log(KIN_LOG_WARNING, "the coordinator sent '%s', which is none of its words",
                kin_message_type_word(job->message.type));
        break;
    }
    job_recycle(self, job);
}

static void take_messages(worker *self)
{
    kin_job *job = job_take(self);
    while (kin_link_receive(self->link, NULL, &job->body)) {
        take_message(self, job);
        job = job_take(self);
    }
    job_recycle(self, job);
}

static void send_replies(worker *self)
{
    kin_job *job;
    while ((job = kin_job_returned(&self->returns)) != NULL) {
        self->jobs--;
        self->picture_bytes -= job->message.picture.bytes;
        if (job->reply.bytes > 0) send_bytes(self, &job->reply);
        job_recycle(self, job);
    }
}

/* What is due by the clock; returns how long nothing will be. */
static int64_t keep_time(worker *self)
{
    int64_t now = kin_clock_ms();
    if (self->registered && now - self->heard_ms > self->patience_ms)
        lose_coordinator(self, "no word from the coordinator");
    int64_t period = self->registered ? self->beat_ms : HELLO_MS;
    if (now - self->said_ms >= period || self->said_ms == 0) {
        if (self->registered)
            say_beat(self);
        else if (!self->stopping)
            say_hello(self);
        self->said_ms = now;
    }
    return self->said_ms + period - now;
}

static void serve(worker *self)
{
    int64_t end_ms = INT64_MAX;
    for (;;) {
        int64_t now = kin_clock_ms();
        if (kin_stop_requested() && !self->stopping) {
            self->stopping = true;
            end_ms = now + DRAIN_MS;
            say(self, KIN_MESSAGE_BYE);
            kin_log(KIN_LOG_INFO, "stopping");
        }
        if (self->stopping && self->jobs == 0 && end_ms > now + FAREWELL_MS)
            end_ms = now + FAREWELL_MS;
        if (now >= end_ms) return;
        int64_t timeout_ms = keep_time(self);
        if (timeout_ms > end_ms - now) timeout_ms = end_ms - now;
        kin_link_wait waits[] = {{.link = self->link},
                                 {.descriptor = self->returns.descriptor},
                                 {.descriptor = kin_stop_descriptor()}};
        kin_link_wait_any(waits, self->stopping ? 2 : 3, timeout_ms);
        if (waits[1].readable) send_replies(self);
        if (waits[0].readable) take_messages(self);
    }
}

static kin_status start_threads(worker *self, kin_error *error)
{
    const kin_served_index *served = self->served;
    const kin_opener_options opening = {.folder = served->folder,
                                        .shards = served->manifest.shards,
                                        .shard_count = served->manifest.shard_count,
                                        .bits = served->manifest.bits,
                                        .lazy = self->options->lazy,
                                        .resident = self->options->resident};
    const kin_picture_desk_options encoding = {.decoders = self->decoders->list,
                                               .decoder_count = self->decoders->count,
                                               .encoder = served->encoder,
                                               .no_pictures = no_pictures(self)};
    self->holding = kin_holding_new();
    self->scans = kin_queue_new(SCANS_MAX);
    self->pictures = kin_queue_new(PICTURES_MAX);
    /* Waiting, in hand, and assignments. */
    uint32_t capacity = SCANS_MAX + PICTURES_MAX + 64 +
                        self->options->threads * KIN_SEARCH_QUERIES_PER_PASS + KIN_ENCODERS_MAX;
    kin_status status = kin_job_returns_init(&self->returns, capacity, error);
    if (status == KIN_OK)
        status = kin_searchers_start(&self->searchers, self->options->threads,
                                     self->options->recheck_every, self->scans, self->holding,
                                     &self->returns, error);
    if (status == KIN_OK)
        status = kin_picture_desk_start(&self->desk, &encoding, self->pictures, self->holding,
                                        &self->returns, error);
    if (status == KIN_OK)
        status = kin_opener_start(&self->opener, &opening, self->holding, &self->returns, error);
    return status;
}

/* What still waits when the time for it is over has nobody who could be told the answer. */
static void abandon(worker *self, kin_queue *queue)
{
    kin_job *job;
    while ((job = kin_queue_try_pop(queue, NULL, NULL)) != NULL)
        job_recycle(self, job);
    kin_queue_close(queue);
}

static void stop_threads(worker *self)
{
    kin_job *job;
    abandon(self, self->scans);
    abandon(self, self->pictures);
    kin_opener_stop(&self->opener);
    kin_picture_desk_join(&self->desk);
    kin_searchers_join(&self->searchers);
    while (self->returns.queue != NULL && (job = kin_job_returned(&self->returns)) != NULL)
        job_recycle(self, job);
    while ((job = self->spare) != NULL) {
        self->spare = job->next;
        job_destroy(job);
    }
    kin_queue_destroy(&self->scans);
    kin_queue_destroy(&self->pictures);
    kin_holding_destroy(&self->holding);
    kin_job_returns_fini(&self->returns);
}

kin_status kin_worker_run(const kin_worker_options *options, const kin_served_index *served,
                          const kin_worker_decoders *decoders, kin_error *error)
{
    worker self = {.options = options, .served = served, .decoders = decoders};
    if (gethostname(self.host, sizeof self.host - 1) != 0) self.host[0] = '\0';
    if (options->name != NULL)
        snprintf(self.name, sizeof self.name, "%s", options->name);
    else
        snprintf(self.name, sizeof self.name, "%.200s:%ld", self.host, (long)getpid());
    kin_status status = start_threads(&self, error);
    kin_link_context *context = kin_link_context_new();
    if (status == KIN_OK)
        status = kin_link_connect(&self.link, context, options->connect, options->security, error);
    if (status == KIN_OK) serve(&self);
    kin_link_close(&self.link);
    kin_link_context_close(&context);
    stop_threads(&self);
    kin_buffer_fini(&self.out);
    return status;
}
