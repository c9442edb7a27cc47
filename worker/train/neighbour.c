#include "worker/train/neighbour.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/train/descent.h"
#include "worker/train/mlp.h"
#include "worker/train/neighbour_graph.h"
#include "worker/train/neighbour_loss.h"
#include "worker/train/neighbour_sample.h"

/* Shares of the work, for the fraction that tick is told; roughly their times. */
#define SAMPLE_END 0.3

/* Steps of a small sample, and passes over a large one, unless options say otherwise. */
#define STEPS_MIN 400
#define PASSES 3
/* Steps in which the rate rises from zero; then it falls along a cosine. */
#define WARM_STEPS 50
#define CURVE_POINTS 20

/* The chain: dropout, affine, norm, rectifier, affine, norm, rectifier, affine, tanh. */
enum { DROPOUT, FIRST, FIRST_NORM, FIRST_RELU, SECOND, SECOND_NORM, SECOND_RELU, CODE, CODE_TANH };
#define CHAIN 9

typedef struct learner {
    const kin_train_context *context;
    const kin_neighbour_options *options;
    const kin_neighbour_sample *sample;
    uint64_t seed;
    size_t bits, anchors, steps; /* anchors of a batch */
    kin_mlp *mlp;
    kin_mlp_work *works[KIN_BATCH_SLICES]; /* of owned slices */
    float *inputs[KIN_BATCH_SLICES];       /* [slice rows][components]: of owned slices */
    float *gradient;                       /* [slice rows][bits] */
    float *values;                         /* [parameters][statistics][loss] */
    kin_descent *descent;
    kin_neighbour_loss *loss;
    uint64_t *order; /* [sample count] */
    uint32_t *ids;   /* [slice rows] */
} learner;

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

static size_t slice_rows(const learner *l)
{
    return 2 * l->anchors / KIN_BATCH_SLICES;
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

static void learner_init(learner *l)
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
        l->works[i] = kin_mlp_work_new(l->mlp, slice_rows(l));
        l->inputs[i] = kin_malloc(slice_rows(l) * l->sample->components * sizeof **l->inputs);
    }
    l->gradient = kin_malloc(slice_rows(l) * l->bits * sizeof *l->gradient);
    l->descent = kin_descent_new(l->context, &(kin_descent_options){.method = KIN_DESCENT_ADAM,
                                                                    .momentum = 0.9,
                                                                    .second = 0.999,
                                                                    .statistics_at = 0.1,
                                                                    .parameters = parameters,
                                                                    .statistics = statistics,
                                                                    .extras = 1});
    kin_neighbour_loss_options loss = loss_options(l->options, 2 * l->anchors, l->bits, width);
    l->loss = kin_neighbour_loss_new(l->context, &loss);
    l->order = kin_malloc(l->sample->count * sizeof *l->order);
    l->ids = kin_malloc(slice_rows(l) * sizeof *l->ids);
}

static void learner_fini(learner *l)
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
}

/* The pictures of a batch are the next of the order, which is drawn anew where too few are left.
 * Anchors of slice k, and where walks from them end: ids [slice rows]. */
static void draw_slice(const learner *l, size_t step, size_t at, size_t k, uint32_t *ids)
{
    const kin_neighbour_sample *s = l->sample;
    size_t half = slice_rows(l) / 2;
    for (size_t i = 0; i < half; i++) {
        size_t place = k * half + i;
        kin_random random = {.state = kin_train_seed(l->seed, 2 * step + 2, place)};
        ids[i] = (uint32_t)l->order[(at + place) % s->count];
        ids[half + i] =
            kin_neighbour_walk(s->ids, s->neighbours, ids[i], l->options->walk, &random);
    }
}

