#include "coordinator/client/code_survey.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "proto/shard_format.h"

/* A shard that is being read. */
typedef struct open_shard {
    kin_mapping mapping;
    kin_shard_view view;
} open_shard;

static kin_status shard_open(open_shard *shard, const char *folder,
                             const kin_manifest_shard *listed, kin_error *error)
{
    char *path = kin_path_join(folder, listed->file);
    kin_status status = kin_mapping_open(&shard->mapping, path, error);
    if (status == KIN_OK)
        status = kin_shard_view_parse(&shard->view, shard->mapping.data, shard->mapping.bytes,
                                      KIN_SHARD_CHECK_LAZY, path, error);
    if (status == KIN_OK && shard->view.meta.count != listed->count)
        status = kin_fail(error, KIN_MISMATCH, "%s is not the shard that the manifest names", path);
    free(path);
    return status;
}

static void count_pairs(const kin_code *codes, uint32_t count, kin_code_survey *survey)
{
    double sum = 0, squares = 0;
    survey->codes = count;
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = a + 1; b < count; b++)
            survey->at[kin_code_distance(&codes[a], &codes[b])]++;
    for (unsigned d = 0; d <= KIN_CODE_BITS_MAX; d++) {
        survey->pairs += survey->at[d];
        sum += (double)survey->at[d] * d;
        squares += (double)survey->at[d] * d * d;
    }
    if (survey->pairs == 0) return;
    survey->mean = sum / (double)survey->pairs;
    double variance = squares / (double)survey->pairs - survey->mean * survey->mean;
    survey->deviation = variance > 0 ? sqrt(variance) : 0;
}

kin_status kin_code_survey_distances(const char *folder, const kin_manifest *manifest,
                                     kin_code_survey *survey, kin_error *error)
{
    uint64_t all = manifest->indexed, before = 0;
    uint32_t wanted = all < KIN_SURVEY_CODES ? (uint32_t)all : KIN_SURVEY_CODES, drawn = 0;
    kin_code *codes = kin_malloc(KIN_SURVEY_CODES * sizeof *codes);
    kin_status status = KIN_OK;
    memset(survey, 0, sizeof *survey);
    for (uint32_t s = 0; status == KIN_OK && s < manifest->shard_count && drawn < wanted; s++) {
        open_shard shard = {0};
        uint32_t hint = 0;
        uint64_t end = before + manifest->shards[s].count;
        status = shard_open(&shard, folder, &manifest->shards[s], error);
        for (; status == KIN_OK && drawn < wanted; drawn++) {
            uint64_t row = (uint64_t)((unsigned __int128)all * drawn / wanted);
            if (row >= end) break;
            kin_codes_code(&shard.view.codes, row - before, &hint, &codes[drawn]);
        }
        before = end;
        kin_mapping_close(&shard.mapping);
    }
    if (status == KIN_OK) count_pairs(codes, drawn, survey);
    free(codes);
    return status;
}

/* Keeps it where it belongs among the largest. */
static void keep(kin_survey_bucket *buckets, uint32_t room, uint32_t *count,
                 const kin_survey_bucket *found, const kin_shard_view *view, uint64_t row)
{
    uint32_t place = *count;
    while (place > 0 && buckets[place - 1].pictures < found->pictures)
        place--;
    if (place == room || found->pictures < 2) return;
    if (*count == room)
        free(buckets[room - 1].first_key);
    else
        ++*count;
    memmove(buckets + place + 1, buckets + place, (*count - place - 1) * sizeof *buckets);
    buckets[place] = *found;
    kin_buffer key = {0};
    uint64_t start = 0;
    if (view->key_ends != NULL) {
        uint32_t bytes = kin_shard_piece(view->key_ends, row, view->key_bytes, &start);
        kin_text_append_escaped(&key, view->keys + start, bytes);
    }
    kin_buffer_append_byte(&key, 0);
    buckets[place].first_key = (char *)key.data;
}

/* Rows ascend by (code, id), and equal codes are in one shard. */
static void survey_shard(const kin_shard_view *view, kin_survey_bucket *buckets, uint32_t room,
                         uint32_t *count)
{
    kin_survey_bucket run = {0};
    uint64_t first = 0;
    uint32_t hint = 0;
    for (uint64_t row = 0; row <= view->meta.count; row++) {
        kin_code code = {0};
        if (row < view->meta.count) kin_codes_code(&view->codes, row, &hint, &code);
        if (row < view->meta.count && row > 0 && kin_code_compare(&code, &run.code) == 0) {
            run.pictures++;
            continue;
        }
        if (row > 0) keep(buckets, room, count, &run, view, first);
        if (row == view->meta.count) break;
        first = row;
        run = (kin_survey_bucket){
            .code = code, .pictures = 1, .first_id = kin_codes_id(&view->codes, row)};
    }
}

kin_status kin_code_survey_buckets(const char *folder, const kin_manifest *manifest,
                                   kin_survey_bucket *buckets, uint32_t room, uint32_t *count,
                                   kin_error *error)
{
    kin_status status = KIN_OK;
    *count = 0;
    for (uint32_t s = 0; status == KIN_OK && s < manifest->shard_count; s++) {
        open_shard shard = {0};
        status = shard_open(&shard, folder, &manifest->shards[s], error);
        if (status == KIN_OK) survey_shard(&shard.view, buckets, room, count);
        kin_mapping_close(&shard.mapping);
    }
    return status;
}

void kin_survey_buckets_fini(kin_survey_bucket *buckets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(buckets[i].first_key);
}
