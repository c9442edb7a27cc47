#include "coordinator/serve/inquiry.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "coordinator/serve/inquiry_score.h"
#include "coordinator/serve/inquiry_wave.h"
#include "coordinator/serve/question.h"
#include "coordinator/serve/reply_check.h"
#include "proto/scored.h"

#define NS_PER_MS 1000000
/* A leg that takes this part of a question's time is late in any case. */
#define LATE_SHARE 4

/* --- Starting ------------------------------------------------------------------------------- */

/* Shards that are all farther than `within` are not asked: the bits that the ends of a range have
 * in common are those of every code in it. */
static void prune(kin_inquiry *inquiry, const kin_inquiry_scope *scope)
{
    const kin_manifest *manifest = scope->manifest;
    if (inquiry->question.type != KIN_MESSAGE_SEARCH || inquiry->question.within < 0 ||
        inquiry->question.exhaustive)
        return;
    for (uint32_t s = 0; s < inquiry->shard_count; s++) {
        const kin_manifest_shard *shard = &manifest->shards[s];
        if (kin_code_range_distance(&inquiry->code, &shard->first, &shard->last) <=
            (uint32_t)inquiry->question.within)
            continue;
        inquiry->needed[s] = 0;
        inquiry->pruned++;
    }
}

static uint32_t *new_numbers(uint32_t count, uint32_t value)
{
    uint32_t *numbers = kin_calloc(count, sizeof *numbers);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = value;
    return numbers;
}

kin_status kin_inquiry_start(kin_inquiry **inquiry, kin_inquiry_scope *scope, uint32_t slot,
                             const kin_link_peer *client, kin_message *question, kin_buffer *body,
                             kin_error *error)
{
    bool search = question->type == KIN_MESSAGE_SEARCH, batch = question->type == KIN_MESSAGE_BATCH;
    kin_status status = kin_question_check(scope, question, error);
    if (status != KIN_OK) return status;
    kin_inquiry *made = kin_calloc(1, sizeof *made);
    uint32_t shard_count = scope->fleet->shard_count;
    made->client = *client;
    made->question = *question;
    made->body = *body;
    made->waits = true;
    memset(question, 0, sizeof *question);
    memset(body, 0, sizeof *body);
    made->slot = slot;
    made->shard_count = shard_count;
    made->needed = kin_calloc(shard_count, 1);
    made->owner = new_numbers(shard_count, KIN_FLEET_NONE);
    made->avoid = new_numbers(shard_count, KIN_FLEET_NONE);
    made->pending = new_numbers(shard_count, 0);
    made->avoid_encoder = KIN_FLEET_NONE;
    if (search || batch) memset(made->needed, 1, shard_count);
    if (batch) made->batch = (uint32_t)(made->question.codes.bytes / (scope->manifest->bits / 8));
    for (uint32_t i = 0; i < made->question.row_count; i++)
        made->needed[made->question.rows[i].shard] = 1;
    made->encoding = made->question.picture.data != NULL;
    if (search && !made->encoding)
        kin_code_from_bytes(&made->code, made->question.code.data, scope->manifest->bits);
    made->ahead = KIN_FLEET_NONE;
    made->bound = -1;
    if (!made->encoding) {
        prune(made, scope);
        kin_wave_begin(made, scope);
    }
    made->started_ns = kin_clock_ns();
    if (made->question.deadline_ms == 0) made->question.deadline_ms = KIN_DEADLINE_MS_DEFAULT;
    made->deadline_ns = made->started_ns + made->question.deadline_ms * NS_PER_MS;
    *inquiry = made;
    return KIN_OK;
}

/* --- Legs ----------------------------------------------------------------------------------- */

static uint32_t work_of(const kin_leg *leg)
{
    return leg->shard_count > 0 ? leg->shard_count : 1;
}

/* No reply is waited for any more. */
static void close_leg(kin_inquiry *inquiry, kin_inquiry_scope *scope, kin_leg *leg)
{
    if (!leg->open) return;
    leg->open = false;
    for (uint32_t i = 0; i < leg->shard_count; i++)
        inquiry->pending[leg->shards[i]]--;
    kin_fleet_worker *worker = scope->fleet->workers[leg->worker];
    if (worker != NULL) worker->tasks -= work_of(leg);
}

