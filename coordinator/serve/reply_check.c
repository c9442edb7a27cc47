#include "coordinator/serve/reply_check.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "coordinator/serve/inquiry_score.h"
#include "proto/ranked.h"

/* Whether a partial list is what was asked for: sums, order and ranges. */
static bool is_found(const kin_inquiry *inquiry, const kin_leg *leg, const kin_message *found)
{
    uint64_t counts = inquiry->question.histogram
                          ? (uint64_t)leg->shard_count * (uint32_t)(inquiry->question.within + 1)
                          : 0;
    if (found->shard_count != leg->shard_count || found->hit_count > kin_inquiry_depth(inquiry) ||
        found->count_count != counts)
        return false;
    for (uint32_t i = 0; i < found->shard_count; i++)
        if (found->shards[i].shard != leg->shards[i]) return false;
    for (uint32_t i = 0; i < found->hit_count; i++)
        if (!kin_leg_has(leg, found->hits[i].shard) ||
            (i > 0 && !kin_hit_before(&found->hits[i - 1], &found->hits[i])))
            return false;
    return true;
}

/* The same of a batch, code by code. */
static bool is_ranked(const kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                      const kin_leg *leg, const kin_message *reply)
{
    uint32_t k = inquiry->question.k, count;
    size_t row_bytes = (size_t)k * KIN_RANKED_BYTES;
    if (reply->ranked.bytes != inquiry->batch * row_bytes) return false;
    kin_hit *hits = kin_calloc(k, sizeof *hits);
    bool right = true;
    for (uint32_t i = 0; right && i < inquiry->batch; i++) {
        right = kin_ranked_parse((const uint8_t *)reply->ranked.data + i * row_bytes, k,
                                 scope->manifest->bits, hits, &count);
        for (uint32_t n = 0; right && n < count; n++)
            right = kin_leg_has(leg, hits[n].shard);
    }
    free(hits);
    return right;
}

static bool are_images(const kin_inquiry *inquiry, const kin_leg *leg, const kin_message *images)
{
    uint32_t rows = 0;
    for (uint32_t i = 0; i < inquiry->question.row_count; i++)
        rows += kin_leg_has(leg, inquiry->question.rows[i].shard);
    return rows == images->image_count;
}

bool kin_reply_is_right(const kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                        const kin_leg *leg, const kin_message *reply)
{
    if (leg->shard_count == 0) return false;
    if (inquiry->second.begun)
        return reply->type == KIN_MESSAGE_SCORED && kin_score_valid(inquiry, leg, reply);
    switch (inquiry->question.type) {
    case KIN_MESSAGE_SEARCH:
        return reply->type == KIN_MESSAGE_FOUND && is_found(inquiry, leg, reply);
    case KIN_MESSAGE_BATCH:
        return reply->type == KIN_MESSAGE_RANKED && is_ranked(inquiry, scope, leg, reply);
    default:
        return reply->type == KIN_MESSAGE_IMAGES && are_images(inquiry, leg, reply);
    }
}
