#include "coordinator/serve/coordinator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/stats.h"
#include "common/base/stop.h"
#include "coordinator/serve/inquiry.h"
#include "coordinator/serve/status_report.h"
#include "coordinator/serve/turns.h"
#include "proto/generation.h"

#define NS_PER_MS 1000000
/* While questions are open: lateness is looked at this often. */
#define TICK_MS 10
/* Questions that are open when a stop is requested get this long. */
#define DRAIN_MS 5000
/* A leg is late after four times what 99 of 100 questions took, and never before this. */
#define LATE_MS_MIN 50
/* Questions that are with the workers at once: enough to keep every thread of theirs busy while
 * answers travel. The others wait for their turn. */
#define ASKED_PER_WORKER 32
#define ASKED_MIN 64
#define MANIFEST_BYTES_MAX (16u << 20)
/* Messages taken from one side before the other gets its turn. */
#define MESSAGES_PER_TURN 64

typedef struct coordinator {
    kin_manifest manifest;
    char generation[KIN_GENERATION_NAME_BYTES];
    kin_key_pair pair;
    kin_key_list allow;
    kin_link_context *context;
    kin_link *clients, *workers;
    kin_fleet fleet;
    kin_inquiry_scope scope;
    kin_inquiry *inquiries[KIN_QUERIES_IN_FLIGHT_MAX]; /* NULL: the slot is free */
    kin_turns *turns;
    kin_serve_figures figures;
    kin_buffer out;
    bool draining;
} coordinator;

/* --- Clients -------------------------------------------------------------------------------- */

static void reply(coordinator *self, const kin_link_peer *client)
{
    kin_status status = kin_link_send(self->clients, client, self->out.data, self->out.bytes);
    if (status != KIN_OK) kin_log(KIN_LOG_DEBUG, "a client did not wait for its answer");
}

static void reply_error(coordinator *self, const kin_link_peer *client, uint64_t request,
                        const kin_error *error)
{
    self->figures.errors++;
    kin_message_build_error(request, error, &self->out);
    reply(self, client);
}

static void finish(coordinator *self, uint32_t slot, int64_t now_ns)
{
    kin_inquiry *inquiry = self->inquiries[slot];
    kin_status status = kin_inquiry_answer(inquiry, &self->scope, &self->out);
    reply(self, &inquiry->client);
    self->figures.partial += status == KIN_PARTIAL;
    self->figures.errors += status != KIN_OK && status != KIN_PARTIAL;
    if (inquiry->question.type == KIN_MESSAGE_SEARCH)
        kin_stats_add(&self->figures.latency, now_ns - inquiry->started_ns);
    kin_inquiry_destroy(&self->inquiries[slot], &self->scope);
    kin_turns_leave(self->turns, slot);
}

static void finish_if_done(coordinator *self, uint32_t slot)
{
    int64_t now_ns = kin_clock_ns();
    if (self->inquiries[slot] != NULL &&
        kin_inquiry_done(self->inquiries[slot], &self->scope, now_ns))
        finish(self, slot, now_ns);
}

/* Asks those whose turn it is. */
static void take_turns(coordinator *self)
{
    uint32_t slot, asked_max = ASKED_PER_WORKER * self->fleet.count;
    if (asked_max < ASKED_MIN) asked_max = ASKED_MIN;
    while ((slot = kin_turns_next(self->turns, asked_max)) != KIN_TURNS_NONE) {
        kin_inquiry_ask(self->inquiries[slot], &self->scope);
        finish_if_done(self, slot);
    }
}

static void start_inquiry(coordinator *self, const kin_link_peer *client, kin_message *question,
                          kin_buffer *body)
{
    kin_error error = {0};
    uint64_t request = question->request;
    kin_status status = KIN_OK;
    uint32_t slot;
    if (self->draining)
        status = kin_fail(&error, KIN_UNAVAILABLE, "the coordinator is stopping; ask another");
    else
        status = kin_turns_enter(self->turns, client, body->bytes, &slot, &error);
    if (status == KIN_OK) {
        self->figures.queries += question->type == KIN_MESSAGE_SEARCH;
        status = kin_inquiry_start(&self->inquiries[slot], &self->scope, slot, client, question,
                                   body, &error);
        if (status != KIN_OK) kin_turns_leave(self->turns, slot);
    }
    if (status == KIN_OK)
        take_turns(self);
    else
        reply_error(self, client, request, &error);
}

