#include "worker/atlas/reconstruct.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/image/encode_image.h"
#include "proto/generation.h"
#include "worker/dataset/dataset.h"
#include "worker/decode/decoder.h"
#include "worker/encode/features.h"
#include "worker/encode/hasher.h"

/* What is being drawn. */
typedef struct sheet {
    const kin_reconstruct_options *options;
    kin_buffer bytes; /* of the encoder file */
    kin_encoder_file file;
    kin_hasher *forth, *back;
    kin_filter_shape shape;
    uint32_t count;
    float *above; /* [count][dimensions] */
    float *below;
} sheet;

static kin_status open_encoder(sheet *s, kin_error *error)
{
    const char *name = s->options->encoder;
    char *path = kin_strdup(name);
    kin_status status = KIN_OK;
    if (kin_path_is_directory(name)) {
        kin_manifest manifest = {0};
        char *folder = NULL;
        status = kin_generation_manifest(name, NULL, &manifest, &folder, error);
        free(path);
        path = status == KIN_OK ? kin_path_join(folder, KIN_ENCODER_FILE) : NULL;
        free(folder);
        kin_manifest_fini(&manifest);
    }
    if (status == KIN_OK)
        status = kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, &s->bytes, error);
    if (status == KIN_OK)
        status = kin_encoder_file_parse(&s->file, s->bytes.data, s->bytes.bytes, path, error);
    if (status == KIN_OK && s->file.back_count == 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s, by %s from '%s', keeps no way back from codes to pictures; the "
                          "method autoencoder does where it learns from pixels, whose numbers are "
                          "spread over 0 to 1",
                          path, s->file.card.method, s->file.card.features);
    free(path);
    if (status != KIN_OK) return status;
    s->forth = kin_hasher_new(&s->file);
    s->back = kin_hasher_new_back(&s->file);
    return kin_filter_shape_choose(&s->shape, s->options->shape, s->file.card.dimensions, name,
                                   error);
}

static void make_room(sheet *s, uint32_t count)
{
    size_t floats = (size_t)count * s->file.card.dimensions;
    s->count = count;
    s->above = kin_calloc(floats, sizeof *s->above);
    s->below = kin_calloc(floats, sizeof *s->below);
}

static kin_status read_data(sheet *s, kin_error *error)
{
    kin_dataset *dataset = NULL;
    const char *source = s->options->sources[0];
    kin_dataset_options options = {.source = source};
    kin_status status = kin_dataset_open(&dataset, &options, error);
    if (status == KIN_OK && kin_dataset_dimensions(dataset) != s->file.card.dimensions)
        status = kin_fail(error, KIN_MISMATCH,
                          "%s takes vectors of %u numbers ('%s'); the rows of %s have %u",
                          s->options->encoder, (unsigned)s->file.card.dimensions,
                          s->file.card.features, source, (unsigned)kin_dataset_dimensions(dataset));
    if (status == KIN_OK) {
        uint64_t all = kin_dataset_count(dataset);
        make_room(s, all < s->options->pictures ? (uint32_t)all : s->options->pictures);
        for (uint32_t i = 0; status == KIN_OK && i < s->count; i++) {
            uint64_t row = all * i / s->count;
            status = kin_dataset_gather(dataset, &row, 1,
                                        s->above + (size_t)i * s->file.card.dimensions, error);
        }
    }
    kin_dataset_close(&dataset);
    return status;
}

/* One picture through the sandbox to its features. */
static kin_status read_picture(kin_decoder *decoder, const kin_features *features,
                               kin_features_scratch *scratch, const char *path, float *vector,
                               kin_error *error)
{
    kin_buffer bytes = {0};
    kin_decoded decoded = {0};
    kin_decode_request request = {.raster = *kin_features_raster(features)};
    if (kin_path_is_directory(path))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is a folder, not a picture; name the pictures in it", path);
    kin_status status = kin_file_read(path, KIN_PICTURE_BYTES_MAX, &bytes, error);
    if (status == KIN_OK) {
        if (bytes.bytes > 0) memcpy(kin_decoder_input(decoder), bytes.data, bytes.bytes);
        status = kin_decoder_run(decoder, bytes.bytes, &request, &decoded, error);
    }
    if (status == KIN_OK && decoded.reason != KIN_REASON_NONE)
        status = kin_fail(error, KIN_BAD_INPUT, "%s: %s: %s", path, kin_reason_word(decoded.reason),
                          decoded.detail);
    if (status == KIN_OK) kin_features_run(features, scratch, &decoded.raster, 1, vector);
    kin_decoded_fini(&decoded);
    kin_buffer_fini(&bytes);
    return status;
}

