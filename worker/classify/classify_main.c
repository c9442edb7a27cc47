/* kindred-classify: what the head of a hasher says of pictures, or of a data set's rows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "proto/generation.h"
#include "proto/network_file.h"
#include "worker/classify/verdicts.h"
#include "worker/dataset/dataset.h"
#include "worker/decode/decoder.h"
#include "worker/encode/blas.h"
#include "worker/encode/encoder.h"

static const char help[] =
    "usage: kindred-classify INDEX|HASHER PICTURE... [OPTION]...\n"
    "       kindred-classify HASHER DATA [OPTION]...\n"
    "       kindred classify ENDPOINT PICTURE... [OPTION]...\n"
    "\n"
    "Says which classes pictures are of, and how probable that is: by an INDEX that was built by\n"
    "the hasher supervised, by a HASHER that kindred-index train has made (of features that need\n"
    "no network), or by what a coordinator at ENDPOINT serves. DATA is FEATURES.npy,\n"
    "idx:IMAGES[,LABELS] or an INDEX that keeps its features; where its classes are known, the\n"
    "share of right answers is said instead.\n"
    "\n"
    "      --top N        classes of each picture, the most probable first (1)\n"
    "      --labels WHAT  classes of DATA: folders, top-folders, or a file\n"
    "      --rows         of DATA, a line for each row\n"
    "      --json         a JSON object for each picture or row, or one of the count\n"
    "      --no-sandbox   decode pictures without the sandbox\n"
    "      --deadline MS  of an ENDPOINT: gives up after MS milliseconds (10000)\n"
    "      --key FILE --server-key KEY  of an ENDPOINT: this client's keys, the coordinator's\n"
    "\n"
    "example: kindred classify my-index holiday.jpg --top 3\n"
    "\n"
    "exit codes: 0 done, 1 something could not be classified, 2 usage\n";

#define ROWS_AT_ONCE 256

typedef struct classify {
    const char *by, *labels; /* an index or a hasher's file */
    char **pictures;
    int picture_count;
    int64_t top;
    bool rows, json, no_sandbox, help;
    kin_features *features;
    kin_encoder *encoder;
    float *probabilities; /* [ROWS_AT_ONCE][classes] */
} classify;

/* Whether one data set is to be classified; else pictures are. */
static bool is_data(const classify *job)
{
    return job->picture_count == 1 && kin_dataset_is_named(job->pictures[0]) &&
           !kin_path_is_directory(job->by);
}

/* What is given must be of use. */
static kin_status check(const classify *job, const char *of_endpoint, kin_error *error)
{
    if (strstr(job->by, "://") != NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is an endpoint, which kindred classify asks, not kindred-classify",
                        job->by);
    if (of_endpoint != NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is about an endpoint, and %s is none; leave it out", of_endpoint,
                        job->by);
    if (is_data(job)) return KIN_OK;
    if (job->labels != NULL || job->rows)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is about a data set, which a hasher's file classifies; of pictures, "
                        "leave it out",
                        job->rows ? "--rows" : "--labels");
    return KIN_OK;
}

static kin_status parse(classify *job, int argc, char **argv, kin_error *error)
{
    int count;
    const char *deadline = NULL, *key = NULL, *server_key = NULL;
    *job = (classify){.top = 1};
    const kin_option table[] = {
        {"top", 0, KIN_OPTION_NUMBER, &job->top, 1, KIN_HEAD_CLASSES_MAX, NULL},
        {"labels", 0, KIN_OPTION_TEXT, &job->labels, 0, 0, NULL},
        {"rows", 0, KIN_OPTION_FLAG, &job->rows, 0, 0, NULL},
        {"json", 0, KIN_OPTION_FLAG, &job->json, 0, 0, NULL},
        {"no-sandbox", 0, KIN_OPTION_FLAG, &job->no_sandbox, 0, 0, NULL},
        {"deadline", 0, KIN_OPTION_TEXT, &deadline, 0, 0, NULL},
        {"key", 0, KIN_OPTION_TEXT, &key, 0, 0, NULL},
        {"server-key", 0, KIN_OPTION_TEXT, &server_key, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &job->help, 0, 0, NULL},
        {0},
    };
    kin_status status = kin_options_parse(table, argc, argv, &count, error);
    if (status != KIN_OK || job->help) return status;
    if (count < 2)
        return kin_fail(error, KIN_BAD_INPUT,
                        "give an index, a hasher or an endpoint, and pictures, or a hasher and a "
                        "data set; --help shows how");
    job->by = argv[1];
    job->pictures = argv + 2;
    job->picture_count = count - 1;
    return check(job,
                 deadline != NULL     ? "--deadline"
                 : key != NULL        ? "--key"
                 : server_key != NULL ? "--server-key"
                                      : NULL,
                 error);
}