static void reply_status(coordinator *self, const kin_link_peer *client, uint64_t request)
{
    kin_buffer json = {0};
    kin_error error = {0};
    kin_message report = kin_message_of(KIN_MESSAGE_REPORT);
    kin_status_report(&json, &self->manifest, self->generation, &self->fleet, &self->figures,
                      self->scope.hedges, kin_turns_open(self->turns));
    report.request = request;
    report.bits = self->manifest.bits;
    report.shard_total = self->manifest.shard_count;
    report.generation = kin_bytes_of(self->generation);
    report.report = (kin_bytes){json.data, json.bytes};
    if (kin_message_build(&report, &self->out, &error) == KIN_OK)
        reply(self, client);
    else
        reply_error(self, client, request, &error);
    kin_buffer_fini(&json);
}

static bool hear_client(coordinator *self)
{
    kin_link_peer client;
    kin_buffer body = {0};
    kin_message message;
    kin_error error = {0};
    if (!kin_link_receive(self->clients, &client, &body)) {
        kin_buffer_fini(&body);
        return false;
    }
    kin_status status = kin_message_parse(&message, body.data, body.bytes, &error);
    if (status != KIN_OK) {
        reply_error(self, &client, message.request, &error);
    } else if (message.type == KIN_MESSAGE_SEARCH || message.type == KIN_MESSAGE_BATCH ||
               message.type == KIN_MESSAGE_THUMBNAILS || message.type == KIN_MESSAGE_CLASSIFY) {
        start_inquiry(self, &client, &message, &body);
    } else if (message.type == KIN_MESSAGE_STATUS) {
        reply_status(self, &client, message.request);
    } else {
        (void)kin_fail(&error, KIN_BAD_INPUT, "a '%s' is no question for a coordinator",
                       kin_message_type_word(message.type));
        reply_error(self, &client, message.request, &error);
    }
    kin_message_fini(&message);
    kin_buffer_fini(&body);
    return true;
}

/* --- Workers -------------------------------------------------------------------------------- */

/* Everything that is open may go on. */
static void dispatch_all(coordinator *self)
{
    for (uint32_t slot = 0; slot < KIN_QUERIES_IN_FLIGHT_MAX; slot++) {
        if (self->inquiries[slot] == NULL) continue;
        kin_inquiry_dispatch(self->inquiries[slot], &self->scope);
        finish_if_done(self, slot);
    }
}

static void lose_worker(coordinator *self, uint32_t worker, const char *why)
{
    kin_log(KIN_LOG_WARNING, "worker %s %s", self->fleet.workers[worker]->name, why);
    kin_fleet_remove(&self->fleet, worker);
    for (uint32_t slot = 0; slot < KIN_QUERIES_IN_FLIGHT_MAX; slot++) {
        if (self->inquiries[slot] == NULL) continue;
        kin_inquiry_worker_gone(self->inquiries[slot], &self->scope, worker);
        finish_if_done(self, slot);
    }
}

static void send_to_worker(coordinator *self, const kin_link_peer *peer, const kin_message *message)
{
    kin_error error = {0};
    kin_status status = kin_message_build(message, &self->out, &error);
    if (status == KIN_OK)
        status = kin_link_send(self->workers, peer, self->out.data, self->out.bytes);
    if (status != KIN_OK) kin_log(KIN_LOG_DEBUG, "a worker does not take messages");
}

static void greet_worker(coordinator *self, const kin_link_peer *peer, const kin_message *hello)
{
    kin_error error = {0};
    uint32_t before = kin_fleet_named(&self->fleet, hello->name);
    if (before != KIN_FLEET_NONE && kin_fleet_find(&self->fleet, peer) != before)
        lose_worker(self, before, "comes back on another connection");
    if (kin_fleet_hello(&self->fleet, peer, hello, &error) == KIN_OK) return;
    kin_log(KIN_LOG_ERROR, "%s", error.text);
    kin_message refusal = kin_message_of(KIN_MESSAGE_ERROR);
    refusal.status = kin_bytes_of(kin_status_word(error.status));
    refusal.text = kin_bytes_of(error.text);
    send_to_worker(self, peer, &refusal);
}

