#include "worker/index/hasher_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/file.h"
#include "worker/train/neighbour.h"

/* As in Gong and Lazebnik, CVPR 2011. */
#define ITQ_ITERATIONS 50

void kin_hasher_options_init(kin_hasher_options *options)
{
    *options = (kin_hasher_options){.hasher = KIN_HASHER_DEFAULT,
                                    .seed = -1,
                                    .iterations = -1,
                                    .epochs = -1,
                                    .pretrain_epochs = -1,
                                    .batch = -1,
                                    .patience = -1,
                                    .neighbours = -1,
                                    .walk = -1,
                                    .components = -1,
                                    .rate = -1,
                                    .pretrain_rate = -1,
                                    .noise = -1,
                                    .dropout = -1,
                                    .input_dropout = -1,
                                    .decay = -1,
                                    .held_out = -1,
                                    .whitening = -1,
                                    .evening = -1,
                                    .temperature = -1,
                                    .geometry = -1,
                                    .stretch = -1,
                                    .quantization = -1,
                                    .emphasis = -1};
}

void kin_hasher_options_fini(kin_hasher_options *options)
{
    kin_buffer_fini(&options->file);
}

/* Options that not every method takes: those that do. Numbers are less than 0 where they are not
 * given, texts NULL. */
#define TEXT(name, field, methods)                                          \
    {                                                                       \
        name, offsetof(kin_hasher_options, field), KIN_OPTION_TEXT, methods \
    }
#define NUMBER(name, field, methods)                                          \
    {                                                                         \
        name, offsetof(kin_hasher_options, field), KIN_OPTION_NUMBER, methods \
    }
#define REAL(name, field, methods)                                          \
    {                                                                       \
        name, offsetof(kin_hasher_options, field), KIN_OPTION_REAL, methods \
    }
static const struct option_use {
    const char *name;
    size_t offset;
    kin_option_kind kind;
    const char *methods;
} uses[] = {
    NUMBER("seed", seed, "autoencoder, itq, lsh, neighbour, supervised"),
    TEXT("labels", labels, "supervised"),
    TEXT("layers", layers, "autoencoder, neighbour, supervised"),
    TEXT("head", head, "supervised"),
    NUMBER("iterations", iterations, "itq"),
    NUMBER("epochs", epochs, "autoencoder, neighbour, supervised"),
    NUMBER("pretrain-epochs", pretrain_epochs, "autoencoder"),
    NUMBER("batch", batch, "autoencoder, neighbour, supervised"),
    NUMBER("patience", patience, "autoencoder, neighbour, supervised"),
    REAL("rate", rate, "autoencoder, neighbour, supervised"),
    REAL("pretrain-rate", pretrain_rate, "autoencoder"),
    REAL("noise", noise, "autoencoder, supervised"),
    REAL("dropout", dropout, "supervised"),
    REAL("input-dropout", input_dropout, "autoencoder, neighbour, supervised"),
    REAL("decay", decay, "autoencoder, supervised"),
    REAL("held-out", held_out, "autoencoder, neighbour, supervised"),
    TEXT("code-layer", code_layer, "autoencoder"),
    REAL("whitening", whitening, "autoencoder"),
    NUMBER("neighbours", neighbours, "autoencoder, neighbour"),
    NUMBER("walk", walk, "autoencoder, neighbour"),
    NUMBER("components", components, "autoencoder, neighbour"),
    REAL("evening", evening, "autoencoder, neighbour"),
    REAL("temperature", temperature, "neighbour"),
    REAL("geometry", geometry, "neighbour"),
    REAL("stretch", stretch, "neighbour"),
    REAL("quantization", quantization, "neighbour"),
    REAL("emphasis", emphasis, "neighbour"),
};
#undef TEXT
#undef NUMBER
#undef REAL

/* Whether name is a word of a list such as "itq, lsh". */
static bool is_listed(const char *name, const char *list)
{
    size_t bytes = strlen(name);
    for (const char *word = list; *word != 0;) {
        size_t length = strcspn(word, ", ");
        if (length == bytes && memcmp(word, name, bytes) == 0) return true;
        word += length;
        word += strspn(word, ", ");
    }
    return false;
}

static bool is_given(const kin_hasher_options *options, const struct option_use *use)
{
    const char *field = (const char *)options + use->offset;
    if (use->kind == KIN_OPTION_NUMBER) return *(const int64_t *)(const void *)field >= 0;
    if (use->kind == KIN_OPTION_REAL) return *(const double *)(const void *)field >= 0;
    return *(const char *const *)(const void *)field != NULL;
}

/* What is given must be taken: by the method, or by a file, which takes nothing. */
static kin_status check_uses(const kin_hasher_options *options, bool is_file, kin_error *error)
{
    if (is_file && options->bits > 0)
        return kin_fail(
            error, KIN_BAD_INPUT,
            "--bits is about learning a hasher; %s was learned already, and has its own",
            options->hasher);
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        const struct option_use *use = &uses[i];
        if (!is_given(options, use)) continue;
        if (is_file)
            return kin_fail(error, KIN_BAD_INPUT,
                            "--%s is about learning a hasher; %s was learned already", use->name,
                            options->hasher);
        if (!is_listed(options->hasher, use->methods))
            return kin_fail(error, KIN_BAD_INPUT,
                            "the hasher %s does not take --%s, which is for %s; leave it out, or "
                            "name %s by --hasher",
                            options->hasher, use->name, use->methods,
                            strchr(use->methods, ',') == NULL ? "that" : "one of these");
    }
    return KIN_OK;
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
    if (kin_path_is_directory(options->hasher))
        return kin_fail(error, KIN_BAD_INPUT,
                        "--hasher %s is a folder; that of an index is the file encoder.kin in its "
                        "current generation",
                        options->hasher);
    if (!kin_path_exists(options->hasher))
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
    return KIN_OK;
}

