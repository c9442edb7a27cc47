#include "worker/serve/picture_desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "worker/serve/stored_thumbnails.h"

struct kin_picture_desk {
    kin_decoder *decoder;
    const kin_encoder *encoder;
    const char *no_pictures;
    kin_queue *queue;
    kin_holding *holding;
    kin_job_returns *returns;
    pthread_t thread;
    kin_features_scratch *scratch;
    float *vector;       /* [dimensions] */
    kin_decoded decoded; /* of the picture at hand */
    kin_image images[KIN_THUMBNAILS_PER_REQUEST_MAX];
};

/* Pixels of an encoded picture that fit side x side. A thumbnail that cannot be read any more is
 * KIN_CORRUPT with its reason. */
static kin_status decode_to_fit(kin_picture_desk *desk, kin_bytes picture, uint32_t side,
                                kin_image *image, kin_error *error)
{
    kin_decode_request request = {.raster = {KIN_RASTER_FIT, side, side, 0}};
    if (picture.bytes > KIN_PICTURE_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "a thumbnail of %zu bytes", picture.bytes);
    memcpy(kin_decoder_input(desk->decoder), picture.data, picture.bytes);
    kin_status status =
        kin_decoder_run(desk->decoder, picture.bytes, &request, &desk->decoded, error);
    if (status != KIN_OK) return status;
    if (desk->decoded.reason != KIN_REASON_NONE)
        return kin_fail(error, KIN_CORRUPT, "a thumbnail is not readable: %s",
                        desk->decoded.detail);
    *image = desk->decoded.raster;
    desk->decoded.raster = (kin_image){0};
    return KIN_OK;
}

static kin_message_image image_of(const kin_image *image)
{
    return (kin_message_image){.width = image->width,
                               .height = image->height,
                               .data = {image->pixels, (size_t)image->width * image->height * 3}};
}

static kin_status fetch_pixels(kin_picture_desk *desk, const kin_row *row, kin_image *image,
                               kin_error *error)
{
    kin_held_shard *held;
    kin_bytes jpeg;
    kin_status status = kin_stored_thumbnail_get(desk->holding, row, &held, &jpeg, error);
    if (status != KIN_OK) return status;
    if (jpeg.bytes > 0) status = decode_to_fit(desk, jpeg, KIN_THUMBNAIL_SIDE_MAX, image, error);
    kin_holding_put(desk->holding, held);
    return status;
}

static kin_status answer_thumbnails(kin_picture_desk *desk, kin_job *job, kin_error *error)
{
    kin_message_image images[KIN_THUMBNAILS_PER_REQUEST_MAX] = {0};
    kin_message answer = kin_message_of(KIN_MESSAGE_IMAGES);
    kin_status status = KIN_OK;
    uint32_t count = job->message.row_count;
    KIN_CHECK(count <= KIN_THUMBNAILS_PER_REQUEST_MAX);
    for (uint32_t i = 0; i < count && status == KIN_OK; i++) {
        status = fetch_pixels(desk, &job->message.rows[i], &desk->images[i], error);
        images[i] = image_of(&desk->images[i]);
    }
    answer.request = job->message.request;
    answer.images = images;
    answer.image_count = count;
    if (status == KIN_OK) status = kin_message_build(&answer, &job->reply, error);
    for (uint32_t i = 0; i < count; i++)
        kin_image_fini(&desk->images[i]);
    return status;
}

/* The code of the picture that was decoded, and its own thumbnail as pixels if one is asked. */
static kin_status answer_code(kin_picture_desk *desk, kin_job *job, kin_error *error)
{
    unsigned bits = kin_encoder_bits(desk->encoder);
    kin_message answer = kin_message_of(KIN_MESSAGE_CODE);
    kin_message_image wire;
    kin_image thumbnail = {0};
    uint8_t bytes[KIN_CODE_BYTES_MAX];
    kin_code code;
    kin_features_run(kin_encoder_features(desk->encoder), desk->scratch, &desk->decoded.raster, 1,
                     desk->vector);
    kin_encoder_hash(desk->encoder, desk->vector, 1, &code);
    kin_code_to_bytes(&code, bytes, bits);
    answer.request = job->message.request;
    answer.code = (kin_bytes){bytes, bits / 8};
    kin_status status = KIN_OK;
    if (job->message.thumbnail > 0) {
        kin_buffer jpeg = desk->decoded.thumbnail;
        desk->decoded.thumbnail = (kin_buffer){0};
        status = decode_to_fit(desk, (kin_bytes){jpeg.data, jpeg.bytes}, job->message.thumbnail,
                               &thumbnail, error);
        kin_buffer_fini(&jpeg);
        wire = image_of(&thumbnail);
        answer.images = &wire;
        answer.image_count = 1;
    }
    if (status == KIN_OK) status = kin_message_build(&answer, &job->reply, error);
    kin_image_fini(&thumbnail);
    return status;
}

