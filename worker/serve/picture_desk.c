#include "worker/serve/picture_desk.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "proto/scored.h"
#include "worker/serve/stored_thumbnails.h"

typedef struct picture_thread {
    kin_picture_desk *desk;
    pthread_t thread;
    kin_decoder *decoder;          /* NULL: there is none, or it has stopped */
    const char *no_pictures;       /* why pictures are refused */
    kin_features_scratch *scratch; /* made and destroyed by the thread that starts the desk */
    float *vector;                 /* [dimensions] */
    float *probabilities;          /* [classes]; NULL where the encoder tells none */
    kin_message_class *classes;    /* [classes] */
    kin_decoded decoded;           /* of the picture at hand */
    kin_image images[KIN_THUMBNAILS_PER_REQUEST_MAX];
} picture_thread;

struct kin_picture_desk {
    const kin_encoder *encoder;
    kin_queue *queue;
    kin_holding *holding;
    kin_job_returns *returns;
    atomic_uint working; /* threads that have not left the jobs to the others */
    uint32_t count, started;
    picture_thread *threads; /* [count] */
};

/* Pixels of an encoded picture that fit side x side. A thumbnail that cannot be read any more is
 * KIN_CORRUPT with its reason. */
static kin_status decode_to_fit(picture_thread *self, kin_bytes picture, uint32_t side,
                                kin_image *image, kin_error *error)
{
    kin_decode_request request = {
        .raster = {.mode = KIN_RASTER_FIT, .width = side, .height = side}};
    if (picture.bytes > KIN_PICTURE_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "a thumbnail of %zu bytes", picture.bytes);
    memcpy(kin_decoder_input(self->decoder), picture.data, picture.bytes);
    kin_status status =
        kin_decoder_run(self->decoder, picture.bytes, &request, &self->decoded, error);
    if (status != KIN_OK) return status;
    if (self->decoded.reason != KIN_REASON_NONE)
        return kin_fail(error, KIN_CORRUPT, "a thumbnail is not readable: %s",
                        self->decoded.detail);
    *image = self->decoded.raster;
    self->decoded.raster = (kin_image){0};
    return KIN_OK;
}

static kin_message_image image_of(const kin_image *image)
{
    return (kin_message_image){.width = image->width,
                               .height = image->height,
                               .data = {image->pixels, (size_t)image->width * image->height * 3}};
}

static kin_status fetch_pixels(picture_thread *self, const kin_row *row, kin_image *image,
                               kin_error *error)
{
    kin_held_shard *held;
    kin_bytes jpeg;
    kin_status status = kin_stored_thumbnail_get(self->desk->holding, row, &held, &jpeg, error);
    if (status != KIN_OK) return status;
    if (jpeg.bytes > 0) status = decode_to_fit(self, jpeg, KIN_THUMBNAIL_SIDE_MAX, image, error);
    kin_holding_put(self->desk->holding, held);
    return status;
}

static kin_status answer_thumbnails(picture_thread *self, kin_job *job, kin_error *error)
{
    kin_message_image images[KIN_THUMBNAILS_PER_REQUEST_MAX] = {0};
    kin_message answer = kin_message_of(KIN_MESSAGE_IMAGES);
    kin_status status = KIN_OK;
    uint32_t count = job->message.row_count;
    KIN_CHECK(count <= KIN_THUMBNAILS_PER_REQUEST_MAX);
    for (uint32_t i = 0; i < count && status == KIN_OK; i++) {
        status = fetch_pixels(self, &job->message.rows[i], &self->images[i], error);
        images[i] = image_of(&self->images[i]);
    }
    answer.request = job->message.request;
    answer.images = images;
    answer.image_count = count;
    if (status == KIN_OK) status = kin_message_build(&answer, &job->reply, error);
    for (uint32_t i = 0; i < count; i++)
        kin_image_fini(&self->images[i]);
    return status;
}

