/* What a client gets for its question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/code/topk.h"
#include "coordinator/serve/inquiry_score.h"
#include "proto/ranked.h"
#include "proto/scored.h"

static uint64_t total_of(const kin_inquiry *inquiry)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < inquiry->leg_count; i++) {
        const kin_message *found = &inquiry->legs[i].reply;
        for (uint32_t n = 0; n < found->shard_count; n++)
            if (inquiry->owner[found->shards[n].shard] == i) total += found->shards[n].total;
    }
    return total;
}

/* Shards without an answer, into missing [shard_count]. */
static uint32_t find_missing(const kin_inquiry *inquiry, kin_message_shard *missing)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < inquiry->shard_count; s++)
        if (inquiry->needed[s] && inquiry->owner[s] == KIN_FLEET_NONE)
            missing[count++] = (kin_message_shard){.shard = s};
    return count;
}

static kin_status refuse_partial(const kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                                 const kin_message_shard *missing, uint32_t count, kin_error *error)
{
    const char *why = inquiry->failure.text;
    for (uint32_t i = 0; i < count; i++)
        if (scope->fleet->damage[missing[i].shard] != NULL)
            why = scope->fleet->damage[missing[i].shard];
    char list[128] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < count && used < sizeof list - 16; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%u", i > 0 ? ", " : "",
                                 missing[i].shard);
    return kin_fail(error, KIN_PARTIAL,
                    "%u of %u shards did not answer (%s%s)%s%s; start a worker that has them, or "
                    "allow partial answers",
                    count, inquiry->shard_count, list, used >= sizeof list - 16 ? ", ..." : "",
                    why[0] != 0 ? ": " : "", why);
}

/* How far an answer is proven that misses no shard: nothing that is not among the hits [count] that
 * were found is nearer than the last one of them, and where there are fewer than were asked for,
 * nothing is nearer than `within`, or at all. */
static int32_t radius_of(const kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                         const kin_merged_hit *hits, uint32_t count)
{
    if (count == kin_inquiry_depth(inquiry)) return (int32_t)hits[count - 1].hit.distance;
    return inquiry->question.within >= 0 ? inquiry->question.within
                                         : (int32_t)scope->manifest->bits;
}

/* Codes at each distance up to `within`, over all shards; the caller frees. */
static uint64_t *sum_histograms(const kin_inquiry *inquiry, uint32_t *count)
{
    if (!inquiry->question.histogram) return NULL;
    uint32_t width = (uint32_t)inquiry->question.within + 1;
    uint64_t *sums = kin_calloc(width, sizeof *sums);
    for (uint32_t i = 0; i < inquiry->leg_count; i++) {
        const kin_message *found = &inquiry->legs[i].reply;
        for (uint32_t n = 0; n < found->shard_count; n++)
            for (uint32_t d = 0; inquiry->owner[found->shards[n].shard] == i && d < width; d++)
                sums[d] += found->counts[n * width + d];
    }
    *count = width;
    return sums;
}

/* The answer's hits, their keys, and the scores of those that have one: all are the caller's to
 * free. */
static void put_hits(const kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                     uint32_t missing_count, kin_message *answer, uint8_t **scores)
{
    uint32_t count, scored = 0;
    kin_merged_hit *merged = kin_hits_merge(inquiry, kin_inquiry_depth(inquiry), &count);
    answer->radius = missing_count > 0 ? -1 : radius_of(inquiry, scope, merged, count);
    if (inquiry->question.rerank > 0) scored = kin_hits_rerank(inquiry, merged, count);
    if (count > inquiry->question.k) count = inquiry->question.k;
    if (scored > count) scored = count;
    answer->hits = kin_calloc(count, sizeof *answer->hits);
    answer->keys = kin_calloc(count, sizeof *answer->keys);
    *scores = kin_malloc((size_t)count * KIN_SCORED_SCORE_BYTES);
    for (; answer->hit_count < count; answer->hit_count++) {
        const kin_merged_hit *hit = &merged[answer->hit_count];
        answer->hits[answer->hit_count] = hit->hit;
        answer->keys[answer->hit_count] = hit->key;
        kin_scored_put_score(hit->score,
                             *scores + (size_t)answer->hit_count * KIN_SCORED_SCORE_BYTES);
    }
    answer->rerank = inquiry->question.rerank;
    if (answer->rerank > 0)
        answer->scores = (kin_bytes){*scores, (size_t)scored * KIN_SCORED_SCORE_BYTES};
    free(merged);
}