static kin_status answer_encode(kin_picture_desk *desk, kin_job *job, kin_error *error)
{
    const kin_message *message = &job->message;
    if (desk->encoder == NULL) return kin_fail(error, KIN_UNAVAILABLE, "%s", desk->no_pictures);
    if (message->picture.bytes > KIN_PICTURE_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "a picture of %zu bytes; at most %u",
                        message->picture.bytes, KIN_PICTURE_BYTES_MAX);
    kin_decode_request request = {.raster = *kin_encoder_raster(desk->encoder),
                                  .thumbnail_side = message->thumbnail};
    if (message->picture.bytes > 0)
        memcpy(kin_decoder_input(desk->decoder), message->picture.data, message->picture.bytes);
    kin_status status =
        kin_decoder_run(desk->decoder, message->picture.bytes, &request, &desk->decoded, error);
    if (status != KIN_OK) return status;
    if (desk->decoded.reason != KIN_REASON_NONE)
        return kin_fail(error, KIN_BAD_INPUT, "%s: %s", kin_reason_word(desk->decoded.reason),
                        desk->decoded.detail);
    return answer_code(desk, job, error);
}

static void *run(void *user)
{
    kin_picture_desk *desk = user;
    kin_job *job;
    while ((job = kin_queue_pop(desk->queue)) != NULL) {
        kin_error error = {0};
        kin_status status;
        if (kin_job_is_late(desk->returns, job)) continue;
        if (desk->decoder == NULL)
            status = kin_fail(&error, KIN_UNAVAILABLE, "%s", desk->no_pictures);
        else if (job->message.type == KIN_MESSAGE_ENCODE)
            status = answer_encode(desk, job, &error);
        else
            status = answer_thumbnails(desk, job, &error);
        if (status == KIN_OK) {
            kin_job_return(desk->returns, job);
            continue;
        }
        if (status == KIN_IO) { /* the decoder is gone; it cannot be forked anew beside threads */
            kin_log(KIN_LOG_ERROR, "no more pictures until this worker is restarted: %s",
                    error.text);
            desk->decoder = NULL;
            desk->no_pictures = "its decoder has stopped";
            error.status = KIN_UNAVAILABLE;
        }
        kin_job_fail(desk->returns, job, &error);
    }
    return NULL;
}

kin_status kin_picture_desk_start(kin_picture_desk **desk, kin_decoder *decoder,
                                  const kin_encoder *encoder, const char *no_pictures,
                                  kin_queue *queue, kin_holding *holding, kin_job_returns *returns,
                                  kin_error *error)
{
    kin_picture_desk *made = kin_calloc(1, sizeof *made);
    made->decoder = decoder;
    made->encoder = encoder;
    made->no_pictures = no_pictures;
    made->queue = queue;
    made->holding = holding;
    made->returns = returns;
    if (encoder != NULL) {
        const kin_features *features = kin_encoder_features(encoder);
        made->scratch = kin_features_scratch_new(features);
        made->vector = kin_calloc(kin_features_dimensions(features), sizeof *made->vector);
    }
    int failure = pthread_create(&made->thread, NULL, run, made);
    if (failure == 0) {
        *desk = made;
        return KIN_OK;
    }
    kin_features_scratch_destroy(&made->scratch);
    free(made->vector);
    free(made);
    return kin_fail(error, KIN_IO, "cannot start a thread: %s", strerror(failure));
}

void kin_picture_desk_join(kin_picture_desk **desk)
{
    if (*desk == NULL) return;
    pthread_join((*desk)->thread, NULL);
    kin_features_scratch_destroy(&(*desk)->scratch);
    kin_decoded_fini(&(*desk)->decoded);
    free((*desk)->vector);
    free(*desk);
    *desk = NULL;
}
