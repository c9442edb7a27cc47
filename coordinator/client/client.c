#include "coordinator/client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "coordinator/client/client_wire.h"
#include "coordinator/client/cluster.h"
#include "proto/link.h"
#include "proto/message.h"
#include "proto/scored.h"

/* A coordinator answers by the deadline; the answer gets this long to travel. */
#define TRAVEL_MS 2000
/* Between two tries to send to a coordinator that is not there yet. */
#define RETRY_MS 5

struct kin_client {
    char *target;
    int64_t deadline_ms;
    bool allow_partial;
    kin_cluster *cluster; /* of a target that is a folder */
    kin_key_pair pair;
    kin_link_context *context;
    kin_link *link;
    uint64_t request; /* number of the last question */
    unsigned bits;    /* of codes; 0: not asked yet */
    kin_buffer body;
};

static kin_status connect_link(kin_client *client, const char *endpoint,
                               const kin_client_options *options, kin_error *error)
{
    kin_link_security security = {.server_key = options->server_key};
    if ((options->key_file == NULL) != (options->server_key == NULL))
        return kin_fail(error, KIN_BAD_INPUT,
                        "--key and --server-key go together: this side's key file, and the "
                        "coordinator's public key");
    if (options->key_file != NULL) {
        kin_status status = kin_key_pair_read(options->key_file, &client->pair, error);
        if (status != KIN_OK) return status;
        security.pair = &client->pair;
    }
    client->context = kin_link_context_new();
    return kin_link_connect(&client->link, client->context, endpoint, &security, error);
}

kin_status kin_client_open(kin_client **client, const kin_client_options *options, kin_error *error)
{
    kin_client *made = kin_calloc(1, sizeof *made);
    const char *endpoint = options->target;
    kin_status status = KIN_OK;
    made->target = kin_strdup(options->target);
    made->deadline_ms = options->deadline_ms;
    made->allow_partial = options->allow_partial;
    if (strstr(options->target, "://") == NULL) {
        kin_cluster_options cluster = KIN_CLUSTER_OPTIONS_DEFAULT;
        cluster.index_path = options->target;
        cluster.workers = 1;
        cluster.encoders = 1; /* questions come one after the other */
        cluster.quiet = true;
        status = kin_cluster_start(&made->cluster, &cluster, error);
        if (status == KIN_OK) endpoint = kin_cluster_endpoint(made->cluster);
    }
    if (status == KIN_OK) status = connect_link(made, endpoint, options, error);
    if (status != KIN_OK) kin_client_close(&made);
    *client = made;
    return status;
}

void kin_client_close(kin_client **client)
{
    if (*client == NULL) return;
    kin_link_close(&(*client)->link);
    if ((*client)->context != NULL) kin_link_context_close(&(*client)->context);
    kin_cluster_stop(&(*client)->cluster);
    kin_buffer_fini(&(*client)->body);
    free((*client)->target);
    free(*client);
    *client = NULL;
}

/* --- Question and reply --------------------------------------------------------------------- */

static kin_status no_answer(const kin_client *client, kin_error *error)
{
    return kin_fail(error, KIN_UNAVAILABLE,
                    "no answer from %s within %lld ms; is a coordinator running there (kindred "
                    "serve INDEX), with keys that fit?",
                    client->target, (long long)client->deadline_ms);
}

int64_t kin_client_end_ms(const kin_client *client)
{
    return kin_clock_ms() + client->deadline_ms + TRAVEL_MS;
}

kin_status kin_client_send(kin_client *client, kin_message *question, int64_t end_ms,
                           kin_error *error)
{
    kin_buffer body = {0};
    question->request = ++client->request;
    question->deadline_ms = client->deadline_ms;
    kin_status status = kin_message_build(question, &body, error);
    bool sent = false;
    while (status == KIN_OK && !sent) {
        sent = kin_link_send(client->link, NULL, body.data, body.bytes) == KIN_OK;
        if (!sent && kin_clock_ms() > end_ms)
            status = no_answer(client, error);
        else if (!sent)
            kin_sleep_ms(RETRY_MS);
    }
    kin_buffer_fini(&body);
    return status;
}

