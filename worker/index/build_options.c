#include "worker/index/build_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/options.h"
#include "common/code/code.h"
#include "worker/decode/decoder.h"
#include "worker/encode/features_pixels.h"

const char kin_build_help[] =
    "usage: kindred-index build -o INDEX [OPTION]... SOURCE...\n"
    "       mpirun -n RANKS kindred-index build -o INDEX [OPTION]... SOURCE...\n"
    "\n"
    "Makes an index of pictures, or goes on with one that was interrupted: the same command "
    "again.\n"
    "SOURCE is a folder (with all that is in it), a picture, or a tar archive, compressed or not.\n"
    "\n"
    "  -o, --output INDEX   folder of the index; made where it is not there\n"
    "  -l, --list FILE      also what FILE names, one path a line; - for standard input\n"
    "  -0, --null           NUL bytes, not line ends, separate the paths of the list\n"
    "      --follow-links   follow symbolic links within folders\n"
    "      --bits N         bits of a code: 16 to 256 in steps of 8 (64)\n"
    "      --features WHAT  what pictures are compared by: builtin (default); pixels:SIDE (of\n"
    "                       colours) or pixels:SIDE:grey, scaled to a square; the features that\n"
    "                       an INDEX keeps, for its pictures (no SOURCE then); or FILE.npy, whose\n"
    "                       row i is of line i of --list (pictures are not opened)\n"
    "      --model FILE.onnx[:TENSOR[,TENSOR]]  or by a network; several are joined\n"
    "      --set WORD=VALUE what its sidecar would say: size=224, interpolation=bicubic ...\n"
    "      --keep-features  keep the numbers that pictures are compared by (.npy)\n"
    "      --rerank         keep the numbers behind the bits, a byte each, for search --rerank\n"
    "      --hasher NAME    how codes are made: by one of the methods of kindred-index train\n"
    "                       (itq), learned from the pictures, or by a FILE that train has made\n"
    "      --sample N       pictures that the hasher learns from (32768)\n"
    "      --seed N         of its random numbers (1)\n"
    "      --labels WHAT    classes for the hasher supervised: folders, top-folders, or a file;\n"
    "                       and the other options of learning that train --help lists\n"
    "      --shards N       files that the codes are divided into (4, more for large collections)\n"
    "      --thumbnail N    longer side of the thumbnails that are kept (96; 0 for none)\n"
    "      --keep N         keep the N newest generations and remove older ones (all)\n"
    "      --restart        forget the unfinished build that is there\n"
    "      --report FILE    write figures of what was planned and what it took\n"
    "      --trial N        of N of the inputs only, evenly spread: what kindred plan looks at\n"
    "      --no-sandbox     decode pictures without the system's protection (unsafe)\n"
    "\n"
    "example: mpirun -n 4 kindred-index build -o /tmp/index /usr/share/icons\n"
    "\n"
    "exit codes: 0 done, 1 failed or interrupted, 2 usage\n";

/* Where numbers of the command line are put, to be narrowed. */
typedef struct numbers {
    int64_t shards, thumbnail, sample, keep;
} numbers;

/* Names come first: what else is called builtin is ./builtin. */
static bool is_name(const char *features)
{
    if (kin_pixels_is_name(features)) return true;
    const char *name = "builtin";
    size_t bytes = strlen(name);
    return strncmp(features, name, bytes) == 0 && (features[bytes] == 0 || features[bytes] == '/');
}