static void set_count(uint32_t *target, int64_t given)
{
    if (given >= 0) *target = (uint32_t)given;
}

static void set_real(double *target, double given)
{
    if (given >= 0) *target = given;
}

/* What the method neighbour is told, and autoencoder of its graph and walks. */
static kin_status check_neighbour(kin_hasher_options *o, kin_error *error)
{
    kin_neighbour_options *n = &o->neighbour;
    *n = KIN_NEIGHBOUR_OPTIONS_DEFAULT;
    set_count(&n->neighbours, o->neighbours);
    set_count(&n->walk, o->walk);
    set_count(&n->components, o->components);
    set_real(&n->evening, o->evening);
    if (!is_listed("neighbour", o->hasher)) return kin_neighbour_options_check(n, error);
    if (o->layers != NULL && o->width_count != 2)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--layers is '%s'; the hasher neighbour takes two widths, as 1024-512",
                        o->layers);
    for (uint32_t l = 0; l < o->width_count; l++)
        n->hidden[l] = o->widths[l];
    set_count(&n->epochs, o->epochs);
    set_count(&n->batch, o->batch);
    set_real(&n->temperature, o->temperature);
    set_real(&n->geometry, o->geometry);
    set_real(&n->stretch, o->stretch);
    set_real(&n->quantization, o->quantization);
    set_real(&n->emphasis, o->emphasis);
    set_real(&n->dropout, o->input_dropout);
    set_real(&n->rate, o->rate);
    return kin_neighbour_options_check(n, error);
}

static bool has_neighbours(const kin_hasher_options *options)
{
    return is_listed(options->hasher, "autoencoder, neighbour");
}

kin_status kin_hasher_options_check(kin_hasher_options *options, kin_error *error)
{
    bool is_file = !kin_train_is_method(options->hasher);
    /* A name that is neither is the first thing to say. */
    kin_status status = is_file ? read_file(options, error) : KIN_OK;
    if (status == KIN_OK) status = check_uses(options, is_file, error);
    if (status != KIN_OK) return status;
    if (is_file) {
        options->bits = options->card.bits;
        options->seed = (int64_t)(options->card.seed & INT64_MAX);
        return KIN_OK;
    }
    if (options->bits == 0) options->bits = KIN_CODE_BITS_DEFAULT;
    if (options->seed < 0) options->seed = 1;
    if (!kin_learned_bits_valid((unsigned)options->bits))
        return kin_fail(error, KIN_BAD_INPUT, "--bits is %lld; a code has %u to %u in steps of %u",
                        (long long)options->bits, KIN_LEARNED_BITS_MIN, KIN_CODE_BITS_MAX,
                        KIN_LEARNED_BITS_STEP);
    status = read_layers(options, error);
    if (status == KIN_OK && has_neighbours(options)) status = check_neighbour(options, error);
    return status;
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
    kin_buffer_printf(text, "%.17g %.17g %.17g %.17g %.17g %.17g %.17g ", o->rate, o->pretrain_rate,
                      o->noise, o->dropout, o->input_dropout, o->decay, o->held_out);
    kin_buffer_printf(text, "%s %.17g ", o->code_layer == NULL ? "-" : o->code_layer, o->whitening);
    kin_buffer_printf(text, "%lld %lld %lld %.17g %.17g %.17g %.17g %.17g %.17g",
                      (long long)o->neighbours, (long long)o->walk, (long long)o->components,
                      o->evening, o->temperature, o->geometry, o->stretch, o->quantization,
                      o->emphasis);
}

/* kin_train takes a zero for "not given". */
static double given(double number)
{
    if (number < 0) return 0;
    return number > 0 ? number : KIN_TRAIN_ZERO;
}

static uint32_t given_count(int64_t number)
{
    if (number < 0) return 0;
    return number > 0 ? (uint32_t)number : KIN_TRAIN_NO_EPOCHS;
}

static kin_head_kind head_of(const char *name)
{
    if (name == NULL) return KIN_HEAD_NONE; /* the default */
    if (strcmp(name, "linear") == 0) return KIN_HEAD_LINEAR;
    return strcmp(name, "logistic") == 0 ? KIN_HEAD_LOGISTIC : KIN_HEAD_SOFTMAX;
}

kin_train_options kin_hasher_options_training(const kin_hasher_options *options)
{
    return (kin_train_options){
        .method = options->hasher,
        .bits = (unsigned)options->bits,
        .seed = (uint64_t)options->seed,
        .iterations = options->iterations < 0 ? ITQ_ITERATIONS : (uint32_t)options->iterations,
        .layers = options->widths,
        .layer_count = options->width_count,
        .no_layers = options->layers != NULL && options->width_count == 0,
        .epochs = given_count(options->epochs),
        .pretrain_epochs = given_count(options->pretrain_epochs),
        .batch = given_count(options->batch),
        .patience = given_count(options->patience),
        .rate = given(options->rate),
        .pretrain_rate = given(options->pretrain_rate),
        .noise = given(options->noise),
        .dropout = given(options->dropout),
        .input_dropout = given(options->input_dropout),
        .decay = given(options->decay),
        .held_out = given(options->held_out),
        .head = head_of(options->head),
        .code_layer = options->code_layer != NULL && strcmp(options->code_layer, "logistic") == 0
                          ? KIN_CODE_LOGISTIC
                          : KIN_CODE_LINEAR,
        .whitening = given(options->whitening),
        .neighbour = has_neighbours(options) ? &options->neighbour : NULL};
}
