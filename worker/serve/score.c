#include "worker/serve/score.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/code/values.h"
#include "proto/scored.h"

/* Places between two looks at the clock: rows that are not in memory take a tenth of a millisecond
 * each. */
#define CLOCK_PLACES 1024

/* The question, and the shard of the place before: hits of one shard often follow each other. */
typedef struct scoring {
    const kin_message *message;
    kin_holding *holding;
    int16_t asked[KIN_CODE_BITS_MAX];
    uint32_t dimensions;
    uint32_t shard;
    kin_held_shard *held; /* NULL: none */
} scoring;

static void put(scoring *self)
{
    if (self->held != NULL) kin_holding_put(self->holding, self->held);
    self->held = NULL;
}

static kin_status hold(scoring *self, uint32_t shard, kin_error *error)
{
    if (self->held != NULL && self->shard == shard) return KIN_OK;
    put(self);
    self->held = kin_holding_get(self->holding, shard);
    self->shard = shard;
    if (self->held == NULL)
        return kin_fail(error, KIN_NOT_FOUND, "shard %u is not open here", shard);
    uint32_t stored = kin_shard_reader_value_dimensions(self->held->reader);
    if (stored == 0)
        return kin_fail(error, KIN_MISMATCH, "shard %u keeps no values to re-rank by", shard);
    if (stored != self->dimensions)
        return kin_fail(error, KIN_BAD_INPUT, "a question of %u values; shard %u keeps %u",
                        self->dimensions, shard, stored);
    return KIN_OK;
}

static kin_status score_place(scoring *self, kin_row place, uint32_t *score, kin_error *error)
{
    kin_status status = hold(self, place.shard, error);
    if (status != KIN_OK) return status;
    if (place.row >= self->held->codes.count)
        return kin_fail(error, KIN_BAD_INPUT, "shard %u has %llu rows, and none of number %llu",
                        place.shard, (unsigned long long)self->held->codes.count,
                        (unsigned long long)place.row);
    const int8_t *values = kin_shard_reader_values(self->held->reader, place.row);
    *score = kin_values_distance(self->asked, values, self->dimensions);
    return KIN_OK;
}

static kin_status score_all(scoring *self, kin_job *job, kin_error *error)
{
    uint32_t count, score = 0;
    if (!kin_scored_places_valid(self->message->places, KIN_SHARDS_MAX, &count))
        return kin_fail(error, KIN_BAD_INPUT, "'places' has %zu bytes that are no places",
                        self->message->places.bytes);
    uint8_t *scores = kin_malloc((size_t)count * KIN_SCORED_SCORE_BYTES);
    kin_status status = KIN_OK;
    for (uint32_t i = 0; status == KIN_OK && i < count; i++) {
        status = score_place(self, kin_scored_get_place(self->message->places, i), &score, error);
        if (status == KIN_OK)
            kin_scored_put_score(score, scores + (size_t)i * KIN_SCORED_SCORE_BYTES);
        if (i % CLOCK_PLACES == 0 && kin_clock_ns() > job->deadline_ns)
            status = kin_fail(error, KIN_DEADLINE, "the worker did not finish in time");
    }
    put(self);
    kin_message scored = kin_message_of(KIN_MESSAGE_SCORED);
    scored.request = self->message->request;
    scored.scores = (kin_bytes){scores, (size_t)count * KIN_SCORED_SCORE_BYTES};
    if (status == KIN_OK) status = kin_message_build(&scored, &job->reply, error);
    free(scores);
    return status;
}

void kin_score_run(kin_job *job, kin_holding *holding, kin_job_returns *returns)
{
    kin_error error = {0};
    scoring self = {.message = &job->message, .holding = holding};
    kin_bytes values = job->message.values;
    kin_status status = KIN_OK;
    self.dimensions = (uint32_t)(values.bytes / KIN_SCORED_VALUE_BYTES);
    if (values.bytes % KIN_SCORED_VALUE_BYTES != 0 || self.dimensions == 0)
        status = kin_fail(&error, KIN_BAD_INPUT, "'values' has %zu bytes that are no values",
                          values.bytes);
    if (status == KIN_OK) {
        kin_scored_get_values(values.data, self.dimensions, self.asked);
        status = score_all(&self, job, &error);
    }
    if (status == KIN_OK)
        kin_job_return(returns, job);
    else
        kin_job_fail(returns, job, &error);
}
