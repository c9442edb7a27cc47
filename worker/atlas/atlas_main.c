/* kindred-atlas: what each bit of the code has learned to see, in pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "common/base/text.h"
#include "common/image/encode_image.h"
#include "proto/encoder_file.h"
#include "worker/atlas/atlas_sheet.h"
#include "worker/atlas/filters.h"
#include "worker/atlas/reconstruct.h"
#include "worker/atlas/sureness.h"
#include "worker/dataset/dataset.h"
#include "worker/decode/decoder.h"

#define TILES_DEFAULT 6
#define SAMPLE_DEFAULT 8192
#define SAMPLE_MAX 100000
#define ENCODER_BYTES_MAX ((size_t)1 << 30)

static const char help[] =
    "usage: kindred-atlas INDEX -o FILE.png [OPTION]...\n"
    "       kindred-atlas --filters ENCODER.kin -o FILE.png [--shape HxW[x3]]\n"
    "       kindred-atlas --reconstruct ENCODER.kin|INDEX -o FILE.png DATA|PICTURE...\n"
    "\n"
    "Draws a sheet that shows, for every bit of the code, the pictures that are most sure to have\n"
    "a 1 there, and those that are most sure to have a 0. A picture is sure of a bit as far as "
    "the\n"
    "pictures whose codes are nearest to its own have the same bit; of pictures with nearly equal\n"
    "codes one is shown.\n"
    "\n"
    "  -o, --output FILE.png  where the sheet goes\n"
    "      --tiles N          pictures on each side of a bit (default 6)\n"
    "      --sample N         pictures that are looked at, evenly drawn (default 8192)\n"
    "      --no-sandbox       decode pictures without the sandbox\n"
    "      --filters FILE     instead, the first layer of a hasher of pixels, as pictures\n"
    "      --reconstruct FILE instead, pictures, and below each what an autoencoder of pixels\n"
    "                         makes of its code; of DATA (FEATURES.npy, idx:IMAGES, or an INDEX\n"
    "                         that keeps its features) --sample of them (32)\n"
    "      --shape HxW[x3]    of the pixels of either (default: a square)\n"
    "\n"
    "example: kindred atlas my-index -o atlas.png\n";

typedef struct atlas_options {
    const char *index, *output, *filters, *reconstruct, *shape;
    char **sources; /* [source_count]: of --reconstruct */
    int source_count;
    int64_t tiles, sample;
    bool no_sandbox, help;
} atlas_options;

typedef struct atlas {
    const atlas_options *options;
    kin_dataset *dataset;
    kin_decoder *decoder;
    uint64_t *rows; /* [count]: the sample, ascending */
    size_t count, width;
    unsigned bits;
    uint64_t *words;      /* [count][width] */
    float *sure;          /* [count][bits] */
    kin_image *pictures;  /* [bits][2][tiles] */
    kin_atlas_bit *sheet; /* [bits] */
} atlas;

/* An option that is given and of no use; NULL: there is none. */
static const char *idle_option(const atlas_options *options)
{
    if (options->filters == NULL && options->reconstruct == NULL) return NULL;
    if (options->tiles >= 0) return "--tiles";
    if (options->filters == NULL) return NULL;
    return options->sample >= 0 ? "--sample" : options->no_sandbox ? "--no-sandbox" : NULL;
}