void kin_inquiry_destroy(kin_inquiry **inquiry, kin_inquiry_scope *scope)
{
    if (*inquiry == NULL) return;
    kin_inquiry *old = *inquiry;
    for (uint32_t i = 0; i < old->leg_count; i++) {
        close_leg(old, scope, &old->legs[i]);
        kin_message_fini(&old->legs[i].reply);
        kin_buffer_fini(&old->legs[i].body);
        free(old->legs[i].shards);
    }
    free(old->legs);
    kin_message_fini(&old->question);
    kin_buffer_fini(&old->body);
    kin_buffer_fini(&old->thumbnail);
    kin_second_round_fini(&old->second);
    free(old->needed);
    free(old->owner);
    free(old->pending);
    free(old->avoid);
    free(old);
    *inquiry = NULL;
}

/* What failed is asked elsewhere; `status` of a worker that says the question itself is wrong is
 * what the client gets. */
static void fail_leg(kin_inquiry *inquiry, kin_inquiry_scope *scope, kin_leg *leg)
{
    kin_status status = inquiry->failure.status;
    close_leg(inquiry, scope, leg);
    if (leg->shard_count == 0) inquiry->avoid_encoder = leg->worker;
    for (uint32_t i = 0; i < leg->shard_count; i++)
        inquiry->avoid[leg->shards[i]] = leg->worker;
    inquiry->final = inquiry->final || status == KIN_BAD_INPUT || status == KIN_LIMIT ||
                     (status == KIN_CORRUPT && inquiry->question.type == KIN_MESSAGE_THUMBNAILS);
}

static int64_t milliseconds_left(const kin_inquiry *inquiry)
{
    int64_t left = (inquiry->deadline_ns - kin_clock_ns()) / NS_PER_MS;
    return left < 1 ? 1 : left;
}

bool kin_leg_has(const kin_leg *leg, uint32_t shard)
{
    for (uint32_t i = 0; i < leg->shard_count; i++)
        if (leg->shards[i] == shard) return true;
    return false;
}

/* The message of a leg, in scope->body. */
static kin_status build_leg(const kin_inquiry *inquiry, kin_inquiry_scope *scope,
                            const kin_leg *leg, kin_error *error)
{
    const kin_message *question = &inquiry->question;
    bool search = question->type == KIN_MESSAGE_SEARCH;
    kin_message message = kin_message_of(inquiry->encoding       ? KIN_MESSAGE_ENCODE
                                         : inquiry->second.begun ? KIN_MESSAGE_SCORE
                                         : search                ? KIN_MESSAGE_SCAN
                                                                 : question->type);
    kin_buffer places = {0};
    uint8_t code[KIN_CODE_BYTES_MAX];
    kin_code_to_bytes(&inquiry->code, code, scope->manifest->bits);
    message.request = leg->number;
    message.deadline_ms = milliseconds_left(inquiry);
    message.picture = question->picture;
    message.thumbnail = question->thumbnail;
    message.code = (kin_bytes){code, scope->manifest->bits / 8};
    /* Encoding a picture, k is of classes: those of a search are hits. */
    message.k = inquiry->encoding && question->type != KIN_MESSAGE_CLASSIFY
                    ? 0
                    : kin_inquiry_depth(inquiry);
    message.rerank = question->rerank;
    message.within = question->within;
    message.bound = inquiry->bound;
    message.any_ties = question->any_ties;
    message.exhaustive = question->exhaustive;
    message.histogram = question->histogram;
    message.codes = question->codes;
    message.rgb = question->rgb;
    message.shards = kin_calloc(leg->shard_count, sizeof *message.shards);
    for (; message.shard_count < leg->shard_count; message.shard_count++)
        message.shards[message.shard_count].shard = leg->shards[message.shard_count];
    message.rows = kin_calloc(question->row_count, sizeof *message.rows);
    for (uint32_t i = 0; i < question->row_count; i++)
        if (kin_leg_has(leg, question->rows[i].shard))
            message.rows[message.row_count++] = question->rows[i];
    if (inquiry->second.begun) kin_score_places(inquiry, leg, &places);
    message.places = (kin_bytes){places.data, places.bytes};
    message.values = (kin_bytes){inquiry->second.values.data, inquiry->second.values.bytes};
    kin_status status = kin_message_build(&message, &scope->body, error);
    kin_buffer_fini(&places);
    free(message.shards);
    free(message.rows);
    return status;
}

