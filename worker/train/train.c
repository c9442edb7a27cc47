#include "worker/train/train.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/encode/blas.h"
#include "worker/train/autoencoder.h"
#include "worker/train/descent.h"
#include "worker/train/draft.h"
#include "worker/train/fit.h"
#include "worker/train/linear.h"
#include "worker/train/moments.h"
#include "worker/train/neighbour.h"
#include "worker/train/supervised.h"

typedef struct method {
    const char *name;
    kin_train_method *learn;
    bool directions; /* at most as many bits as dimensions */
    bool descends;   /* by mini-batches */
} method;

static const method methods[] = {{"autoencoder", kin_learn_autoencoder, false, true},
                                 {"itq", kin_learn_itq, true, false},
                                 {"lsh", kin_learn_lsh, true, false},
                                 {"neighbour", kin_learn_neighbour, false, false},
                                 {"pcah", kin_learn_pcah, true, false},
                                 {"sh", kin_learn_sh, true, false},
                                 {"supervised", kin_learn_supervised, false, true}};

const char *kin_train_methods(void)
{
    return "autoencoder, itq, lsh, neighbour, pcah, sh, supervised";
}

static const method *find_method(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].name, name) == 0) return &methods[i];
    return NULL;
}

bool kin_train_is_method(const char *name)
{
    return find_method(name) != NULL;
}

/* Widths between features and code, unless told: as in the papers, not wider than the features
 * need. */
static const uint32_t autoencoder_layers[] = {512, 256};
static const uint32_t supervised_layers[] = {1024, 512};

/* Fewer labelled vectors than this are learned in smaller batches: more steps a pass. */
#define SMALL_SAMPLE 16384

/* Epochs of a sample of count vectors: `usual`, or as many as `steps` take, up to `most`. */
static uint32_t enough_epochs(uint64_t count, uint32_t batch, uint32_t usual, uint32_t steps,
                              uint32_t most)
{
    uint64_t batches = count < batch ? 1 : count / batch;
    uint64_t epochs = (steps + batches - 1) / batches;
    return epochs < usual ? usual : epochs > most ? most : (uint32_t)epochs;
}

/* What is given; a zero is not, and KIN_TRAIN_ZERO is a zero. */
static void take(double *option, double usual)
{
    if (*option == 0)
        *option = usual;
    else if (*option <= KIN_TRAIN_ZERO)
        *option = 0;
}

/* What is not given, for a sample of count vectors. */
static kin_train_options with_defaults(const kin_train_options *given, uint64_t count)
{
    kin_train_options o = *given;
    bool labels = strcmp(o.method, "supervised") == 0;
    double deep_noise = o.code_layer == KIN_CODE_LOGISTIC ? 2 : 0;
    if (o.no_layers) o.layer_count = 0;
    if (o.layer_count == 0 && !o.no_layers) {
        o.layers = labels ? supervised_layers : autoencoder_layers;
        o.layer_count = 2;
    }
    if (o.batch == 0) o.batch = labels && count < SMALL_SAMPLE ? 256 : 512;
    if (o.epochs == 0) o.epochs = enough_epochs(count, o.batch, labels ? 20 : 30, 3000, 300);
    if (o.pretrain_epochs == 0) o.pretrain_epochs = enough_epochs(count, o.batch, 5, 1000, 100);
    if (o.pretrain_epochs == KIN_TRAIN_NO_EPOCHS) o.pretrain_epochs = 0;
    take(&o.rate, 1e-3);
    take(&o.pretrain_rate, 0.05);
    take(&o.noise, labels ? 0.5 : deep_noise);
    take(&o.dropout, labels ? 0.4 : 0);
    take(&o.input_dropout, labels ? 0.2 : 0);
    take(&o.decay, labels ? 0.01 : 1e-5);
    take(&o.held_out, strcmp(o.method, "neighbour") == 0 ? 0 : 0.05);
    take(&o.whitening, 0.25);
    /* Labels: to the end of the rate's fall, where it is best. */
    if (o.patience == 0) o.patience = labels ? 20 : 10;
    if (o.head == KIN_HEAD_NONE) o.head = KIN_HEAD_SOFTMAX;
    return o;
}