/* Opens the encoder file; of features that are given, unless pictures are to become such. */
static kin_status open_encoder(classify *job, const char *path, const kin_buffer *network,
                               bool of_pictures, kin_error *error)
{
    kin_buffer file = {0};
    kin_encoder_file parsed = {0};
    kin_status status = kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, &file, error);
    if (status == KIN_OK)
        status = kin_encoder_file_parse(&parsed, file.data, file.bytes, path, error);
    if (status == KIN_OK && parsed.card.class_count == 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s tells no classes: it was learned by %s; build or train with --hasher "
                          "supervised",
                          path, parsed.card.method);
    if (status == KIN_OK && of_pictures && kin_features_is_file(parsed.card.features))
        status = kin_fail(error, KIN_MISMATCH,
                          "%s was learned from vectors that another program made ('%s'), and can "
                          "tell the classes of such alone: give FEATURES.npy",
                          path, parsed.card.features);
    if (status == KIN_OK && of_pictures && strcmp(parsed.card.decoder, kin_decoder_name()) != 0)
        status = kin_fail(error, KIN_MISMATCH,
                          "%s was learned from pictures that '%s' decoded; here is '%s'", path,
                          parsed.card.decoder, kin_decoder_name());
    bool missing = network == NULL && kin_network_is_features(parsed.card.features);
    if (status == KIN_OK && of_pictures && missing)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s was learned from what a network gives, which its file does not hold; "
                          "classify pictures by an index that it was used for",
                          path);
    if (status == KIN_OK && of_pictures)
        status = kin_features_open(&job->features, parsed.card.features,
                                   network != NULL && network->bytes > 0 ? network->data : NULL,
                                   network != NULL ? network->bytes : 0, error);
    else if (status == KIN_OK)
        status = kin_features_open_given(&job->features, parsed.card.features,
                                         parsed.card.dimensions, error);
    if (status == KIN_OK)
        status = kin_encoder_open(&job->encoder, file.data, file.bytes, path, job->features, error);
    kin_buffer_fini(&file);
    if (status == KIN_OK)
        job->probabilities =
            kin_malloc((size_t)ROWS_AT_ONCE * kin_hasher_classes(kin_encoder_hasher(job->encoder)) *
                       sizeof *job->probabilities);
    return status;
}

static kin_status open_index(classify *job, kin_error *error)
{
    kin_manifest manifest = {0};
    kin_buffer network = {0};
    char *folder = NULL;
    kin_status status = kin_generation_manifest(job->by, NULL, &manifest, &folder, error);
    if (status != KIN_OK) return status;
    char *network_path = kin_path_join(folder, KIN_NETWORK_FILE);
    char *encoder_path = kin_path_join(folder, KIN_ENCODER_FILE);
    if (kin_path_exists(network_path))
        status = kin_file_read(network_path, SIZE_MAX, &network, error);
    if (status == KIN_OK) status = open_encoder(job, encoder_path, &network, true, error);
    free(encoder_path);
    free(network_path);
    free(folder);
    kin_buffer_fini(&network);
    kin_manifest_fini(&manifest);
    return status;
}

static void say(const kin_buffer *out)
{
    if (out->bytes > 0) (void)fwrite(out->data, 1, out->bytes, stdout);
}

static void tell(classify *job, const kin_hasher *hasher, const char *path, const float *vector)
{
    kin_buffer out = {0};
    kin_hasher_classify(hasher, vector, 1, job->probabilities);
    kin_verdict_append(&out, hasher, path, job->probabilities, (uint32_t)job->top, job->json);
    say(&out);
    kin_buffer_fini(&out);
}