static kin_status parse(atlas_options *options, int argc, char **argv, kin_error *error)
{
    int count;
    *options = (atlas_options){.tiles = -1, .sample = -1}; /* not given */
    const kin_option table[] = {
        {"output", 'o', KIN_OPTION_TEXT, &options->output, 0, 0, NULL},
        {"tiles", 0, KIN_OPTION_NUMBER, &options->tiles, 1, KIN_ATLAS_TILES_MAX, NULL},
        {"sample", 0, KIN_OPTION_NUMBER, &options->sample, 1, SAMPLE_MAX, NULL},
        {"filters", 0, KIN_OPTION_TEXT, &options->filters, 0, 0, NULL},
        {"reconstruct", 0, KIN_OPTION_TEXT, &options->reconstruct, 0, 0, NULL},
        {"shape", 0, KIN_OPTION_TEXT, &options->shape, 0, 0, NULL},
        {"no-sandbox", 0, KIN_OPTION_FLAG, &options->no_sandbox, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &options->help, 0, 0, NULL},
        {0},
    };
    kin_status status = kin_options_parse(table, argc, argv, &count, error);
    if (status != KIN_OK || options->help) return status;
    if (options->filters != NULL && options->reconstruct != NULL)
        return kin_fail(error, KIN_BAD_INPUT, "take one of --filters and --reconstruct");
    if (options->shape != NULL && options->filters == NULL && options->reconstruct == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "--shape belongs to --filters and --reconstruct");
    const char *idle = idle_option(options);
    if (idle != NULL)
        return kin_fail(error, KIN_BAD_INPUT, "%s changes nothing with %s; leave it out", idle,
                        options->filters != NULL ? "--filters" : "--reconstruct");
    if (options->reconstruct != NULL && count == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is nothing to reconstruct: name pictures, or one of idx:IMAGES, "
                        "FEATURES.npy and an INDEX that keeps its features");
    if (options->reconstruct != NULL && options->sample > KIN_RECONSTRUCT_PICTURES_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "--sample is %lld; --reconstruct shows up to %d",
                        (long long)options->sample, KIN_RECONSTRUCT_PICTURES_MAX);
    if (options->reconstruct == NULL && count != (options->filters == NULL))
        return kin_fail(error, KIN_BAD_INPUT, "give one index, or --filters; --help shows how");
    if (options->output == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "say where the sheet goes: -o FILE.png");
    if (!kin_text_has_ending(options->output, ".png"))
        return kin_fail(error, KIN_BAD_INPUT, "-o is %s; a sheet is a FILE.png", options->output);
    options->sources = argv + 1;
    options->source_count = count;
    options->index = count == 1 ? argv[1] : NULL;
    if (options->tiles < 0) options->tiles = TILES_DEFAULT;
    if (options->sample < 0)
        options->sample =
            options->reconstruct != NULL ? KIN_RECONSTRUCT_PICTURES_DEFAULT : SAMPLE_DEFAULT;
    return KIN_OK;
}

static kin_status open_index(atlas *made, kin_error *error)
{
    const kin_dataset_options options = {.source = made->options->index, .without_features = true};
    if (!kin_path_is_directory(options.source))
        return kin_fail(error, KIN_NOT_FOUND, "%s is no index: an atlas is of an index",
                        options.source);
    kin_status status = kin_dataset_open(&made->dataset, &options, error);
    if (status == KIN_OK && !kin_dataset_has_thumbnails(made->dataset))
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s has no thumbnails to show; build it again without --thumbnail 0",
                          options.source);
    return status;
}

static void take_sample(atlas *made)
{
    uint64_t all = kin_dataset_count(made->dataset), sample = (uint64_t)made->options->sample;
    made->count = (size_t)(all < sample ? all : sample);
    made->bits = kin_dataset_bits(made->dataset);
    made->width = (made->bits + 63) / 64;
    made->rows = kin_malloc(made->count * sizeof *made->rows);
    made->words = kin_malloc(made->count * made->width * sizeof *made->words);
    made->sure = kin_malloc(made->count * made->bits * sizeof *made->sure);
    for (size_t i = 0; i < made->count; i++) {
        kin_code code;
        made->rows[i] = i * all / made->count;
        kin_dataset_code(made->dataset, made->rows[i], &code);
        memcpy(made->words + i * made->width, code.word, made->width * sizeof *made->words);
    }
    kin_sureness(made->words, made->count, made->width, made->bits, made->sure);
}

/* Whether the codes of two rows of the sample differ in less than an eighth of their bits: such
 * pictures look alike, and one shows what a bit sees. */