kin_status kin_client_receive(kin_client *client, kin_message *reply, kin_buffer *body,
                              int64_t end_ms, kin_error *error)
{
    memset(reply, 0, sizeof *reply);
    for (;;) {
        kin_link_wait wait = {.link = client->link};
        int64_t left_ms = end_ms - kin_clock_ms();
        if (left_ms <= 0) return no_answer(client, error);
        kin_link_wait_any(&wait, 1, left_ms);
        if (kin_link_receive(client->link, NULL, body))
            return kin_message_parse(reply, body->data, body->bytes, error);
    }
}

kin_status kin_client_expect(const kin_client *client, const kin_message *reply,
                             kin_message_type wanted, kin_error *error)
{
    if (reply->type == KIN_MESSAGE_ERROR) return kin_message_error(reply, error);
    if (reply->type == wanted) return KIN_OK;
    return kin_fail(error, KIN_CORRUPT, "%s answered with a '%s'", client->target,
                    kin_message_type_word(reply->type));
}

kin_status kin_client_ask(kin_client *client, kin_message *question, kin_message_type wanted,
                          kin_message *reply, kin_error *error)
{
    int64_t end_ms = kin_client_end_ms(client);
    memset(reply, 0, sizeof *reply);
    kin_status status = kin_client_send(client, question, end_ms, error);
    while (status == KIN_OK) {
        kin_message_fini(reply); /* of a question that was given up */
        status = kin_client_receive(client, reply, &client->body, end_ms, error);
        if (status == KIN_OK && reply->request == client->request) break;
    }
    if (status == KIN_OK) status = kin_client_expect(client, reply, wanted, error);
    if (status != KIN_OK) {
        kin_message_fini(reply);
        memset(reply, 0, sizeof *reply);
    }
    return status;
}

/* Pixels of a message as an image of our own; zeroed where there are none. */
static kin_status take_pixels(const kin_client *client, const kin_message_image *from,
                              kin_image *image, kin_error *error)
{
    memset(image, 0, sizeof *image);
    if (from->data.bytes == 0) return KIN_OK;
    if (from->width == 0 || from->height == 0 || from->width > KIN_THUMBNAIL_SIDE_MAX ||
        from->height > KIN_THUMBNAIL_SIDE_MAX ||
        from->data.bytes != (size_t)from->width * from->height * 3)
        return kin_fail(error, KIN_CORRUPT, "%s sent a thumbnail of impossible size",
                        client->target);
    kin_image_init(image, from->width, from->height);
    memcpy(image->pixels, from->data.data, from->data.bytes);
    return KIN_OK;
}

static void take_scores(const kin_message *reply, kin_answer *answer)
{
    answer->rerank = reply->rerank;
    answer->score_count = (uint32_t)(reply->scores.bytes / KIN_SCORED_SCORE_BYTES);
    answer->scores = kin_calloc(answer->score_count, sizeof *answer->scores);
    for (uint32_t i = 0; i < answer->score_count; i++)
        answer->scores[i] = kin_scored_get_score(reply->scores, i);
}