/* One picture; *failed where it cannot be read. */
static kin_status classify_picture(classify *job, kin_decoder *decoder, const char *path,
                                   kin_features_scratch *scratch, bool *failed, kin_error *error)
{
    const kin_hasher *hasher = kin_encoder_hasher(job->encoder);
    kin_buffer bytes = {0};
    kin_error unread;
    if (kin_path_is_directory(path))
        *failed =
            kin_fail(&unread, KIN_BAD_INPUT,
                     "%s is a folder, not a picture; name the pictures in it", path) != KIN_OK;
    else
        *failed = kin_file_read(path, KIN_PICTURE_BYTES_MAX, &bytes, &unread) != KIN_OK;
    if (*failed) {
        kin_log(KIN_LOG_ERROR, "%s", unread.text);
        kin_buffer_fini(&bytes);
        return KIN_OK;
    }
    kin_decode_request request = {.raster = *kin_features_raster(job->features)};
    kin_decoded decoded = {0};
    if (bytes.bytes > 0) memcpy(kin_decoder_input(decoder), bytes.data, bytes.bytes);
    kin_status status = kin_decoder_run(decoder, bytes.bytes, &request, &decoded, error);
    if (status == KIN_OK && decoded.reason != KIN_REASON_NONE) {
        *failed = true;
        kin_log(KIN_LOG_ERROR, "%s: %s: %s", path, kin_reason_word(decoded.reason), decoded.detail);
    } else if (status == KIN_OK) {
        float *vector = kin_malloc(kin_features_dimensions(job->features) * sizeof *vector);
        kin_features_run(job->features, scratch, &decoded.raster, 1, vector);
        *failed = !kin_features_finite(job->features, vector);
        if (*failed)
            kin_log(KIN_LOG_ERROR, "%s: the model gives it numbers that are not finite", path);
        else
            tell(job, hasher, path, vector);
        free(vector);
    }
    kin_decoded_fini(&decoded);
    kin_buffer_fini(&bytes);
    return status;
}

static kin_status classify_pictures(classify *job, bool *failed, kin_error *error)
{
    kin_decoder *decoder = NULL;
    kin_decoder_options options = KIN_DECODER_OPTIONS_DEFAULT;
    options.no_sandbox = job->no_sandbox;
    kin_status status = kin_path_is_directory(job->by)
                            ? open_index(job, error)
                            : open_encoder(job, job->by, NULL, true, error);
    if (status == KIN_OK) status = kin_decoder_open(&decoder, &options, error);
    if (status != KIN_OK) return status;
    kin_features_scratch *scratch = kin_features_scratch_new(job->features);
    for (int i = 0; i < job->picture_count && status == KIN_OK; i++) {
        bool unread;
        status = classify_picture(job, decoder, job->pictures[i], scratch, &unread, error);
        *failed = *failed || unread;
    }
    kin_features_scratch_destroy(&scratch);
    kin_decoder_close(&decoder);
    return status;
}

/* Of a data set's classes, which the hasher knows by the same name; KIN_NO_CLASS: none. */
static uint32_t *match_classes(const kin_dataset *dataset, const kin_hasher *hasher)
{
    uint32_t count = kin_dataset_classes(dataset), *same = kin_malloc(count * sizeof *same);
    for (uint32_t c = 0; c < count; c++) {
        same[c] = KIN_NO_CLASS;
        for (uint32_t h = 0; h < kin_hasher_classes(hasher); h++)
            if (strcmp(kin_dataset_class_name(dataset, c), kin_hasher_class_name(hasher, h)) == 0)
                same[c] = h;
    }
    return same;
}

static void name_row(const kin_dataset *dataset, uint64_t row, kin_buffer *name)
{
    uint32_t bytes = 0;
    const char *key = kin_dataset_key(dataset, row, &bytes);
    kin_buffer_clear(name);
    if (key == NULL)
        kin_buffer_printf(name, "%llu", (unsigned long long)row);
    else
        kin_buffer_append(name, key, bytes);
    kin_buffer_append_byte(name, 0);
}