/* A reply to a leg. */
static void take_reply(coordinator *self, uint32_t worker, kin_message *message, kin_buffer *body)
{
    uint32_t slot = kin_inquiry_slot(message->request);
    if (self->inquiries[slot] == NULL) return; /* answered without it */
    kin_inquiry_reply(self->inquiries[slot], &self->scope, worker, message, body);
    finish_if_done(self, slot);
}

static void take_worker_message(coordinator *self, const kin_link_peer *peer, kin_message *message,
                                kin_buffer *body)
{
    if (message->type == KIN_MESSAGE_HELLO) {
        greet_worker(self, peer, message);
        return;
    }
    uint32_t worker = kin_fleet_find(&self->fleet, peer);
    if (worker == KIN_FLEET_NONE) { /* we are new, or took it for dead */
        kin_message ask = kin_message_of(KIN_MESSAGE_REGISTER);
        send_to_worker(self, peer, &ask);
        return;
    }
    self->fleet.workers[worker]->heard_ns = kin_clock_ns();
    self->fleet.workers[worker]->late = false;
    switch (message->type) {
    case KIN_MESSAGE_BEAT:
        kin_fleet_figures(&self->fleet, worker, message);
        break;
    case KIN_MESSAGE_READY:
        kin_fleet_ready(&self->fleet, worker, message);
        dispatch_all(self);
        break;
    case KIN_MESSAGE_BYE:
        kin_fleet_bye(&self->fleet, worker);
        break;
    case KIN_MESSAGE_FOUND:
    case KIN_MESSAGE_RANKED:
    case KIN_MESSAGE_SCORED:
    case KIN_MESSAGE_IMAGES:
    case KIN_MESSAGE_CODE:
    case KIN_MESSAGE_ERROR:
        take_reply(self, worker, message, body);
        break;
    default:
        kin_log(KIN_LOG_WARNING, "worker %s sent a '%s'", self->fleet.workers[worker]->name,
                kin_message_type_word(message->type));
    }
}

static bool hear_worker(coordinator *self)
{
    kin_link_peer peer;
    kin_buffer body = {0};
    kin_message message;
    kin_error error = {0};
    bool heard = kin_link_receive(self->workers, &peer, &body);
    if (heard) {
        if (kin_message_parse(&message, body.data, body.bytes, &error) == KIN_OK)
            take_worker_message(self, &peer, &message, &body);
        else
            kin_log(KIN_LOG_WARNING, "a message on the workers' side is refused: %s", error.text);
        kin_message_fini(&message);
    }
    kin_buffer_fini(&body);
    return heard;
}

/* --- The loop ------------------------------------------------------------------------------- */

static void look_at_the_time(coordinator *self)
{
    int64_t now_ns = kin_clock_ns();
    uint32_t silent;
    kin_fleet_beat(&self->fleet, now_ns);
    while ((silent = kin_fleet_silent(&self->fleet, now_ns)) != KIN_FLEET_NONE)
        lose_worker(self, silent, "is silent: taken for dead");
    double late_ms = 4 * kin_stats_percentile_ms(&self->figures.latency, 0.99);
    self->scope.late_ns = (int64_t)(late_ms < LATE_MS_MIN ? LATE_MS_MIN : late_ms) * NS_PER_MS;
    /* While questions wait everything is late, and asking twice would make it later. */
    if (kin_turns_waiting(self->turns) > 0) self->scope.late_ns = INT64_MAX;
    for (uint32_t slot = 0; slot < KIN_QUERIES_IN_FLIGHT_MAX; slot++) {
        if (self->inquiries[slot] == NULL) continue;
        kin_inquiry_tick(self->inquiries[slot], &self->scope, now_ns);
        finish_if_done(self, slot);
    }
}

static void serve(coordinator *self)
{
    int64_t tick_ns = 0, drain_ns = INT64_MAX;
    while (!self->draining || (kin_turns_open(self->turns) > 0 && kin_clock_ns() < drain_ns)) {
        kin_link_wait waits[] = {{.link = self->clients},
                                 {.link = self->workers},
                                 {.descriptor = kin_stop_descriptor()}};
        kin_link_wait_any(waits, self->draining ? 2 : 3, TICK_MS);
        for (int i = 0; i < MESSAGES_PER_TURN && hear_worker(self); i++)
            continue;
        for (int i = 0; i < MESSAGES_PER_TURN && hear_client(self); i++)
            continue;
        take_turns(self);
        if (kin_clock_ns() - tick_ns >= (int64_t)TICK_MS * NS_PER_MS) {
            look_at_the_time(self);
            tick_ns = kin_clock_ns();
        }
        if (kin_stop_requested() && !self->draining) {
            kin_log(KIN_LOG_INFO, "stopping; %u questions are finished first",
                    kin_turns_open(self->turns));
            self->draining = true;
            drain_ns = kin_clock_ns() + (int64_t)DRAIN_MS * NS_PER_MS;
        }
    }
    /* What is open still, and what came in the meantime, is refused, not left unanswered. */
    for (uint32_t slot = 0; slot < KIN_QUERIES_IN_FLIGHT_MAX; slot++)
        if (self->inquiries[slot] != NULL) finish(self, slot, kin_clock_ns());
    for (int i = 0; i < KIN_QUERIES_IN_FLIGHT_MAX && hear_client(self); i++)
        continue;
}