static kin_status take_answer(kin_client *client, const kin_question *question,
                              const kin_message *reply, kin_answer *answer, kin_error *error)
{
    uint32_t distances = question->histogram ? (uint32_t)(question->within + 1) : 0;
    if (!kin_code_bits_valid(reply->bits) || reply->count_count != distances ||
        reply->code.bytes != reply->bits / 8 || reply->shard_count > reply->shard_total ||
        reply->scores.bytes > (size_t)reply->hit_count * KIN_SCORED_SCORE_BYTES ||
        reply->generation.bytes >= sizeof answer->generation)
        return kin_fail(error, KIN_CORRUPT, "%s sent an impossible answer", client->target);
    client->bits = answer->bits = reply->bits;
    kin_code_from_bytes(&answer->code, reply->code.data, reply->bits);
    memcpy(answer->generation, reply->generation.data, reply->generation.bytes);
    answer->shards = reply->shard_total;
    answer->answered = reply->shard_total - reply->shard_count;
    answer->total_within = reply->total;
    answer->pruned = reply->pruned;
    answer->radius = reply->radius;
    answer->any_ties = reply->any_ties;
    for (size_t i = 0; i < reply->fingerprint.bytes; i++)
        snprintf(answer->fingerprint + 2 * i, 3, "%02x",
                 ((const uint8_t *)reply->fingerprint.data)[i]);
    if (reply->count_count > 0) {
        answer->histogram = kin_calloc(reply->count_count, sizeof *answer->histogram);
        memcpy(answer->histogram, reply->counts, reply->count_count * sizeof *answer->histogram);
    }
    answer->hits = kin_calloc(reply->hit_count, sizeof *answer->hits);
    answer->keys = kin_calloc(reply->hit_count, sizeof *answer->keys);
    answer->key_bytes = kin_calloc(reply->hit_count, sizeof *answer->key_bytes);
    for (; answer->hit_count < reply->hit_count; answer->hit_count++) {
        uint32_t i = answer->hit_count;
        answer->hits[i] = reply->hits[i];
        answer->keys[i] = kin_bytes_text(reply->keys[i]);
        answer->key_bytes[i] = (uint32_t)reply->keys[i].bytes;
    }
    take_scores(reply, answer);
    if (reply->image_count == 0) return KIN_OK;
    return take_pixels(client, &reply->images[0], &answer->thumbnail, error);
}

kin_status kin_client_search(kin_client *client, const kin_question *question, kin_answer *answer,
                             kin_error *error)
{
    kin_message message = kin_message_of(KIN_MESSAGE_SEARCH), reply;
    uint8_t code[KIN_CODE_BYTES_MAX];
    memset(answer, 0, sizeof *answer);
    message.k = question->k;
    message.within = question->within;
    message.any_ties = question->any_ties;
    message.exhaustive = question->exhaustive;
    message.histogram = question->histogram;
    message.partial = client->allow_partial;
    message.thumbnail = question->thumbnail_side;
    message.rerank = question->rerank;
    if (question->picture != NULL) {
        if (question->picture_bytes > KIN_PICTURE_BYTES_MAX)
            return kin_fail(error, KIN_LIMIT, "the picture has %zu bytes; the limit is %u",
                            question->picture_bytes, KIN_PICTURE_BYTES_MAX);
        message.picture = (kin_bytes){question->picture, question->picture_bytes};
    } else {
        unsigned bits;
        kin_status status = kin_client_bits(client, &bits, error);
        if (status != KIN_OK) return status;
        kin_code_to_bytes(&question->code, code, bits);
        message.code = (kin_bytes){code, bits / 8};
    }
    kin_status status = kin_client_ask(client, &message, KIN_MESSAGE_HITS, &reply, error);
    if (status == KIN_OK && reply.rerank != question->rerank)
        status = kin_fail(error, KIN_MISMATCH,
                          "%s does not re-rank: its coordinator is older than this program",
                          client->target);
    if (status == KIN_OK) status = take_answer(client, question, &reply, answer, error);
    kin_message_fini(&reply);
    if (status != KIN_OK) kin_answer_fini(answer);
    if (status == KIN_OK && answer->answered < answer->shards)
        status = kin_fail(error, KIN_PARTIAL, "the answer misses %u of %u shards",
                          answer->shards - answer->answered, answer->shards);
    return status;
}

void kin_answer_fini(kin_answer *answer)
{
    for (uint32_t i = 0; i < answer->hit_count; i++)
        free(answer->keys[i]);
    free(answer->keys);
    free(answer->key_bytes);
    free(answer->hits);
    free(answer->histogram);
    free(answer->scores);
    kin_image_fini(&answer->thumbnail);
    memset(answer, 0, sizeof *answer);
}

