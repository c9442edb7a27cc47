#include "worker/train/neighbour.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/train/neighbour_parts.h"

/* Steps of a small sample, and passes over a large one, unless options say otherwise. */
#define STEPS_MIN 400
#define PASSES 3
/* Lines of the curve where no number of epochs is told, else one an epoch. */
#define CURVE_POINTS 20

/* The chain: dropout, affine, norm, rectifier, affine, norm, rectifier, affine, tanh. */
enum { DROPOUT, FIRST, FIRST_NORM, FIRST_RELU, SECOND, SECOND_NORM, SECOND_RELU, CODE, CODE_TANH };
#define CHAIN 9

static kin_status out_of_range(const char *name, double value, const char *range, kin_error *error)
{
    return kin_fail(error, KIN_BAD_INPUT,
                    "the option %s of the method neighbour is %g; it takes %s", name, value, range);
}

kin_status kin_neighbour_options_check(const kin_neighbour_options *o, kin_error *error)
{
    if (o->neighbours < 1 || o->neighbours > KIN_NEIGHBOURS_MAX)
        return out_of_range("neighbours", o->neighbours, "1 to 1,000", error);
    if (o->walk > KIN_NEIGHBOUR_WALK_MAX) return out_of_range("walk", o->walk, "0 to 1,000", error);
    if (o->components < 1 || o->components > KIN_NEIGHBOUR_WIDTH_MAX)
        return out_of_range("components", o->components, "1 to 4,096", error);
    if (o->batch < KIN_BATCH_SLICES || o->batch % KIN_BATCH_SLICES != 0 ||
        o->batch > KIN_NEIGHBOUR_WIDTH_MAX)
        return out_of_range("batch", o->batch, "a multiple of 4 up to 4,096", error);
    for (size_t i = 0; i < 2; i++)
        if (o->hidden[i] < 1 || o->hidden[i] > KIN_NEIGHBOUR_WIDTH_MAX)
            return out_of_range("hidden", o->hidden[i], "1 to 4,096", error);
    if (!(o->evening >= 0 && o->evening <= 1))
        return out_of_range("evening", o->evening, "0 to 1", error);
    if (!(o->temperature >= 0.01 && o->temperature <= 100))
        return out_of_range("temperature", o->temperature, "0.01 to 100", error);
    if (!(o->geometry >= 0 && o->geometry <= 1000))
        return out_of_range("geometry", o->geometry, "0 to 1,000", error);
    if (!(o->stretch >= 0 && o->stretch <= 1000))
        return out_of_range("stretch", o->stretch, "0 to 1,000", error);
    if (!(o->quantization >= 0 && o->quantization <= 1000))
        return out_of_range("quantization", o->quantization, "0 to 1,000", error);
    if (!(o->emphasis >= 0 && o->emphasis <= 1))
        return out_of_range("emphasis", o->emphasis, "0 to 1", error);
    if (!(o->dropout >= 0 && o->dropout < 1))
        return out_of_range("dropout", o->dropout, "0 to less than 1", error);
    if (!(o->rate > 0 && o->rate <= 1))
        return out_of_range("rate", o->rate, "more than 0, up to 1", error);
    return KIN_OK;
}

/* Pictures of a batch: as many as asked, of a small sample about an eighth, at least 16; some twice
 * where the sample is smaller still. */
static size_t anchors_of(const kin_neighbour_options *options, size_t count)
{
    size_t anchors = count / 8 < 16 ? 16 : count / 8;
    if (anchors > options->batch) anchors = options->batch;
    return anchors - anchors % KIN_BATCH_SLICES;
}

static size_t steps_of(const kin_neighbour_options *options, size_t count, size_t anchors)
{
    if (options->steps > 0) return options->steps;
    if (options->epochs > 0) {
        size_t asked = options->epochs * count / anchors;
        return asked < 1 ? 1 : asked;
    }
    size_t steps = PASSES * count / anchors;
    return steps < STEPS_MIN ? STEPS_MIN : steps;
}

static void fill_chain(const kin_neighbour_options *options, size_t bits,
                       kin_layer_spec chain[CHAIN])
{
    static const kin_layer_kind kinds[CHAIN] = {
        [DROPOUT] = KIN_LAYER_DROPOUT,       [FIRST] = KIN_LAYER_AFFINE,
        [FIRST_NORM] = KIN_LAYER_BATCH_NORM, [FIRST_RELU] = KIN_LAYER_RELU,
        [SECOND] = KIN_LAYER_AFFINE,         [SECOND_NORM] = KIN_LAYER_BATCH_NORM,
        [SECOND_RELU] = KIN_LAYER_RELU,      [CODE] = KIN_LAYER_AFFINE,
        [CODE_TANH] = KIN_LAYER_TANH,
    };
    for (size_t i = 0; i < CHAIN; i++)
        chain[i] = (kin_layer_spec){.kind = kinds[i]};
    chain[DROPOUT].rate = options->dropout;
    chain[FIRST].outputs = options->hidden[0];
    chain[SECOND].outputs = options->hidden[1];
    chain[CODE].outputs = bits;
}