static kin_status read_index(coordinator *self, const char *index_path, kin_digest *digest,
                             kin_error *error)
{
    char *folder = NULL;
    kin_buffer bytes = {0};
    kin_status status = kin_generation_current(index_path, self->generation, error);
    if (status == KIN_OK)
        status =
            kin_generation_manifest(index_path, self->generation, &self->manifest, &folder, error);
    if (status != KIN_OK) return status;
    char *path = kin_path_join(folder, KIN_MANIFEST_FILE);
    status = kin_file_read(path, MANIFEST_BYTES_MAX, &bytes, error);
    *digest = kin_digest_of(bytes.data, bytes.bytes);
    kin_buffer_fini(&bytes);
    free(path);
    free(folder);
    return status;
}

static kin_status bind_links(coordinator *self, const kin_coordinator_options *options,
                             kin_error *error)
{
    kin_link_security security = {0};
    kin_status status = KIN_OK;
    if (options->key_file != NULL) {
        status = kin_key_pair_read(options->key_file, &self->pair, error);
        security.pair = &self->pair;
    }
    if (status == KIN_OK && options->allow_file != NULL) {
        status = kin_key_list_read(options->allow_file, &self->allow, error);
        security.allow = &self->allow;
    }
    if (status != KIN_OK) return status;
    self->context = kin_link_context_new();
    status = kin_link_bind(&self->clients, self->context, options->endpoint, &security, error);
    if (status == KIN_OK)
        status = kin_link_bind(&self->workers, self->context, options->worker_endpoint, &security,
                               error);
    return status;
}

static void fini(coordinator *self)
{
    for (uint32_t slot = 0; slot < KIN_QUERIES_IN_FLIGHT_MAX; slot++)
        kin_inquiry_destroy(&self->inquiries[slot], &self->scope);
    kin_turns_destroy(&self->turns);
    kin_fleet_fini(&self->fleet);
    kin_link_close(&self->clients);
    kin_link_close(&self->workers);
    if (self->context != NULL) kin_link_context_close(&self->context);
    kin_buffer_fini(&self->scope.body);
    kin_buffer_fini(&self->out);
    kin_manifest_fini(&self->manifest);
    kin_key_list_fini(&self->allow);
    free(self);
}

kin_status kin_coordinator_run(const kin_coordinator_options *options, kin_error *error)
{
    coordinator *self = kin_calloc(1, sizeof *self);
    kin_digest digest;
    kin_status status = read_index(self, options->index_path, &digest, error);
    if (status == KIN_OK) status = bind_links(self, options, error);
    if (status == KIN_OK) {
        kin_fleet_init(&self->fleet, self->workers, &digest, self->manifest.shard_count,
                       options->replicas, options->beat_ms, options->patience_ms);
        self->turns = kin_turns_new();
        self->scope = (kin_inquiry_scope){.fleet = &self->fleet,
                                          .manifest = &self->manifest,
                                          .generation = self->generation,
                                          .wave_codes = options->wave_codes,
                                          .late_ns = (int64_t)LATE_MS_MIN * NS_PER_MS};
        printf("clients %s\nworkers %s\n", kin_link_endpoint(self->clients),
               kin_link_endpoint(self->workers));
        fflush(stdout);
        kin_log(KIN_LOG_INFO, "serves %s of %s to clients at %s; workers connect to %s",
                self->generation, options->index_path, kin_link_endpoint(self->clients),
                kin_link_endpoint(self->workers));
        serve(self);
        kin_log(KIN_LOG_INFO, "stopped");
    }
    fini(self);
    return status;
}