static kin_status read_pictures(sheet *s, kin_error *error)
{
    kin_features *features = NULL;
    kin_decoder *decoder = NULL;
    kin_decoder_options options = KIN_DECODER_OPTIONS_DEFAULT;
    options.no_sandbox = s->options->no_sandbox;
    if (s->options->source_count > KIN_RECONSTRUCT_PICTURES_MAX)
        return kin_fail(error, KIN_LIMIT, "%d pictures; a sheet shows %d", s->options->source_count,
                        KIN_RECONSTRUCT_PICTURES_MAX);
    kin_status status = kin_features_open(&features, s->file.card.features, NULL, 0, error);
    if (status == KIN_OK) status = kin_decoder_open(&decoder, &options, error);
    if (status == KIN_OK) {
        kin_features_scratch *scratch = kin_features_scratch_new(features);
        make_room(s, (uint32_t)s->options->source_count);
        for (uint32_t i = 0; status == KIN_OK && i < s->count; i++)
            status = read_picture(decoder, features, scratch, s->options->sources[i],
                                  s->above + (size_t)i * s->file.card.dimensions, error);
        kin_features_scratch_destroy(&scratch);
    }
    kin_decoder_close(&decoder);
    kin_features_close(&features);
    return status;
}

/* There and back: s->below. The mean squared error of a number. */
static double reconstruct(sheet *s)
{
    uint32_t bits = s->file.card.bits, dimensions = s->file.card.dimensions;
    size_t numbers = (size_t)s->count * dimensions;
    kin_code *codes = kin_malloc(s->count * sizeof *codes);
    float *ones = kin_calloc((size_t)s->count * bits, sizeof *ones);
    double sum = 0;
    kin_hasher_hash(s->forth, s->above, s->count, codes);
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t b = 0; b < bits; b++)
            ones[(size_t)i * bits + b] = kin_code_bit(&codes[i], b) ? 1 : 0;
    kin_hasher_values(s->back, ones, s->count, s->below);
    for (size_t i = 0; i < numbers; i++)
        sum += ((double)s->above[i] - s->below[i]) * ((double)s->above[i] - s->below[i]);
    free(ones);
    free(codes);
    return sum / (double)numbers;
}

static kin_status draw(sheet *s, kin_error *error)
{
    kin_image image;
    kin_buffer png = {0};
    unsigned bits = s->file.card.bits;
    double wrong = reconstruct(s);
    char *title = kin_sprintf("What %u bits keep of a picture", bits);
    char *subtitle = kin_sprintf("above, pictures; below, what the %s of %s makes of their codes; "
                                 "mean squared error %.4f",
                                 s->file.card.method, s->options->encoder, wrong);
    kin_reconstruct_draw(s->above, s->below, s->count, s->shape, title, subtitle, &image);
    kin_image_append_png(&image, &png);
    kin_status status = kin_file_write_atomic(s->options->output, png.data, png.bytes, error);
    kin_buffer_fini(&png);
    kin_image_fini(&image);
    free(subtitle);
    free(title);
    return status;
}

/* Whether the one source is a data set; else pictures are named. */
static bool is_data(const kin_reconstruct_options *options)
{
    return options->source_count == 1 && kin_dataset_is_named(options->sources[0]);
}

kin_status kin_reconstruct(const kin_reconstruct_options *options, kin_error *error)
{
    sheet s = {.options = options};
    kin_status status = open_encoder(&s, error);
    if (status == KIN_OK)
        status = is_data(options) ? read_data(&s, error) : read_pictures(&s, error);
    if (status == KIN_OK) status = draw(&s, error);
    kin_hasher_destroy(&s.forth);
    kin_hasher_destroy(&s.back);
    kin_buffer_fini(&s.bytes);
    free(s.above);
    free(s.below);
    return status;
}