static kin_neighbour_loss_options loss_options(const kin_neighbour_options *options, size_t rows,
                                               size_t bits, size_t width)
{
    return (kin_neighbour_loss_options){.rows = rows,
                                        .bits = bits,
                                        .width = width,
                                        .temperature = options->temperature,
                                        .quantization = options->quantization,
                                        .geometry = options->geometry,
                                        .stretch = options->stretch};
}

static void learner_init(kin_neighbour_learner *l)
{
    size_t width = l->sample->components;
    kin_layer_spec chain[CHAIN];
    fill_chain(l->options, l->bits, chain);
    l->mlp = kin_mlp_new(l->sample->components, chain, CHAIN);
    size_t parameters = kin_mlp_parameters(l->mlp), statistics = kin_mlp_statistics(l->mlp);
    l->values = kin_calloc(parameters + statistics + 1, sizeof *l->values);
    kin_mlp_init(l->mlp, kin_train_seed(l->seed, 0, 0), l->values, l->values + parameters);
    kin_span owned = kin_batch_owned(l->context);
    for (size_t i = 0; i < owned.count; i++) {
        l->works[i] = kin_mlp_work_new(l->mlp, kin_neighbour_slice_rows(l));
        l->inputs[i] =
            kin_malloc(kin_neighbour_slice_rows(l) * l->sample->components * sizeof **l->inputs);
    }
    l->gradient = kin_malloc(kin_neighbour_slice_rows(l) * l->bits * sizeof *l->gradient);
    l->descent = kin_descent_new(l->context, &(kin_descent_options){.method = KIN_DESCENT_ADAM,
                                                                    .momentum = 0.9,
                                                                    .second = 0.999,
                                                                    .statistics_at = 0.1,
                                                                    .parameters = parameters,
                                                                    .statistics = statistics,
                                                                    .extras = 1});
    kin_neighbour_loss_options loss = loss_options(l->options, 2 * l->anchors, l->bits, width);
    l->loss = kin_neighbour_loss_new(l->context, &loss);
    l->order = kin_malloc(l->split.learned_count * sizeof *l->order);
    l->ids = kin_malloc(kin_neighbour_slice_rows(l) * sizeof *l->ids);
}

static void learner_fini(kin_neighbour_learner *l)
{
    for (size_t i = 0; i < KIN_BATCH_SLICES; i++) {
        kin_mlp_work_destroy(&l->works[i]);
        free(l->inputs[i]);
    }
    kin_neighbour_loss_destroy(&l->loss);
    kin_descent_destroy(&l->descent);
    kin_mlp_destroy(&l->mlp);
    free(l->gradient);
    free(l->values);
    free(l->order);
    free(l->ids);
    kin_fit_split_fini(&l->split);
    kin_neighbour_held_destroy(&l->held);
    free(l->is_held);
    free(l->best);
}

/* What is never an anchor, nor where a walk of learning ends. */
static void hold_out(kin_neighbour_learner *l)
{
    if (l->split.held_out_count == 0) return;
    l->is_held = kin_calloc(l->sample->count, 1);
    for (uint64_t i = 0; i < l->split.held_out_count; i++)
        l->is_held[l->split.held_out[i]] = 1;
    l->best = kin_calloc(kin_neighbour_values_of(l), sizeof *l->best);
    if (l->context->rank == 0)
        l->held =
            kin_neighbour_held_new(&(kin_neighbour_held_options){.mlp = l->mlp,
                                                                 .sample = l->sample,
                                                                 .options = l->options,
                                                                 .ids = l->split.held_out,
                                                                 .count = l->split.held_out_count,
                                                                 .anchors = l->anchors,
                                                                 .bits = l->bits,
                                                                 .seed = l->seed});
}

static kin_neighbour_options chosen(const kin_train_options *options)
{
    return options->neighbour != NULL ? *options->neighbour : KIN_NEIGHBOUR_OPTIONS_DEFAULT;
}

/* What was learned: the components' layer, then the chain. */
static void draft_layers(const kin_neighbour_learner *l, size_t dimensions, kin_draft *draft)
{
    const kin_neighbour_sample *s = l->sample;
    kin_draft_layer *first =
        kin_draft_add(draft, (uint32_t)dimensions, (uint32_t)s->components, KIN_ACTIVATE_NONE);
    memcpy(first->weights, s->weights, dimensions * s->components * sizeof *s->weights);
    memcpy(first->biases, s->biases, s->components * sizeof *s->biases);
    kin_draft_add_mlp(draft, l->mlp, l->values, l->values + kin_mlp_parameters(l->mlp), 0, CHAIN);
    draft->thresholds = kin_calloc(l->bits, sizeof *draft->thresholds);
    draft->iterations = (uint32_t)l->steps;
}