/* Asks one worker; takes over shards. */
static void send_leg(kin_inquiry *inquiry, kin_inquiry_scope *scope, uint32_t worker,
                     uint32_t *shards, uint32_t shard_count, bool hedge)
{
    inquiry->legs = kin_realloc(inquiry->legs, inquiry->leg_count + 1, sizeof *inquiry->legs);
    kin_leg *leg = &inquiry->legs[inquiry->leg_count++];
    *leg = (kin_leg){.number = scope->next_leg++ * KIN_QUERIES_IN_FLIGHT_MAX + inquiry->slot,
                     .worker = worker,
                     .open = true,
                     .hedged = hedge,
                     .sent_ns = kin_clock_ns(),
                     .shards = shards,
                     .shard_count = shard_count};
    for (uint32_t i = 0; i < shard_count; i++)
        inquiry->pending[shards[i]]++;
    scope->fleet->workers[worker]->tasks += work_of(leg);
    kin_status status = build_leg(inquiry, scope, leg, &inquiry->failure);
    if (status == KIN_OK) {
        status = kin_link_send(scope->fleet->link, &scope->fleet->workers[worker]->peer,
                               scope->body.data, scope->body.bytes);
        if (status != KIN_OK)
            (void)kin_fail(&inquiry->failure, status, "worker %s does not take messages",
                           scope->fleet->workers[worker]->name);
    }
    if (status != KIN_OK) fail_leg(inquiry, scope, leg);
}

/* Asks for `wanted` shards (1: ask) wherever they are served; those of one worker in one leg. A
 * shard that nobody serves now is left for later. */
static void send_legs(kin_inquiry *inquiry, kin_inquiry_scope *scope, const uint8_t *wanted,
                      bool hedge)
{
    kin_fleet *fleet = scope->fleet;
    uint32_t *worker_of = new_numbers(inquiry->shard_count, KIN_FLEET_NONE);
    uint32_t given[KIN_WORKERS_MAX] = {0};
    for (uint32_t s = 0; s < inquiry->shard_count; s++) {
        if (!wanted[s]) continue;
        uint32_t worker = kin_fleet_choose(fleet, s, inquiry->avoid[s]);
        if (worker == KIN_FLEET_NONE) continue;
        worker_of[s] = worker;
        given[worker]++;
        fleet->workers[worker]->tasks++; /* so that the next shard goes elsewhere */
    }
    if (!hedge) kin_wave_restrict(inquiry, fleet, worker_of, given, kin_clock_ns());
    for (uint32_t w = 0; w < fleet->end; w++) {
        if (given[w] == 0) continue;
        uint32_t *shards = kin_calloc(given[w], sizeof *shards), count = 0;
        for (uint32_t s = 0; s < inquiry->shard_count; s++)
            if (worker_of[s] == w) shards[count++] = s;
        fleet->workers[w]->tasks -= count;
        send_leg(inquiry, scope, w, shards, count, hedge);
    }
    free(worker_of);
}

static bool has_open_leg(const kin_inquiry *inquiry)
{
    for (uint32_t i = 0; i < inquiry->leg_count; i++)
        if (inquiry->legs[i].open) return true;
    return false;
}

/* Where no worker of those there are encodes pictures, waiting for one is in vain. */
static void refuse_picture(kin_inquiry *inquiry, const kin_fleet *fleet)
{
    const kin_fleet_worker *one = NULL;
    for (uint32_t i = 0; i < fleet->end && one == NULL; i++)
        if (fleet->workers[i] != NULL && !fleet->workers[i]->leaving) one = fleet->workers[i];
    if (one == NULL) return;
    inquiry->final = true;
    (void)kin_fail(&inquiry->failure, KIN_UNAVAILABLE, "no worker encodes pictures: %s",
                   one->no_pictures);
}

static void dispatch_picture(kin_inquiry *inquiry, kin_inquiry_scope *scope)
{
    if (has_open_leg(inquiry)) return;
    uint32_t worker = kin_fleet_choose_encoder(scope->fleet, inquiry->avoid_encoder);
    if (worker != KIN_FLEET_NONE)
        send_leg(inquiry, scope, worker, NULL, 0, false);
    else if (kin_fleet_choose_encoder(scope->fleet, KIN_FLEET_NONE) == KIN_FLEET_NONE)
        refuse_picture(inquiry, scope->fleet);
}