static bool alike(const atlas *made, size_t a, size_t b)
{
    unsigned distance = 0;
    for (size_t w = 0; w < made->width; w++)
        distance += (unsigned)__builtin_popcountll(made->words[a * made->width + w] ^
                                                   made->words[b * made->width + w]);
    return distance < made->bits / 8;
}

/* The surest of bit on the side of sign (1 or -1), of equal ones the first, that is not like one
 * that is chosen already; count: none. */
static size_t next_surest(const atlas *made, unsigned bit, float sign, const size_t *chosen,
                          size_t chosen_count)
{
    size_t best = made->count;
    float best_sure = 0;
    for (size_t i = 0; i < made->count; i++) {
        float sure = sign * made->sure[i * made->bits + bit];
        if (!(sure > best_sure)) continue;
        bool taken = false;
        for (size_t c = 0; c < chosen_count; c++)
            taken = taken || alike(made, chosen[c], i);
        if (taken) continue;
        best = i;
        best_sure = sure;
    }
    return best;
}

/* A thumbnail that cannot be decoded leaves its place empty. */
static kin_status read_tile(atlas *made, uint64_t row, kin_image *picture, kin_error *error)
{
    const uint8_t *data;
    uint32_t bytes;
    kin_status status = kin_dataset_thumbnail(made->dataset, row, &data, &bytes, error);
    if (status != KIN_OK || bytes == 0) return status;
    const kin_decode_request request = {.raster = {.mode = KIN_RASTER_FIT,
                                                   .width = KIN_ATLAS_TILE_SIDE,
                                                   .height = KIN_ATLAS_TILE_SIDE}};
    kin_decoded decoded = {0};
    if (bytes > KIN_THUMBNAIL_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: a thumbnail of %u bytes; the limit is %u",
                        made->options->index, bytes, KIN_THUMBNAIL_BYTES_MAX);
    memcpy(kin_decoder_input(made->decoder), data, bytes);
    status = kin_decoder_run(made->decoder, bytes, &request, &decoded, error);
    if (status == KIN_OK && decoded.reason == KIN_REASON_NONE) {
        *picture = decoded.raster;
        decoded.raster = (kin_image){0};
    }
    kin_decoded_fini(&decoded);
    return status;
}

static kin_status choose_side(atlas *made, unsigned bit, float sign, kin_image *pictures,
                              kin_error *error)
{
    size_t chosen[KIN_ATLAS_TILES_MAX], tiles = (size_t)made->options->tiles;
    kin_status status = KIN_OK;
    for (size_t t = 0; status == KIN_OK && t < tiles; t++) {
        chosen[t] = next_surest(made, bit, sign, chosen, t);
        if (chosen[t] == made->count) break;
        status = read_tile(made, made->rows[chosen[t]], &pictures[t], error);
    }
    return status;
}

static kin_status choose(atlas *made, kin_error *error)
{
    size_t tiles = (size_t)made->options->tiles;
    kin_status status = KIN_OK;
    made->pictures = kin_calloc(made->bits * 2 * tiles, sizeof *made->pictures);
    made->sheet = kin_calloc(made->bits, sizeof *made->sheet);
    for (unsigned b = 0; status == KIN_OK && b < made->bits; b++) {
        kin_image *one = made->pictures + b * 2 * tiles, *zero = one + tiles;
        uint64_t ones = 0;
        for (size_t i = 0; i < made->count; i++)
            ones += made->words[i * made->width + b / 64] >> (63 - b % 64) & 1;
        made->sheet[b] = (kin_atlas_bit){
            .number = b, .ones = (double)ones / (double)made->count, .one = one, .zero = zero};
        status = choose_side(made, b, 1, one, error);
        if (status == KIN_OK) status = choose_side(made, b, -1, zero, error);
    }
    return status;
}