/* Rows that have a class, and those of them that are told right. */
static kin_status classify_rows(classify *job, const kin_dataset *dataset, bool rows,
                                uint64_t *classed, uint64_t *right, kin_error *error)
{
    const kin_hasher *hasher = kin_encoder_hasher(job->encoder);
    uint32_t dimensions = kin_dataset_dimensions(dataset), classes = kin_hasher_classes(hasher);
    const uint32_t *labels = kin_dataset_labels(dataset);
    uint32_t *same = labels == NULL ? NULL : match_classes(dataset, hasher);
    float *vectors = kin_malloc((size_t)ROWS_AT_ONCE * dimensions * sizeof *vectors);
    kin_buffer out = {0}, name = {0};
    uint64_t all = kin_dataset_count(dataset);
    kin_status status = KIN_OK;
    for (uint64_t first = 0; first < all && status == KIN_OK; first += ROWS_AT_ONCE) {
        uint64_t count = all - first < ROWS_AT_ONCE ? all - first : ROWS_AT_ONCE;
        status = kin_dataset_read(dataset, first, count, vectors, error);
        if (status != KIN_OK) break;
        kin_hasher_classify(hasher, vectors, (size_t)count, job->probabilities);
        for (uint64_t i = 0; i < count; i++) {
            const float *p = job->probabilities + i * classes;
            name_row(dataset, first + i, &name);
            if (rows)
                kin_verdict_append(&out, hasher, (const char *)name.data, p, (uint32_t)job->top,
                                   job->json);
            if (labels == NULL || labels[first + i] == KIN_NO_CLASS) continue;
            ++*classed;
            *right += same[labels[first + i]] == kin_hasher_likeliest(p, classes);
        }
        say(&out);
        kin_buffer_clear(&out);
    }
    kin_buffer_fini(&name);
    kin_buffer_fini(&out);
    free(vectors);
    free(same);
    return status;
}

static kin_status classify_data(classify *job, kin_error *error)
{
    kin_dataset *dataset = NULL;
    kin_dataset_options options = {.source = job->pictures[0], .labels = job->labels};
    uint64_t classed = 0, right = 0;
    kin_status status = open_encoder(job, job->by, NULL, false, error);
    if (status == KIN_OK) status = kin_dataset_open(&dataset, &options, error);
    if (status == KIN_OK &&
        kin_dataset_dimensions(dataset) != kin_features_dimensions(job->features))
        status = kin_fail(error, KIN_MISMATCH,
                          "%s was learned from the features '%s' of %u numbers; the rows of %s "
                          "have %u",
                          job->by, kin_features_name(job->features),
                          (unsigned)kin_features_dimensions(job->features), job->pictures[0],
                          (unsigned)kin_dataset_dimensions(dataset));
    if (status == KIN_OK) {
        bool rows = job->rows || kin_dataset_labels(dataset) == NULL;
        status = classify_rows(job, dataset, rows, &classed, &right, error);
        double share = classed == 0 ? 0 : (double)right / (double)classed;
        if (status == KIN_OK && !rows)
            printf(job->json ? "{\"rows\": %llu, \"right\": %llu, \"accuracy\": %.6f}\n"
                             : "%llu rows, %llu right: accuracy %.4f\n",
                   (unsigned long long)classed, (unsigned long long)right, share);
    }
    kin_dataset_close(&dataset);
    return status;
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-classify", KIN_LOG_INFO);
    classify job;
    kin_error error = {0};
    bool failed = false;
    if (parse(&job, argc, argv, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 2;
    }
    if (job.help) {
        fputs(help, stdout);
        return 0;
    }
    kin_blas_init();
    kin_status status =
        is_data(&job) ? classify_data(&job, &error) : classify_pictures(&job, &failed, &error);
    if (status == KIN_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = kin_fail(&error, KIN_IO, "cannot write to standard output: %s", strerror(errno));
    if (status != KIN_OK) kin_log(KIN_LOG_ERROR, "%s", error.text);
    kin_encoder_close(&job.encoder);
    kin_features_close(&job.features);
    free(job.probabilities);
    return status != KIN_OK || failed ? 1 : 0;
}