/* The `wanted` most probable classes of self->vector, into answer; what is taken is below all. */
static kin_status add_classes(picture_thread *self, uint32_t wanted, kin_message *answer,
                              kin_error *error)
{
    const kin_hasher *hasher = kin_encoder_hasher(self->desk->encoder);
    uint32_t classes = kin_hasher_classes(hasher);
    if (classes == 0)
        return kin_fail(
            error, KIN_BAD_INPUT,
            "this index tells no classes; one that is built by --hasher supervised does");
    kin_hasher_classify(hasher, self->vector, 1, self->probabilities);
    answer->classes = self->classes;
    answer->total = classes;
    for (uint32_t i = 0; i < wanted && i < classes; i++) {
        uint32_t best = kin_hasher_likeliest(self->probabilities, classes);
        self->classes[answer->class_count++] = (kin_message_class){
            .name = kin_bytes_of(kin_hasher_class_name(hasher, best)),
            .billionths = (uint32_t)lround((double)self->probabilities[best] * KIN_BILLION)};
        self->probabilities[best] = -1;
    }
    return KIN_OK;
}

/* What re-ranking asks with; bytes has room for the longest code layer. */
static kin_bytes put_values(const kin_encoder *encoder, const float *vector, uint8_t *bytes)
{
    const kin_hasher *hasher = kin_encoder_hasher(encoder);
    uint32_t count = kin_hasher_bits(hasher);
    int16_t asked[KIN_CODE_BITS_MAX];
    kin_hasher_ask(hasher, vector, 1, asked);
    kin_scored_put_values(asked, count, bytes);
    return (kin_bytes){bytes, (size_t)count * KIN_SCORED_VALUE_BYTES};
}

/* The code of the picture that was decoded, its classes and its own thumbnail as pixels where
 * they are asked. */