static void describe(const kin_neighbour_learner *l, kin_buffer *text)
{
    const kin_neighbour_options *o = l->options;
    kin_buffer_printf(text,
                      "neighbours=%u\nwalk=%u\ncomponents=%zu\nbatch=%zu\nsteps=%zu\n"
                      "hidden=%u,%u\nevening=%g\ntemperature=%g\ngeometry=%g\nstretch=%g\n"
                      "quantization=%g\nemphasis=%g\ndropout=%g\nrate=%g\n",
                      o->neighbours, o->walk, l->sample->components, l->anchors, l->steps,
                      o->hidden[0], o->hidden[1], o->evening, o->temperature, o->geometry,
                      o->stretch, o->quantization, o->emphasis, o->dropout, o->rate);
    if (l->best != NULL)
        kin_buffer_printf(text, "held-out=%llu\nbest-epoch=%zu\n",
                          (unsigned long long)l->split.held_out_count, l->best_point);
}

kin_status kin_learn_neighbour(const kin_train_context *context, const kin_train_options *options,
                               const kin_train_source *source, const double *mean, kin_draft *draft,
                               kin_error *error)
{
    kin_neighbour_options own = chosen(options);
    kin_status status = kin_neighbour_options_check(&own, error);
    if (status != KIN_OK) return status;
    if (!(options->held_out < 0.9))
        return kin_fail(error, KIN_BAD_INPUT, "%g of the sample held out; it is below 0.9",
                        options->held_out);
    kin_neighbour_sample sample = {0};
    kin_keeper *keeper = NULL;
    kin_neighbour_learner l = {.context = context,
                               .options = &own,
                               .sample = &sample,
                               .bits = options->bits,
                               .seed = options->seed};
    status = kin_neighbour_sample_make(context, &own, source, mean, &sample,
                                       KIN_NEIGHBOUR_SAMPLE_END, error);
    if (status == KIN_OK) {
        kin_fit_split_init(&l.split, sample.count, options->held_out, options->seed);
        l.anchors = anchors_of(&own, l.split.learned_count);
        l.steps = steps_of(&own, l.split.learned_count, l.anchors);
        l.points = own.epochs == 0 ? CURVE_POINTS : own.epochs < l.steps ? own.epochs : l.steps;
        learner_init(&l);
        hold_out(&l);
        status = kin_keeper_open(&keeper, context, options, source, error);
    }
    if (status == KIN_OK) status = kin_neighbour_descend(&l, options, keeper, &draft->curve, error);
    if (status == KIN_OK) status = kin_neighbour_turn(&l, options, CODE, &draft->curve, error);
    if (status == KIN_OK) {
        draft_layers(&l, source->dimensions, draft);
        describe(&l, &draft->options);
    }
    kin_keeper_close(&keeper);
    learner_fini(&l);
    kin_neighbour_sample_fini(&sample);
    return status;
}

size_t kin_neighbour_memory(const kin_train_options *given, size_t count, int rank, size_t slices)
{
    kin_neighbour_options own = chosen(given), *options = &own;
    size_t bits = given->bits, dimensions = given->dimensions;
    size_t taken = count < KIN_NEIGHBOUR_SAMPLE_MAX ? count : KIN_NEIGHBOUR_SAMPLE_MAX;
    size_t components = options->components < dimensions ? options->components : dimensions;
    size_t rows = 2 * anchors_of(options, taken), slice = rows / KIN_BATCH_SLICES;
    kin_layer_spec chain[CHAIN];
    fill_chain(options, bits, chain);
    kin_mlp *mlp = kin_mlp_new(components, chain, CHAIN);
    size_t values = kin_mlp_parameters(mlp) + kin_mlp_statistics(mlp) + 1;
    /* The values, two moments, open nodes of the tree of sums, what is received, the result. */
    size_t bytes = (8 + KIN_BATCH_SLICES) * values * sizeof(float);
    bytes += KIN_BATCH_SLICES *
             (kin_mlp_work_bytes(mlp, slice) + slice * (components + bits) * sizeof(float));
    kin_neighbour_loss_options loss = loss_options(options, rows, bits, components);
    bytes += kin_neighbour_loss_bytes(&loss) + taken * sizeof(uint64_t) + slice * sizeof(uint32_t);
    bytes += 16 * taken + taken; /* what is held out, and what is not */
    if (given->held_out > 0 && rank == 0)
        bytes += kin_neighbour_loss_bytes(&loss) + kin_mlp_work_bytes(mlp, slice) +
                 slice * (components + bits) * sizeof(float);
    /* The best values, and a checkpoint with the one before it. */
    bytes += 10 * values * sizeof(float);
    bytes += kin_neighbour_turn_bytes(mlp, taken, slices);
    kin_mlp_destroy(&mlp);
    return bytes + 2 * dimensions * components * sizeof(float) +
           kin_neighbour_sample_bytes(options, count, dimensions, rank, slices);
}