/* Whether every shard that is needed has answered, or cannot. */
static bool is_settled(const kin_inquiry *inquiry, const kin_inquiry_scope *scope)
{
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        if (inquiry->needed[s] && inquiry->owner[s] == KIN_FLEET_NONE &&
            !(inquiry->pending[s] == 0 && kin_fleet_lost(scope->fleet, s)))
            return false;
    return true;
}

static bool wants_second_round(const kin_inquiry *inquiry)
{
    return inquiry->question.rerank > 0 && !inquiry->second.begun;
}

/* What the first round still waits for is not needed any more. */
static void begin_second_round(kin_inquiry *inquiry, kin_inquiry_scope *scope)
{
    for (uint32_t i = 0; i < inquiry->leg_count; i++)
        close_leg(inquiry, scope, &inquiry->legs[i]);
    inquiry->ahead = KIN_FLEET_NONE;
    kin_score_begin(inquiry);
}

void kin_inquiry_dispatch(kin_inquiry *inquiry, kin_inquiry_scope *scope)
{
    if (inquiry->final || inquiry->waits) return;
    if (inquiry->encoding) {
        dispatch_picture(inquiry, scope);
        return;
    }
    if (wants_second_round(inquiry) && is_settled(inquiry, scope))
        begin_second_round(inquiry, scope);
    if (kin_wave_waits(inquiry, scope, kin_clock_ns())) return;
    uint8_t *wanted = kin_calloc(inquiry->shard_count, 1);
    uint32_t count = 0;
    for (uint32_t s = 0; s < inquiry->shard_count; s++) {
        wanted[s] =
            inquiry->needed[s] && inquiry->owner[s] == KIN_FLEET_NONE && inquiry->pending[s] == 0;
        count += wanted[s];
    }
    if (count > 0) send_legs(inquiry, scope, wanted, false);
    free(wanted);
}

void kin_inquiry_ask(kin_inquiry *inquiry, kin_inquiry_scope *scope)
{
    inquiry->waits = false;
    kin_inquiry_dispatch(inquiry, scope);
}

/* --- Time ----------------------------------------------------------------------------------- */

/* Asks the shards of a late leg elsewhere, once. */
static void hedge(kin_inquiry *inquiry, kin_inquiry_scope *scope, uint32_t leg_index)
{
    kin_leg *leg = &inquiry->legs[leg_index];
    uint8_t *wanted = kin_calloc(inquiry->shard_count, 1);
    leg->hedged = true;
    scope->hedges++;
    scope->fleet->workers[leg->worker]->late = true;
    for (uint32_t i = 0; i < leg->shard_count; i++) {
        uint32_t s = leg->shards[i];
        inquiry->avoid[s] = leg->worker;
        wanted[s] = inquiry->owner[s] == KIN_FLEET_NONE && inquiry->pending[s] == 1;
    }
    send_legs(inquiry, scope, wanted, true);
    free(wanted);
}

void kin_inquiry_tick(kin_inquiry *inquiry, kin_inquiry_scope *scope, int64_t now_ns)
{
    /* A batch, or looking at every code, is long work, not late work. */
    bool hedges = inquiry->question.type != KIN_MESSAGE_BATCH && !inquiry->question.exhaustive;
    /* However long questions took of late, whoever is asked instead has time to answer. */
    int64_t late_ns = (inquiry->deadline_ns - inquiry->started_ns) / LATE_SHARE;
    if (scope->late_ns < late_ns || scope->late_ns == INT64_MAX) late_ns = scope->late_ns;
    for (uint32_t i = 0, count = hedges ? inquiry->leg_count : 0; i < count; i++)
        if (inquiry->legs[i].open && !inquiry->legs[i].hedged && inquiry->legs[i].shard_count > 0 &&
            now_ns - inquiry->legs[i].sent_ns > late_ns)
            hedge(inquiry, scope, i);
    /* Whoever takes an answer without some shards gets it re-ranked: half of the time is for that.
     */
    if (wants_second_round(inquiry) && !inquiry->waits && !inquiry->encoding &&
        inquiry->question.partial && now_ns - inquiry->started_ns > inquiry->deadline_ns - now_ns)
        begin_second_round(inquiry, scope);
    kin_inquiry_dispatch(inquiry, scope);
    /* Whoever failed may be asked again from the next tick on. */
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        if (inquiry->pending[s] == 0) inquiry->avoid[s] = KIN_FLEET_NONE;
    if (!has_open_leg(inquiry)) inquiry->avoid_encoder = KIN_FLEET_NONE;
}