/* --- Thumbnails ----------------------------------------------------------------------------- */

/* One request: the thumbnails of hits [first, first + count). */
static kin_status ask_thumbnails(kin_client *client, const kin_answer *answer, uint32_t first,
                                 uint32_t count, kin_image *images, kin_buffer *jpegs,
                                 kin_error *error)
{
    kin_row rows[KIN_THUMBNAILS_PER_REQUEST_MAX];
    kin_message message = kin_message_of(KIN_MESSAGE_THUMBNAILS), reply;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (kin_row){answer->hits[first + i].shard, answer->hits[first + i].row};
    message.rows = rows;
    message.row_count = count;
    message.rgb = images != NULL;
    message.generation = kin_bytes_of(answer->generation);
    kin_status status = kin_client_ask(client, &message, KIN_MESSAGE_IMAGES, &reply, error);
    if (status == KIN_OK && reply.image_count != count)
        status = kin_fail(error, KIN_CORRUPT, "%s sent %u thumbnails instead of %u", client->target,
                          reply.image_count, count);
    for (uint32_t i = 0; status == KIN_OK && i < count; i++) {
        const kin_message_image *image = &reply.images[i];
        if (images != NULL)
            status = take_pixels(client, image, &images[first + i], error);
        else
            kin_buffer_append(&jpegs[first + i], image->data.data, image->data.bytes);
    }
    kin_message_fini(&reply);
    return status;
}

static kin_status ask_all(kin_client *client, const kin_answer *answer, kin_image *images,
                          kin_buffer *jpegs, kin_error *error)
{
    kin_status status = KIN_OK;
    for (uint32_t first = 0; status == KIN_OK && first < answer->hit_count;) {
        uint32_t count = answer->hit_count - first;
        if (count > KIN_THUMBNAILS_PER_REQUEST_MAX) count = KIN_THUMBNAILS_PER_REQUEST_MAX;
        status = ask_thumbnails(client, answer, first, count, images, jpegs, error);
        first += count;
    }
    return status;
}

kin_status kin_client_thumbnails(kin_client *client, const kin_answer *answer, kin_image *images,
                                 kin_buffer *jpegs, kin_error *error)
{
    kin_status status = KIN_OK;
    if (images != NULL) {
        memset(images, 0, answer->hit_count * sizeof *images);
        status = ask_all(client, answer, images, NULL, error);
    }
    if (status == KIN_OK && jpegs != NULL) status = ask_all(client, answer, NULL, jpegs, error);
    for (uint32_t i = 0; status != KIN_OK && images != NULL && i < answer->hit_count; i++)
        kin_image_fini(&images[i]);
    return status;
}

/* --- Status --------------------------------------------------------------------------------- */

static kin_status ask_report(kin_client *client, kin_buffer *json, kin_error *error)
{
    kin_message message = kin_message_of(KIN_MESSAGE_STATUS), reply;
    kin_status status = kin_client_ask(client, &message, KIN_MESSAGE_REPORT, &reply, error);
    if (status == KIN_OK && !kin_code_bits_valid(reply.bits))
        status =
            kin_fail(error, KIN_CORRUPT, "%s has codes of %u bits", client->target, reply.bits);
    if (status == KIN_OK) {
        client->bits = reply.bits;
        if (json != NULL) kin_buffer_append(json, reply.report.data, reply.report.bytes);
    }
    kin_message_fini(&reply);
    return status;
}

kin_status kin_client_status(kin_client *client, kin_buffer *json, kin_error *error)
{
    return ask_report(client, json, error);
}

kin_status kin_client_bits(kin_client *client, unsigned *bits, kin_error *error)
{
    kin_status status = client->bits > 0 ? KIN_OK : ask_report(client, NULL, error);
    *bits = client->bits;
    return status;
}