static kin_status draw(const atlas *made, kin_error *error)
{
    kin_image image;
    kin_buffer png = {0};
    uint64_t all = kin_dataset_count(made->dataset);
    char *subtitle =
        made->count == all
            ? kin_sprintf("by the codes nearest to a picture's own, among %zu", made->count)
            : kin_sprintf("by the codes nearest to a picture's own, among %zu of %llu", made->count,
                          (unsigned long long)all);
    char *title = kin_sprintf("What the %u bits of %s see", made->bits, made->options->index);
    kin_atlas_draw(made->sheet, made->bits, (uint32_t)made->options->tiles, title, subtitle,
                   &image);
    kin_image_append_png(&image, &png);
    kin_status status = kin_file_write_atomic(made->options->output, png.data, png.bytes, error);
    kin_buffer_fini(&png);
    kin_image_fini(&image);
    free(title);
    free(subtitle);
    return status;
}

static kin_status run(const atlas_options *options, kin_error *error)
{
    atlas made = {.options = options};
    kin_decoder_options decode = KIN_DECODER_OPTIONS_DEFAULT;
    decode.no_sandbox = options->no_sandbox;
    kin_status status = open_index(&made, error);
    if (status == KIN_OK) status = kin_decoder_open(&made.decoder, &decode, error);
    if (status == KIN_OK) {
        take_sample(&made);
        status = choose(&made, error);
    }
    if (status == KIN_OK) status = draw(&made, error);
    for (size_t i = 0; made.pictures != NULL && i < made.bits * 2 * (size_t)options->tiles; i++)
        kin_image_fini(&made.pictures[i]);
    free(made.pictures);
    free(made.sheet);
    free(made.sure);
    free(made.words);
    free(made.rows);
    kin_decoder_close(&made.decoder);
    kin_dataset_close(&made.dataset);
    return status;
}

static kin_status run_filters(const atlas_options *options, kin_error *error)
{
    kin_buffer bytes = {0}, png = {0};
    kin_encoder_file file;
    kin_filter_shape shape;
    kin_status status = kin_file_read(options->filters, ENCODER_BYTES_MAX, &bytes, error);
    if (status == KIN_OK)
        status = kin_encoder_file_parse(&file, bytes.data, bytes.bytes, options->filters, error);
    if (status == KIN_OK)
        status = kin_filter_shape_choose(&shape, options->shape, file.layer[0].inputs,
                                         options->filters, error);
    if (status == KIN_OK) {
        uint32_t count = file.layer[0].outputs;
        if (count > KIN_FILTERS_MAX) count = KIN_FILTERS_MAX;
        size_t numbers = (size_t)count * file.layer[0].inputs;
        float *weights = kin_malloc(numbers * sizeof *weights);
        kin_image image;
        char *title = kin_sprintf("The first layer of a hasher by %s", file.card.method);
        kin_encoder_file_floats(file.layer[0].weights, numbers, weights);
        kin_filters_draw(weights, count, shape, title, &image);
        kin_image_append_png(&image, &png);
        kin_image_fini(&image);
        status = kin_file_write_atomic(options->output, png.data, png.bytes, error);
        free(title);
        free(weights);
    }
    kin_buffer_fini(&png);
    kin_buffer_fini(&bytes);
    return status;
}

static kin_status run_reconstruct(const atlas_options *options, kin_error *error)
{
    const kin_reconstruct_options asked = {.encoder = options->reconstruct,
                                           .sources = options->sources,
                                           .source_count = options->source_count,
                                           .shape = options->shape,
                                           .output = options->output,
                                           .pictures = (uint32_t)options->sample,
                                           .no_sandbox = options->no_sandbox};
    return kin_reconstruct(&asked, error);
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-atlas", KIN_LOG_INFO);
    atlas_options options;
    kin_error error = {0};
    if (parse(&options, argc, argv, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 2;
    }
    if (options.help) {
        fputs(help, stdout);
        return 0;
    }
    kin_status status = options.filters != NULL       ? run_filters(&options, &error)
                        : options.reconstruct != NULL ? run_reconstruct(&options, &error)
                                                      : run(&options, &error);
    if (status == KIN_OK) return 0;
    kin_log(KIN_LOG_ERROR, "%s", error.text);
    return 1;
}