/* directions [count][components] of rows ids [count]. */
static void take_directions(const kin_neighbour_sample *s, const uint32_t *ids, size_t count,
                            float *directions)
{
    size_t width = s->components;
    for (size_t i = 0; i < count; i++) {
        float length = s->lengths[ids[i]], inverse = length > 0 ? 1 / length : 0;
        for (size_t c = 0; c < width; c++)
            directions[i * width + c] = s->rows[ids[i] * width + c] * inverse;
    }
}

/* Draws the whole batch, for its directions, and the inputs of the owned slices. */
static void draw_batch(const learner *l, size_t step, size_t at)
{
    const kin_neighbour_sample *s = l->sample;
    size_t rows = slice_rows(l), width = s->components;
    kin_span owned = kin_batch_owned(l->context);
    float *directions = kin_neighbour_loss_directions(l->loss);
    for (size_t k = 0; k < KIN_BATCH_SLICES; k++) {
        bool own = k >= owned.at && k < owned.at + owned.count;
        if (!own && directions == NULL) continue;
        draw_slice(l, step, at, k, l->ids);
        if (directions != NULL) take_directions(s, l->ids, rows, directions + k * rows * width);
        for (size_t i = 0; own && i < rows; i++)
            memcpy(l->inputs[k - owned.at] + i * width, s->rows + l->ids[i] * width,
                   width * sizeof *s->rows);
    }
}

static double rate_of(const learner *l, size_t step)
{
    size_t warm = l->steps < 10 * WARM_STEPS ? l->steps / 10 : WARM_STEPS;
    double rate =
        l->options->rate * 0.5 * (1 + cos(3.14159265358979 * (double)step / (double)l->steps));
    return step < warm ? rate * (double)(step + 1) / (double)warm : rate;
}

/* One step down, on the batch that begins at place `at` of the order. */
static kin_status descend(learner *l, size_t step, size_t at, kin_error *error)
{
    size_t parameters = kin_mlp_parameters(l->mlp), statistics = kin_mlp_statistics(l->mlp);
    size_t rows = slice_rows(l);
    kin_span owned = kin_batch_owned(l->context);
    draw_batch(l, step, at);
    for (size_t i = 0; i < owned.count; i++) {
        size_t k = owned.at + i;
        const float *codes =
            kin_mlp_forward(l->mlp, l->works[i], l->values, l->values + parameters, l->inputs[i],
                            rows, true, kin_train_seed(l->seed, 2 * step + 3, k));
        memcpy(kin_neighbour_loss_codes(l->loss, k), codes, rows * l->bits * sizeof *codes);
    }
    kin_status status = kin_neighbour_loss_run(l->loss, error);
    for (size_t i = 0; status == KIN_OK && i < owned.count; i++) {
        float *slice = kin_descent_slice(l->descent);
        slice[parameters + statistics] =
            (float)kin_neighbour_loss_gradient(l->loss, owned.at + i, l->gradient);
        kin_mlp_backward(l->mlp, l->works[i], l->values, l->gradient, slice, slice + parameters,
                         NULL);
        kin_descent_push(l->descent);
    }
    if (status == KIN_OK) status = kin_descent_step(l->descent, l->values, rate_of(l, step), error);
    if (status == KIN_OK && !isfinite(l->values[parameters + statistics]))
        status = kin_fail(error, KIN_BAD_INPUT,
                          "the loss of the method neighbour is not a finite number at step %zu of "
                          "%zu; take a lower rate than %g or a higher temperature than %g",
                          step + 1, l->steps, l->options->rate, l->options->temperature);
    return status;
}

/* A line of the curve, and a word to who watches. */
static void tell(const learner *l, const kin_train_options *options, size_t step, double loss,
                 kin_buffer *curve)
{
    uint32_t point = (uint32_t)((step + 1) * CURVE_POINTS / l->steps);
    kin_train_epoch epoch = {.phase = "walks",
                             .epoch = point,
                             .epochs = CURVE_POINTS,
                             .loss = loss,
                             .error = NAN,
                             .balance = NAN,
                             .rate = rate_of(l, step),
                             .held_out = NAN};
    kin_buffer_printf(curve, "%s\t%zu\t%.5f\t%.3g\n", epoch.phase, step + 1, loss, epoch.rate);
    if (options->log != NULL && l->context->rank == 0) options->log(options->user, &epoch);
}