/* --- Replies -------------------------------------------------------------------------------- */

/* The code of the picture is there: its bytes are not needed any more. */
static kin_status take_code(kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                            const kin_message *reply)
{
    bool classify = inquiry->question.type == KIN_MESSAGE_CLASSIFY;
    size_t values = inquiry->question.rerank > 0
                        ? (size_t)scope->manifest->value_dimensions * KIN_SCORED_VALUE_BYTES
                        : 0;
    if (reply->code.bytes != scope->manifest->bits / 8 || reply->image_count > 1 ||
        reply->values.bytes != values ||
        (classify && (reply->class_count == 0 || reply->class_count > inquiry->question.k)))
        return KIN_CORRUPT;
    kin_buffer_append(&inquiry->second.values, reply->values.data, values);
    kin_code_from_bytes(&inquiry->code, reply->code.data, scope->manifest->bits);
    if (reply->image_count == 1) {
        const kin_message_image *image = &reply->images[0];
        inquiry->thumbnail_width = image->width;
        inquiry->thumbnail_height = image->height;
        kin_buffer_append(&inquiry->thumbnail, image->data.data, image->data.bytes);
    }
    inquiry->encoding = false;
    prune(inquiry, scope);
    kin_wave_begin(inquiry, scope);
    inquiry->question.picture = (kin_bytes){0};
    kin_buffer_fini(&inquiry->body);
    return KIN_OK;
}

static kin_status take_reply(kin_inquiry *inquiry, kin_inquiry_scope *scope, kin_leg *leg,
                             kin_message *reply, kin_buffer *body)
{
    if (reply->type == KIN_MESSAGE_ERROR) return kin_message_error(reply, &inquiry->failure);
    kin_status status = KIN_CORRUPT;
    if (inquiry->encoding && reply->type == KIN_MESSAGE_CODE)
        status = take_code(inquiry, scope, reply);
    else if (!inquiry->encoding && kin_reply_is_right(inquiry, scope, leg, reply))
        status = KIN_OK;
    if (status != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "worker %s answered a question with something else",
                scope->fleet->workers[leg->worker]->name);
        return kin_fail(&inquiry->failure, KIN_UNAVAILABLE, "worker %s talks nonsense",
                        scope->fleet->workers[leg->worker]->name);
    }
    leg->reply = *reply;
    leg->body = *body;
    memset(reply, 0, sizeof *reply);
    memset(body, 0, sizeof *body);
    return KIN_OK;
}

void kin_inquiry_reply(kin_inquiry *inquiry, kin_inquiry_scope *scope, uint32_t worker,
                       kin_message *reply, kin_buffer *body)
{
    uint32_t i = 0;
    while (i < inquiry->leg_count && inquiry->legs[i].number != reply->request)
        i++;
    if (i == inquiry->leg_count || !inquiry->legs[i].open || inquiry->legs[i].worker != worker)
        return;
    kin_leg *leg = &inquiry->legs[i];
    if (take_reply(inquiry, scope, leg, reply, body) != KIN_OK) {
        fail_leg(inquiry, scope, leg);
    } else {
        close_leg(inquiry, scope, leg);
        for (uint32_t n = 0; n < leg->shard_count; n++)
            if (inquiry->owner[leg->shards[n]] == KIN_FLEET_NONE)
                inquiry->owner[leg->shards[n]] = i;
    }
    kin_inquiry_dispatch(inquiry, scope);
}

void kin_inquiry_worker_gone(kin_inquiry *inquiry, kin_inquiry_scope *scope, uint32_t worker)
{
    for (uint32_t i = 0; i < inquiry->leg_count; i++) {
        kin_leg *leg = &inquiry->legs[i];
        if (leg->worker != worker || !leg->open) continue;
        (void)kin_fail(&inquiry->failure, KIN_UNAVAILABLE, "a worker died while it was asked");
        fail_leg(inquiry, scope, leg);
    }
    kin_inquiry_dispatch(inquiry, scope);
}

bool kin_inquiry_done(const kin_inquiry *inquiry, const kin_inquiry_scope *scope, int64_t now_ns)
{
    if (inquiry->final || now_ns >= inquiry->deadline_ns) return true;
    if (inquiry->encoding || wants_second_round(inquiry)) return false;
    return is_settled(inquiry, scope);
}