static kin_status build_hits(kin_inquiry *inquiry, kin_inquiry_scope *scope,
                             kin_message_shard *missing, uint32_t missing_count, kin_buffer *out,
                             kin_error *error)
{
    uint8_t code[KIN_CODE_BYTES_MAX];
    kin_message answer = kin_message_of(KIN_MESSAGE_HITS);
    kin_message_image thumbnail = {
        .width = inquiry->thumbnail_width,
        .height = inquiry->thumbnail_height,
        .data = {inquiry->thumbnail.data, inquiry->thumbnail.bytes},
    };
    uint8_t *scores = NULL;
    put_hits(inquiry, scope, missing_count, &answer, &scores);
    kin_code_to_bytes(&inquiry->code, code, scope->manifest->bits);
    answer.request = inquiry->question.request;
    answer.bits = scope->manifest->bits;
    answer.fingerprint =
        (kin_bytes){&scope->manifest->fingerprint, sizeof scope->manifest->fingerprint};
    answer.pruned = inquiry->pruned;
    answer.any_ties = inquiry->question.any_ties;
    answer.counts = sum_histograms(inquiry, &answer.count_count);
    answer.code = (kin_bytes){code, scope->manifest->bits / 8};
    answer.generation = kin_bytes_of(scope->generation);
    answer.shard_total = inquiry->shard_count;
    answer.shards = missing;
    answer.shard_count = missing_count;
    answer.total = total_of(inquiry);
    answer.images = &thumbnail;
    answer.image_count = inquiry->thumbnail.bytes > 0;
    kin_status status = kin_message_build(&answer, out, error);
    free(scores);
    free(answer.counts);
    free(answer.hits);
    free(answer.keys);
    return status;
}

/* Images in the order of the question's rows. Each leg has those of all its shards in that order,
 * also of shards that another leg answered before. */
static kin_status build_images(kin_inquiry *inquiry, kin_buffer *out, kin_error *error)
{
    const kin_message *question = &inquiry->question;
    kin_message answer = kin_message_of(KIN_MESSAGE_IMAGES);
    uint32_t *next = kin_calloc(inquiry->leg_count, sizeof *next);
    answer.request = question->request;
    answer.image_count = question->row_count;
    answer.images = kin_calloc(question->row_count, sizeof *answer.images);
    for (uint32_t i = 0; i < question->row_count; i++) {
        uint32_t shard = question->rows[i].shard;
        for (uint32_t n = 0; n < inquiry->leg_count; n++) {
            const kin_leg *leg = &inquiry->legs[n];
            if (leg->reply.image_count == 0 || !kin_leg_has(leg, shard)) continue;
            uint32_t image = next[n]++;
            if (inquiry->owner[shard] == n) answer.images[i] = leg->reply.images[image];
        }
    }
    kin_status status = kin_message_build(&answer, out, error);
    free(answer.images);
    free(next);
    return status;
}