static kin_status check_layers(const kin_train_options *options, kin_error *error)
{
    size_t inputs = options->dimensions, weights = 0;
    if (options->layer_count >= KIN_HASHER_LAYERS_MAX)
        return kin_fail(error, KIN_LIMIT, "%zu layers before the code; the limit is %u",
                        options->layer_count, KIN_HASHER_LAYERS_MAX - 1);
    for (size_t l = 0; l <= options->layer_count; l++) {
        size_t outputs = l < options->layer_count ? options->layers[l] : options->bits;
        if (outputs == 0 || outputs > KIN_FEATURE_DIMENSIONS_MAX)
            return kin_fail(error, KIN_LIMIT, "a layer of %zu units; there are 1 to %u", outputs,
                            KIN_FEATURE_DIMENSIONS_MAX);
        weights += (inputs + 1) * outputs;
        inputs = outputs;
    }
    if (weights > KIN_HASHER_WEIGHTS_MAX)
        return kin_fail(error, KIN_LIMIT, "layers of %zu weights in all; the limit is %u", weights,
                        KIN_HASHER_WEIGHTS_MAX);
    if (options->batch < 2 * KIN_BATCH_SLICES || options->batch > KIN_TRAIN_BATCH_MAX)
        return kin_fail(error, KIN_LIMIT, "batches of %u; there are %u to %u",
                        (unsigned)options->batch, 2 * KIN_BATCH_SLICES, KIN_TRAIN_BATCH_MAX);
    if (!(options->whitening >= 0 && options->whitening <= 1))
        return kin_fail(error, KIN_BAD_INPUT, "a whitening of %g; it is 0 to 1",
                        options->whitening);
    if (!(options->rate > 0))
        return kin_fail(error, KIN_BAD_INPUT, "the rate of learning is %g; it is above 0",
                        options->rate);
    const struct {
        const char *name;
        double value, below;
    } shares[] = {{"the share that is held out", options->held_out, 0.9},
                  {"the dropout", options->dropout, 0.95},
                  {"the dropout of the input", options->input_dropout, 0.95}};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (!(shares[i].value < shares[i].below))
            return kin_fail(error, KIN_BAD_INPUT, "%s is %g; it is below %g", shares[i].name,
                            shares[i].value, shares[i].below);
    return KIN_OK;
}

static kin_status check_options(const kin_train_options *options, kin_error *error)
{
    const method *chosen = find_method(options->method);
    if (chosen == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "there is no hasher '%s'; there are: %s",
                        options->method, kin_train_methods());
    if (!kin_learned_bits_valid(options->bits))
        return kin_fail(error, KIN_BAD_INPUT, "%u bits; a code has %u to %u in steps of %u",
                        options->bits, KIN_LEARNED_BITS_MIN, KIN_CODE_BITS_MAX,
                        KIN_LEARNED_BITS_STEP);
    if (options->dimensions > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_LIMIT, "features of %u dimensions; the limit is %u",
                        (unsigned)options->dimensions, (unsigned)KIN_FEATURE_DIMENSIONS_MAX);
    if (chosen->directions && options->bits > options->dimensions)
        return kin_fail(error, KIN_BAD_INPUT,
                        "a code of %u bits cannot be learned from features of %u dimensions; take "
                        "fewer bits or other features",
                        options->bits, (unsigned)options->dimensions);
    return chosen->descends ? check_layers(options, error) : KIN_OK;
}

kin_status kin_train_check(const kin_train_options *given, kin_error *error)
{
    kin_train_options options = with_defaults(given, 0);
    return check_options(&options, error);
}

/* Rank 0's file, or its failure, to every rank. */
static kin_status share_file(const kin_train_context *context, kin_status status,
                             const kin_buffer *made, kin_buffer *file, kin_error *error)
{
    uint64_t bytes = status == KIN_OK ? made->bytes : 0;
    kin_status shared = context->broadcast(context->user, &bytes, sizeof bytes, error);
    if (shared != KIN_OK || status != KIN_OK) return shared != KIN_OK ? shared : status;
    if (bytes == 0)
        return kin_fail(error, KIN_BAD_INPUT, "rank 0 could not write the encoder file");
    uint8_t *target = kin_buffer_reserve(file, bytes);
    if (context->rank == 0) memcpy(target, made->data, bytes);
    shared = context->broadcast(context->user, target, bytes, error);
    if (shared == KIN_OK) file->bytes += bytes;
    return shared;
}

/* What a method that descends holds: values, gradients of the tree's open nodes, moments, the best
 * values, a checkpoint, and for each row of a slice a few copies of all layers. */
static size_t descent_bytes(const kin_train_options *options)
{
    size_t inputs = options->dimensions, weights = 0, units = inputs;
    for (size_t l = 0; l <= options->layer_count; l++) {
        size_t outputs = l < options->layer_count ? options->layers[l] : options->bits;
        weights += (inputs + 1) * outputs;
        units += outputs;
        inputs = outputs;
    }
    size_t rows = options->batch / KIN_BATCH_SLICES + 256;
    return (2 * weights * 14 + rows * units * 12) * sizeof(float);
}