/* What is wrong with the inputs, given where the features come from. */
static kin_status check_source(const kin_build_options *options, const numbers *n, kin_error *error)
{
    bool sources = options->source_count > 0 || options->list_path != NULL;
    if (options->source == KIN_FEATURES_KEPT && sources)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there are both --features %s, which is an index, and sources; its "
                        "features are of its own pictures, so leave the sources out",
                        options->features);
    if (options->source == KIN_FEATURES_KEPT && n->thumbnail >= 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is --thumbnail, but the thumbnails are those of %s, whose pictures "
                        "are not opened; leave it out",
                        options->features);
    if (options->source == KIN_FEATURES_TABLE &&
        (options->list_path == NULL || options->source_count > 0))
        return kin_fail(error, KIN_BAD_INPUT,
                        "the rows of %s are of the lines of a list: give --list FILE, and no other "
                        "sources",
                        options->features);
    if (options->source != KIN_FEATURES_KEPT && !sources)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is nothing to index; name a folder, a picture, a tar archive, or "
                        "--list FILE");
    return KIN_OK;
}

static kin_status check(const kin_build_options *options, const numbers *n, kin_error *error)
{
    if (options->index_path == NULL || *options->index_path == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is no -o INDEX; say which folder the index is to be made in");
    kin_status status = kin_build_options_check(options, error);
    if (status == KIN_OK) status = check_source(options, n, error);
    if (status != KIN_OK) return status;
    if (n->sample > 0 && options->hasher.file.bytes > 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--sample is about learning a hasher; %s was learned already",
                        options->hasher.hasher);
    return KIN_OK;
}

kin_status kin_build_options_check(const kin_build_options *options, kin_error *error)
{
    if (options->features != NULL && options->source == KIN_FEATURES_COMPUTED &&
        !is_name(options->features))
        return kin_fail(
            error, KIN_BAD_INPUT,
            "there are no features, and no file, '%s': --features takes builtin, pixels:SIDE, "
            "pixels:SIDE:grey%s",
            options->features,
            options->hasher_output != NULL
                ? "; features that are kept, or a file .npy, are data to learn from"
                : ", the folder of an index that keeps some, or a file .npy");
    if (options->features != NULL && options->models.count > 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there are both --features and --model; pictures are compared by one of "
                        "them");
    if (options->settings.count > 0 && options->models.count == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is --set, which is about a model, but no --model");
    if (kin_hasher_options_wants_labels(&options->hasher) && options->hasher.labels == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the hasher supervised learns from classes; give --labels folders, "
                        "top-folders, or a file");
    if (options->null_separated && options->list_path == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "--null is about a list, but there is no --list");
    return KIN_OK;
}

/* N, or N:ALL:RANKS; ALL may be 0: as many as there are. */
static bool parse_trial(kin_build_options *options, const char *text)
{
    uint64_t *targets[] = {&options->trial, &options->trial_inputs, &options->trial_ranks};
    for (int i = 0; i < 3; i++) {
        char *end;
        if (*text < '0' || *text > '9') return false;
        unsigned long long number = strtoull(text, &end, 10);
        if (end - text > 13 || (number == 0 && i != 1)) return false;
        *targets[i] = number;
        if (*end == 0) return i != 1;
        if (*end != ':') return false;
        text = end + 1;
    }
    return false;
}

kin_status kin_build_options_parse(kin_build_options *options, int argc, char **argv,
                                   kin_error *error)
{
    *options = (kin_build_options){0};
    kin_hasher_options_init(&options->hasher);
    const char *trial = NULL;
    numbers n = {.thumbnail = -1}; /* not given */
    const kin_option table[] = {
        {"output", 'o', KIN_OPTION_TEXT, &options->index_path, 0, 0, NULL},
        KIN_PICTURE_OPTION_ROWS(options),
        {"keep-features", 0, KIN_OPTION_FLAG, &options->keep_features, 0, 0, NULL},
        {"rerank", 0, KIN_OPTION_FLAG, &options->rerank, 0, 0, NULL},
        {"sample", 0, KIN_OPTION_NUMBER, &n.sample, 1, KIN_SAMPLE_PICTURES_MAX, NULL},
        KIN_HASHER_OPTION_ROWS(&options->hasher),
        {"shards", 0, KIN_OPTION_NUMBER, &n.shards, 1, KIN_SHARDS_MAX, NULL},
        {"thumbnail", 0, KIN_OPTION_NUMBER, &n.thumbnail, 0, KIN_THUMBNAIL_SIDE_MAX, NULL},
        {"keep", 0, KIN_OPTION_NUMBER, &n.keep, 1, 1000000, NULL},
        {"restart", 0, KIN_OPTION_FLAG, &options->restart, 0, 0, NULL},
        {"report", 0, KIN_OPTION_TEXT, &options->report, 0, 0, NULL},
        {"trial", 0, KIN_OPTION_TEXT, &trial, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &options->help, 0, 0, NULL},
        {0},
    };
    kin_status status = kin_options_parse(table, argc, argv, &options->source_count, error);
    if (status != KIN_OK || options->help) return status;
    options->sources = argv + 1;
    status = kin_hasher_options_check(&options->hasher, error);
    if (status != KIN_OK) return status;
    options->bits = kin_stored_bits((unsigned)options->hasher.bits);
    options->shards = (uint32_t)n.shards;
    if (options->features != NULL && !is_name(options->features) &&
        kin_path_exists(options->features))
        options->source =
            kin_path_is_directory(options->features) ? KIN_FEATURES_KEPT : KIN_FEATURES_TABLE;
    if (n.thumbnail >= 0)
        options->thumbnail_side = (uint32_t)n.thumbnail;
    else if (options->source == KIN_FEATURES_COMPUTED)
        options->thumbnail_side = KIN_THUMBNAIL_SIDE_DEFAULT;
    options->sample_pictures = n.sample > 0 ? (uint64_t)n.sample : KIN_TRAINING_PICTURES_DEFAULT;
    options->keep = (uint32_t)n.keep;
    if (trial != NULL && !parse_trial(options, trial))
        return kin_fail(
            error, KIN_BAD_INPUT,
            "--trial is %s; it takes a number of inputs, such as 300, or INPUTS:ALL:RANKS", trial);
    return check(options, &n, error);
}

/* What a file of classes says, not only what it is called: an unfinished build that has learned
 * from others is not gone on with. One that cannot be read is refused when it is opened. */
static void append_labels(const char *labels, kin_buffer *text)
{
    static const char idx[] = "idx:";
    const char *path = strncmp(labels, idx, sizeof idx - 1) == 0 ? labels + sizeof idx - 1 : labels;
    kin_mapping file;
    if (!kin_path_exists(path) || kin_path_is_directory(path) ||
        kin_mapping_open(&file, path, NULL) != KIN_OK)
        return;
    kin_digest digest = kin_digest_of(file.data, file.bytes);
    kin_buffer_append(text, &digest, sizeof digest);
    kin_mapping_close(&file);
}

kin_digest kin_build_options_digest(const kin_build_options *options, const char *features)
{
    kin_buffer text = {0};
    char *folder = getcwd(NULL, 0);
    kin_buffer_printf(&text, "%u %d %s %s %u %u %llu %d %d %d ", options->bits, options->source,
                      features, kin_decoder_name(), options->shards, options->thumbnail_side,
                      (unsigned long long)options->sample_pictures, options->follow_links,
                      options->null_separated, options->keep_features);
    if (options->trial > 0)
        kin_buffer_printf(&text, "trial %llu ", (unsigned long long)options->trial);
    kin_hasher_options_describe(&options->hasher, &text);
    if (options->rerank) kin_buffer_append_string(&text, " rerank");
    if (options->hasher.labels != NULL) append_labels(options->hasher.labels, &text);
    kin_buffer_append_byte(&text, '\n');
    const char *paths[] = {folder != NULL ? folder : "",
                           options->list_path != NULL ? options->list_path : ""};
    for (int i = 0; i < 2 + options->source_count; i++) {
        const char *path = i < 2 ? paths[i] : options->sources[i - 2];
        kin_buffer_append(&text, path, strlen(path) + 1);
    }
    kin_digest digest = kin_digest_of(text.data, text.bytes);
    kin_buffer_fini(&text);
    free(folder);
    return digest;
}