/* The k first of what all legs say, code by code; each hit from the leg that owns its shard. */
static kin_status build_ranked(kin_inquiry *inquiry, kin_inquiry_scope *scope, kin_buffer *out,
                               kin_error *error)
{
    uint32_t k = inquiry->question.k, count = 0;
    size_t row_bytes = (size_t)k * KIN_RANKED_BYTES;
    kin_message answer = kin_message_of(KIN_MESSAGE_RANKED);
    uint8_t *ranked = kin_malloc(inquiry->batch * row_bytes);
    kin_hit *heap = kin_calloc(k, sizeof *heap), *hits = kin_calloc(k, sizeof *hits);
    for (uint32_t i = 0; i < inquiry->batch; i++) {
        kin_topk topk;
        kin_topk_init(&topk, heap, k);
        for (uint32_t leg = 0; leg < inquiry->leg_count; leg++) {
            const uint8_t *rows = inquiry->legs[leg].reply.ranked.data;
            if (rows == NULL) continue;
            bool right =
                kin_ranked_parse(rows + i * row_bytes, k, scope->manifest->bits, hits, &count);
            KIN_CHECK(right); /* looked at when it came */
            for (uint32_t n = 0; n < count; n++)
                if (inquiry->owner[hits[n].shard] == leg) kin_topk_push(&topk, &hits[n]);
        }
        kin_ranked_build(heap, kin_topk_finish(&topk), k, ranked + i * row_bytes);
    }
    answer.request = inquiry->question.request;
    answer.ranked = (kin_bytes){ranked, inquiry->batch * row_bytes};
    kin_status status = kin_message_build(&answer, out, error);
    free(hits);
    free(heap);
    free(ranked);
    return status;
}

/* What the worker said of the picture. */
static kin_status build_classes(const kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                                kin_buffer *out, kin_error *error)
{
    kin_message answer = kin_message_of(KIN_MESSAGE_CLASSES);
    for (uint32_t i = 0; i < inquiry->leg_count; i++) {
        const kin_message *reply = &inquiry->legs[i].reply;
        if (reply->class_count == 0) continue;
        answer.classes = reply->classes;
        answer.class_count = reply->class_count;
        answer.total = reply->total;
    }
    answer.request = inquiry->question.request;
    answer.generation = kin_bytes_of(scope->generation);
    answer.fingerprint =
        (kin_bytes){&scope->manifest->fingerprint, sizeof scope->manifest->fingerprint};
    return kin_message_build(&answer, out, error);
}

static kin_status build_answer(kin_inquiry *inquiry, kin_inquiry_scope *scope, kin_buffer *out,
                               kin_error *error)
{
    if (inquiry->final) {
        *error = inquiry->failure;
        return error->status;
    }
    if (inquiry->encoding)
        return kin_fail(error, KIN_DEADLINE, "no worker encoded the picture in time%s%s",
                        inquiry->failure.text[0] != 0 ? ": " : "", inquiry->failure.text);
    if (inquiry->question.type == KIN_MESSAGE_CLASSIFY)
        return build_classes(inquiry, scope, out, error);
    if (inquiry->second.begun) kin_score_settle(inquiry);
    kin_message_shard *missing = kin_calloc(inquiry->shard_count, sizeof *missing);
    uint32_t count = find_missing(inquiry, missing);
    bool images = inquiry->question.type == KIN_MESSAGE_THUMBNAILS;
    bool batch = inquiry->question.type == KIN_MESSAGE_BATCH;
    kin_status status;
    if (count > 0 &&
        (images || batch || !inquiry->question.partial || count == inquiry->shard_count))
        status = refuse_partial(inquiry, scope, missing, count, error);
    else if (inquiry->question.rerank > 0 && !inquiry->second.begun)
        status = kin_fail(error, KIN_DEADLINE, "the hits were not re-ranked in time");
    else if (images)
        status = build_images(inquiry, out, error);
    else if (batch)
        status = build_ranked(inquiry, scope, out, error);
    else
        status = build_hits(inquiry, scope, missing, count, out, error);
    free(missing);
    return status == KIN_OK && count > 0 ? KIN_PARTIAL : status;
}

kin_status kin_inquiry_answer(kin_inquiry *inquiry, kin_inquiry_scope *scope, kin_buffer *out)
{
    kin_error error = {0};
    kin_status status = build_answer(inquiry, scope, out, &error);
    if (error.status != KIN_OK) kin_message_build_error(inquiry->question.request, &error, out);
    return status;
}
