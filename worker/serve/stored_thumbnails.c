#include "worker/serve/stored_thumbnails.h"

#include "common/base/check.h"
#include "common/base/limits.h"

kin_status kin_stored_thumbnail_get(kin_holding *holding, const kin_row *row, kin_held_shard **held,
                                    kin_bytes *jpeg, kin_error *error)
{
    const uint8_t *data = NULL;
    uint32_t bytes = 0;
    kin_status status;
    *held = kin_holding_get(holding, row->shard);
    if (*held == NULL)
        return kin_fail(error, KIN_NOT_FOUND, "shard %u is not open here", row->shard);
    if (row->row >= (*held)->codes.count)
        status = kin_fail(error, KIN_BAD_INPUT, "shard %u has %llu rows, and none of number %llu",
                          row->shard, (unsigned long long)(*held)->codes.count,
                          (unsigned long long)row->row);
    else
        status = kin_shard_reader_thumbnail((*held)->reader, row->row, &data, &bytes, error);
    if (status == KIN_OK) {
        *jpeg = (kin_bytes){.data = data, .bytes = bytes};
        return KIN_OK;
    }
    kin_holding_put(holding, *held);
    *held = NULL;
    return status;
}

void kin_stored_thumbnails_answer(kin_job *job, kin_holding *holding, kin_job_returns *returns)
{
    kin_message_image images[KIN_THUMBNAILS_PER_REQUEST_MAX] = {0};
    kin_held_shard *held[KIN_THUMBNAILS_PER_REQUEST_MAX];
    kin_message answer = kin_message_of(KIN_MESSAGE_IMAGES);
    kin_error error = {0};
    kin_status status = KIN_OK;
    answer.request = job->message.request;
    answer.images = images;
    KIN_CHECK(job->message.row_count <= KIN_THUMBNAILS_PER_REQUEST_MAX);
    while (status == KIN_OK && answer.image_count < job->message.row_count) {
        uint32_t i = answer.image_count;
        status = kin_stored_thumbnail_get(holding, &job->message.rows[i], &held[i], &images[i].data,
                                          &error);
        if (status == KIN_OK) answer.image_count++;
    }
    if (status == KIN_OK) status = kin_message_build(&answer, &job->reply, &error);
    for (uint32_t i = 0; i < answer.image_count; i++)
        kin_holding_put(holding, held[i]);
    if (status == KIN_OK)
        kin_job_return(returns, job);
    else
        kin_job_fail(returns, job, &error);
}