/* All steps; the curve has means of the loss over runs of steps. */
static kin_status learn(learner *l, const kin_train_options *options, kin_buffer *curve,
                        kin_error *error)
{
    kin_status status = KIN_OK;
    size_t count = l->sample->count, at = count, pass = 0, summed = 0;
    size_t loss_at = kin_mlp_parameters(l->mlp) + kin_mlp_statistics(l->mlp);
    double sum = 0;
    kin_buffer_printf(curve, "phase\tstep\tloss\trate\n");
    for (uint64_t i = 0; i < count; i++)
        l->order[i] = i;
    for (size_t step = 0; status == KIN_OK && step < l->steps; step++) {
        if (at + l->anchors > count) {
            kin_train_shuffle(l->order, count, kin_train_seed(l->seed, 1, pass++));
            at = 0;
        }
        status = descend(l, step, at, error);
        at += l->anchors;
        sum += (double)l->values[loss_at];
        summed++;
        if ((step + 1) * CURVE_POINTS / l->steps != step * CURVE_POINTS / l->steps) {
            tell(l, options, step, sum / (double)summed, curve);
            sum = 0;
            summed = 0;
        }
        l->context->tick(l->context->user,
                         SAMPLE_END + (1 - SAMPLE_END) * (double)step / (double)l->steps);
    }
    return status;
}

static kin_neighbour_options chosen(const kin_train_options *options)
{
    return options->neighbour != NULL ? *options->neighbour : KIN_NEIGHBOUR_OPTIONS_DEFAULT;
}

/* What was learned: the components' layer, then the chain. */
static void draft_layers(const learner *l, size_t dimensions, kin_draft *draft)
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

static void describe(const learner *l, kin_buffer *text)
{
    const kin_neighbour_options *o = l->options;
    kin_buffer_printf(text,
                      "neighbours=%u\nwalk=%u\ncomponents=%zu\nbatch=%zu\nsteps=%zu\n"
                      "hidden=%u,%u\nevening=%g\ntemperature=%g\ngeometry=%g\nstretch=%g\n"
                      "quantization=%g\ndropout=%g\nrate=%g\n",
                      o->neighbours, o->walk, l->sample->components, l->anchors, l->steps,
                      o->hidden[0], o->hidden[1], o->evening, o->temperature, o->geometry,
                      o->stretch, o->quantization, o->dropout, o->rate);
}

kin_status kin_learn_neighbour(const kin_train_context *context, const kin_train_options *options,
                               const kin_train_source *source, const double *mean, kin_draft *draft,
                               kin_error *error)
{
    kin_neighbour_options own = chosen(options);
    kin_status status = kin_neighbour_options_check(&own, error);
    if (status != KIN_OK) return status;
    kin_neighbour_sample sample = {0};
    learner l = {.context = context,
                 .options = &own,
                 .sample = &sample,
                 .bits = options->bits,
                 .seed = options->seed};
    status = kin_neighbour_sample_make(context, &own, source, mean, &sample, SAMPLE_END, error);
    if (status == KIN_OK) {
        l.anchors = anchors_of(&own, sample.count);
        l.steps = steps_of(&own, sample.count, l.anchors);
        learner_init(&l);
        status = learn(&l, options, &draft->curve, error);
    }
    if (status == KIN_OK) {
        draft_layers(&l, source->dimensions, draft);
        describe(&l, &draft->options);
    }
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
    kin_mlp_destroy(&mlp);
    return bytes + 2 * dimensions * components * sizeof(float) +
           kin_neighbour_sample_bytes(options, count, dimensions, rank, slices);
}
