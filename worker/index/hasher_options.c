#include "worker/index/hasher_options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/file.h"

/* As in Gong and Lazebnik, CVPR 2011. */
#define ITQ_ITERATIONS 50

void kin_hasher_options_init(kin_hasher_options *options)
{
    *options = (kin_hasher_options){.hasher = KIN_HASHER_DEFAULT,
                                    .bits = KIN_CODE_BITS_DEFAULT,
                                    .seed = 1,
                                    .iterations = ITQ_ITERATIONS,
                                    .rate = -1,
                                    .pretrain_rate = -1,
                                    .noise = -1,
                                    .dropout = -1,
                                    .input_dropout = -1,
                                    .decay = -1,
                                    .held_out = -1};
}

void kin_hasher_options_fini(kin_hasher_options *options)
{
    kin_buffer_fini(&options->file);
}

/* Whether name is a word of the list "itq, lsh, ...". */
static bool is_method(const char *name)
{
    size_t bytes = strlen(name);
    for (const char *word = kin_train_methods(); *word != 0;) {
        size_t length = strcspn(word, ", ");
        if (length == bytes && memcmp(word, name, bytes) == 0) return true;
        word += length;
        word += strspn(word, ", ");
    }
    return false;
}

static kin_status read_layers(kin_hasher_options *options, kin_error *error)
{
    const char *text = options->layers;
    if (text == NULL || strcmp(text, "none") == 0) return KIN_OK;
    for (;;) {
        char *end;
        unsigned long width = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || width == 0 || width > KIN_FEATURE_DIMENSIONS_MAX ||
            (*end != 0 && *end != '-') || options->width_count == KIN_HASHER_LAYERS_MAX - 1)
            return kin_fail(error, KIN_BAD_INPUT,
                            "--layers is '%s'; it takes up to %u widths from 1 to %u, as 512-256, "
                            "or none",
                            options->layers, KIN_HASHER_LAYERS_MAX - 1, KIN_FEATURE_DIMENSIONS_MAX);
        options->widths[options->width_count++] = (uint32_t)width;
        if (*end == 0) return KIN_OK;
        text = end + 1;
    }
}

static kin_status read_file(kin_hasher_options *options, kin_error *error)
{
    if (!kin_path_exists(options->hasher) || kin_path_is_directory(options->hasher))
        return kin_fail(
            error, KIN_BAD_INPUT,
            "there is no hasher '%s': --hasher takes one of %s, or the file of one that "
            "kindred-index train has learned",
            options->hasher, kin_train_methods());
    kin_encoder_file parsed;
    kin_status status =
        kin_file_read(options->hasher, KIN_ENCODER_FILE_BYTES_MAX, &options->file, error);
    if (status == KIN_OK)
        status = kin_encoder_file_parse(&parsed, options->file.data, options->file.bytes,
                                        options->hasher, error);
    if (status != KIN_OK) return status;
    options->card = parsed.card;
    options->bits = parsed.card.bits;
    options->seed = (int64_t)(parsed.card.seed & INT64_MAX);
    return KIN_OK;
}

kin_status kin_hasher_options_check(kin_hasher_options *options, kin_error *error)
{
    if (!is_method(options->hasher)) return read_file(options, error);
    if (!kin_learned_bits_valid((unsigned)options->bits))
        return kin_fail(error, KIN_BAD_INPUT, "--bits is %lld; a code has %u to %u in steps of %u",
                        (long long)options->bits, KIN_LEARNED_BITS_MIN, KIN_CODE_BITS_MAX,
                        KIN_LEARNED_BITS_STEP);
    if (options->labels != NULL && !kin_hasher_options_wants_labels(options))
        return kin_fail(error, KIN_BAD_INPUT,
                        "--labels are for the hasher supervised; %s does not look at classes",
                        options->hasher);
    if (options->head != NULL && !kin_hasher_options_wants_labels(options))
        return kin_fail(error, KIN_BAD_INPUT,
                        "--head %s is about the hasher supervised, not about %s", options->head,
                        options->hasher);
    return read_layers(options, error);
}

const char *kin_hasher_options_method(const kin_hasher_options *options)
{
    return options->file.bytes > 0 ? options->card.method : options->hasher;
}

bool kin_hasher_options_wants_labels(const kin_hasher_options *options)
{
    return strcmp(options->hasher, "supervised") == 0;
}

bool kin_hasher_options_within_dimensions(const kin_hasher_options *options)
{
    static const char *const methods[] = {"itq", "lsh", "pcah", "sh"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(options->hasher, methods[i]) == 0) return true;
    return false;
}

void kin_hasher_options_describe(const kin_hasher_options *o, kin_buffer *text)
{
    char digits[33] = "-";
    kin_digest digest = kin_digest_of(o->file.data, o->file.bytes);
    if (o->file.bytes > 0) kin_digest_text(&digest, digits);
    kin_buffer_printf(text, "%s %s %s %s %s %lld %lld %lld %lld %lld %lld %lld ",
                      kin_hasher_options_method(o), digits, o->labels == NULL ? "-" : o->labels,
                      o->layers == NULL ? "-" : o->layers, o->head == NULL ? "-" : o->head,
                      (long long)o->bits, (long long)o->seed, (long long)o->iterations,
                      (long long)o->epochs, (long long)o->pretrain_epochs, (long long)o->batch,
                      (long long)o->patience);
    kin_buffer_printf(text, "%.17g %.17g %.17g %.17g %.17g %.17g %.17g", o->rate, o->pretrain_rate,
                      o->noise, o->dropout, o->input_dropout, o->decay, o->held_out);
}

/* kin_train takes a zero for "not given": what is given as zero is next to nothing instead. */
static double given(double number)
{
    if (number < 0) return 0;
    return number > 0 ? number : 1e-30;
}

static kin_head_kind head_of(const char *name)
{
    if (name == NULL) return KIN_HEAD_NONE; /* the default */
    if (strcmp(name, "linear") == 0) return KIN_HEAD_LINEAR;
    return strcmp(name, "logistic") == 0 ? KIN_HEAD_LOGISTIC : KIN_HEAD_SOFTMAX;
}

kin_train_options kin_hasher_options_training(const kin_hasher_options *options)
{
    return (kin_train_options){.method = options->hasher,
                               .bits = (unsigned)options->bits,
                               .seed = (uint64_t)options->seed,
                               .iterations = (uint32_t)options->iterations,
                               .layers = options->widths,
                               .layer_count = options->width_count,
                               .no_layers = options->layers != NULL && options->width_count == 0,
                               .epochs = (uint32_t)options->epochs,
                               .pretrain_epochs = (uint32_t)options->pretrain_epochs,
                               .batch = (uint32_t)options->batch,
                               .patience = (uint32_t)options->patience,
                               .rate = given(options->rate),
                               .pretrain_rate = given(options->pretrain_rate),
                               .noise = given(options->noise),
                               .dropout = given(options->dropout),
                               .input_dropout = given(options->input_dropout),
                               .decay = given(options->decay),
                               .held_out = given(options->held_out),
                               .head = head_of(options->head)};
}