static kin_status answer_code(picture_thread *self, kin_job *job, kin_error *error)
{
    const kin_encoder *encoder = self->desk->encoder;
    unsigned bits = kin_encoder_bits(encoder);
    kin_message answer = kin_message_of(KIN_MESSAGE_CODE);
    kin_message_image wire;
    kin_image thumbnail = {0};
    uint8_t bytes[KIN_CODE_BYTES_MAX], values[KIN_CODE_BITS_MAX * KIN_SCORED_VALUE_BYTES];
    kin_code code;
    kin_features_run(kin_encoder_features(encoder), self->scratch, &self->decoded.raster, 1,
                     self->vector);
    if (!kin_features_finite(kin_encoder_features(encoder), self->vector))
        return kin_fail(error, KIN_BAD_INPUT,
                        "the index's model gives this picture numbers that are not finite, which "
                        "make no code");
    kin_encoder_hash(encoder, self->vector, 1, &code);
    kin_code_to_bytes(&code, bytes, bits);
    answer.request = job->message.request;
    answer.code = (kin_bytes){bytes, bits / 8};
    if (job->message.rerank > 0) answer.values = put_values(encoder, self->vector, values);
    kin_status status = KIN_OK;
    if (job->message.k > 0) status = add_classes(self, job->message.k, &answer, error);
    if (status == KIN_OK && job->message.thumbnail > 0) {
        kin_buffer jpeg = self->decoded.thumbnail;
        self->decoded.thumbnail = (kin_buffer){0};
        status = decode_to_fit(self, (kin_bytes){jpeg.data, jpeg.bytes}, job->message.thumbnail,
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

static kin_status answer_encode(picture_thread *self, kin_job *job, kin_error *error)
{
    const kin_message *message = &job->message;
    if (self->desk->encoder == NULL)
        return kin_fail(error, KIN_UNAVAILABLE, "%s", self->no_pictures);
    if (message->picture.bytes > KIN_PICTURE_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "a picture of %zu bytes; at most %u",
                        message->picture.bytes, KIN_PICTURE_BYTES_MAX);
    kin_decode_request request = {.raster = *kin_encoder_raster(self->desk->encoder),
                                  .thumbnail_side = message->thumbnail};
    if (message->picture.bytes > 0)
        memcpy(kin_decoder_input(self->decoder), message->picture.data, message->picture.bytes);
    kin_status status =
        kin_decoder_run(self->decoder, message->picture.bytes, &request, &self->decoded, error);
    if (status != KIN_OK) return status;
    if (self->decoded.reason != KIN_REASON_NONE)
        return kin_fail(error, KIN_BAD_INPUT, "%s: %s", kin_reason_word(self->decoded.reason),
                        self->decoded.detail);
    return answer_code(self, job, error);
}

/* The decoder is gone; it cannot be forked anew beside threads. False: others go on, and this
 * thread would only take jobs away from them. */
static bool goes_on_without_decoder(picture_thread *self, const kin_error *why)
{
    self->decoder = NULL;
    self->no_pictures = "its decoders have stopped";
    unsigned left = atomic_load(&self->desk->working);
    while (left > 1)
        if (atomic_compare_exchange_weak(&self->desk->working, &left, left - 1)) {
            kin_log(KIN_LOG_WARNING, "one of %u encoders ends: %s", left, why->text);
            return false;
        }
    kin_log(KIN_LOG_ERROR, "no more pictures until this worker is restarted: %s", why->text);
    return true;
}

static kin_status answer(picture_thread *self, kin_job *job, kin_error *error)
{
    if (self->decoder == NULL) return kin_fail(error, KIN_UNAVAILABLE, "%s", self->no_pictures);
    if (job->message.type == KIN_MESSAGE_ENCODE) return answer_encode(self, job, error);
    return answer_thumbnails(self, job, error);
}

static void *run(void *user)
{
    picture_thread *self = user;
    kin_picture_desk *desk = self->desk;
    bool goes_on = true;
    kin_job *job;
    /* On Linux both are of the calling thread alone. */
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + KIN_PICTURE_DESK_NICE);
    pthread_setname_np(pthread_self(), "encoder");
    while (goes_on && (job = kin_queue_pop(desk->queue)) != NULL) {
        kin_error error = {0};
        if (kin_job_is_late(desk->returns, job)) continue;
        kin_status status = answer(self, job, &error);
        if (status == KIN_OK) {
            kin_job_return(desk->returns, job);
            continue;
        }
        if (status == KIN_IO) {
            goes_on = goes_on_without_decoder(self, &error);
            error.status = KIN_UNAVAILABLE;
        }
        kin_job_fail(desk->returns, job, &error);
    }
    return NULL;
}

kin_status kin_picture_desk_start(kin_picture_desk **desk, const kin_picture_desk_options *options,
                                  kin_queue *queue, kin_holding *holding, kin_job_returns *returns,
                                  kin_error *error)
{
    kin_picture_desk *made = kin_calloc(1, sizeof *made);
    made->encoder = options->encoder;
    made->queue = queue;
    made->holding = holding;
    made->returns = returns;
    made->count = options->decoder_count > 0 ? options->decoder_count : 1;
    made->threads = kin_calloc(made->count, sizeof *made->threads);
    atomic_init(&made->working, made->count);
    *desk = made;
    for (uint32_t i = 0; i < made->count; i++) {
        picture_thread *thread = &made->threads[i];
        thread->desk = made;
        thread->decoder = options->decoder_count > 0 ? options->decoders[i] : NULL;
        thread->no_pictures = options->no_pictures;
        if (options->encoder == NULL) continue;
        const kin_features *features = kin_encoder_features(options->encoder);
        thread->scratch = kin_features_scratch_new(features);
        thread->vector = kin_calloc(kin_features_dimensions(features), sizeof *thread->vector);
        uint32_t classes = kin_hasher_classes(kin_encoder_hasher(options->encoder));
        if (classes == 0) continue;
        thread->probabilities = kin_calloc(classes, sizeof *thread->probabilities);
        thread->classes = kin_calloc(classes, sizeof *thread->classes);
    }
    for (; made->started < made->count; made->started++) {
        picture_thread *thread = &made->threads[made->started];
        int failure = pthread_create(&thread->thread, NULL, run, thread);
        if (failure != 0)
            return kin_fail(error, KIN_IO, "cannot start %u threads: %s", made->count,
                            strerror(failure));
    }
    return KIN_OK;
}

void kin_picture_desk_join(kin_picture_desk **desk)
{
    kin_picture_desk *old = *desk;
    if (old == NULL) return;
    for (uint32_t i = 0; i < old->started; i++)
        pthread_join(old->threads[i].thread, NULL);
    for (uint32_t i = 0; i < old->count; i++) {
        kin_features_scratch_destroy(&old->threads[i].scratch);
        kin_decoded_fini(&old->threads[i].decoded);
        free(old->threads[i].vector);
        free(old->threads[i].probabilities);
        free(old->threads[i].classes);
    }
    free(old->threads);
    free(old);
    *desk = NULL;
}