size_t kin_train_memory(const kin_train_options *given, int rank, size_t slices, size_t vectors)
{
    kin_train_options options = with_defaults(given, vectors);
    const method *chosen = find_method(options.method);
    size_t dimensions = options.dimensions, bits = options.bits;
    size_t block = KIN_TRAIN_BLOCK_ROWS * dimensions;
    size_t planes = 6 * bits * dimensions + 4 * dimensions * slices + block;
    if (chosen != NULL && chosen->descends)
        planes = planes * sizeof(double) + descent_bytes(&options) + 4 * vectors * sizeof(uint64_t);
    /* Each rank holds the components of the whole sample. */
    size_t all = slices > 0 ? vectors * KIN_TRAIN_SLICES / slices : KIN_NEIGHBOUR_SAMPLE_MAX;
    if (strcmp(options.method, "autoencoder") == 0)
        return planes + kin_autoencoder_memory(&options, all, rank, slices);
    if (chosen != NULL && chosen->descends) return planes;
    if (strcmp(options.method, "neighbour") == 0)
        return kin_neighbour_memory(&options, all, rank, slices);
    size_t covariance = kin_train_covariance_numbers(dimensions, slices) + block;
    if (rank == 0) covariance += kin_blas_eigenvectors_numbers(dimensions, bits);
    size_t quantization = (vectors + slices * KIN_TRAIN_BLOCK_ROWS) * bits + 2 * block +
                          (slices + 16) * (bits * bits + 64 * bits);
    if (strcmp(options.method, "lsh") == 0) covariance = quantization = 0;
    return (planes + (covariance > quantization ? covariance : quantization)) * sizeof(double);
}

static void describe(const kin_train_options *o, kin_draft *draft)
{
    const method *chosen = find_method(o->method);
    kin_buffer *text = &draft->options;
    if (strcmp(o->method, "itq") == 0)
        kin_buffer_printf(text, "iterations=%u\n", (unsigned)o->iterations);
    if (!chosen->descends) return;
    kin_buffer_printf(text, "layers=%u", (unsigned)o->dimensions);
    for (size_t l = 0; l < o->layer_count; l++)
        kin_buffer_printf(text, "-%u", (unsigned)o->layers[l]);
    kin_buffer_printf(text, "-%u\nepochs=%u\nbatch=%u\nrate=%g\nnoise=%g\ndecay=%g\nheld-out=%g\n",
                      o->bits, (unsigned)o->epochs, (unsigned)o->batch, o->rate, o->noise, o->decay,
                      o->held_out);
    if (strcmp(o->method, "autoencoder") == 0)
        kin_buffer_printf(text, "pretrain-epochs=%u\npretrain-rate=%g\n",
                          (unsigned)o->pretrain_epochs, o->pretrain_rate);
    else
        kin_buffer_printf(text, "dropout=%g\ninput-dropout=%g\n", o->dropout, o->input_dropout);
    kin_buffer_append_string(&draft->curve, "phase\tepoch\tloss\terror\tbalance\trate\theld-out\n");
}

bool kin_train_held_out(const kin_train_options *given, uint64_t count, kin_fit_split *split,
                        uint64_t *taken)
{
    kin_train_options options = with_defaults(given, count);
    const kin_neighbour_options usual = KIN_NEIGHBOUR_OPTIONS_DEFAULT;
    const kin_neighbour_options *graph = options.neighbour != NULL ? options.neighbour : &usual;
    bool neighbour = strcmp(options.method, "neighbour") == 0;
    bool walks = strcmp(options.method, "autoencoder") == 0 && graph->walk > 0;
    bool cut = (neighbour || walks) && count > KIN_NEIGHBOUR_SAMPLE_MAX;
    *taken = cut ? KIN_NEIGHBOUR_SAMPLE_MAX : count;
    bool holds = neighbour || find_method(options.method)->descends;
    kin_fit_split_init(split, *taken, holds ? options.held_out : 0, options.seed);
    return split->held_out_count > 0;
}

kin_status kin_train(const kin_train_context *context, const kin_train_options *given,
                     const kin_train_source *source, kin_buffer *file, kin_error *error)
{
    KIN_CHECK(context->ranks >= 1 && context->rank >= 0 && context->rank < context->ranks);
    kin_train_options options = with_defaults(given, source->count);
    kin_status status = check_options(&options, error);
    if (status == KIN_OK && strcmp(options.method, "supervised") == 0 && source->count > 0)
        status = kin_supervised_check(&options, source, error);
    if (status != KIN_OK) return status;
    KIN_CHECK(source->dimensions == options.dimensions);
    kin_blas_init();
    double *mean = kin_malloc(options.dimensions * sizeof *mean);
    kin_buffer made = {0};
    kin_draft draft = {0};
    status = kin_train_mean(context, source, mean, error);
    if (status != KIN_OK) goto done;
    describe(&options, &draft);
    status = find_method(options.method)->learn(context, &options, source, mean, &draft, error);
    if (status != KIN_OK) goto done;
    if (context->rank == 0) status = kin_draft_write(&draft, &options, source, &made, error);
    status = share_file(context, status, &made, file, error);
    context->tick(context->user, 1);
done:
    kin_draft_fini(&draft);
    kin_buffer_fini(&made);
    free(mean);
    return status;
}
