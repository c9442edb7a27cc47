#include "worker/train/supervised.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/train/fit.h"
#include "worker/train/floats.h"
#include "worker/train/loss.h"
#include "worker/train/visible.h"

/* Weight of a bit's squared distance from a half of ones, a bit. */
#define BALANCE 0.01
enum { SEED_NETWORK = 100, SEED_HEAD = 101 };
enum { SPECS_MAX = 4 * KIN_HASHER_LAYERS_MAX + 4 };

typedef struct supervised {
    const kin_train_options *options;
    const kin_train_source *source;
    kin_visible visible;
    kin_mlp *network, *head;
    kin_mlp_work *network_work, *head_work;
    size_t bits, outputs; /* outputs of the head */
    size_t network_parameters, parameters, statistics;
    float *input, *targets, *back, *code_back;
    uint32_t *labels; /* of a slice */
} supervised;

/* What an encoder file takes (proto/ENCODER.md), said before anything is learned. */
static kin_status check_names(const kin_train_source *source, kin_error *error)
{
    for (uint32_t c = 0; c < source->class_count; c++) {
        const char *name = source->class_names[c];
        size_t bytes = strlen(name);
        bool good = bytes >= 1 && bytes <= KIN_CLASS_NAME_BYTES_MAX;
        for (size_t i = 0; good && i < bytes; i++)
            good = (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
        if (!good)
            return kin_fail(error, KIN_BAD_INPUT,
                            "class %u of %u has a name of %zu bytes, '%.32s'; one has 1 to %d, and "
                            "no control characters: rename its folder or label",
                            (unsigned)c + 1, (unsigned)source->class_count, bytes, name,
                            KIN_CLASS_NAME_BYTES_MAX);
    }
    return KIN_OK;
}

kin_status kin_supervised_check(const kin_train_options *options, const kin_train_source *source,
                                kin_error *error)
{
    uint64_t seen = 0;
    if (source->labels == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the method %s learns from labels, and there are none; give --labels, or "
                        "take another method",
                        options->method);
    if (source->class_count > KIN_HEAD_CLASSES_MAX)
        return kin_fail(error, KIN_LIMIT, "%u classes; the method %s tells %u apart at most",
                        (unsigned)source->class_count, options->method, KIN_HEAD_CLASSES_MAX);
    for (uint64_t i = 0; i < source->count; i++) {
        if (source->labels[i] >= source->class_count)
            return kin_fail(error, KIN_BAD_INPUT,
                            "vector %llu of the sample has no class; the method %s needs one of "
                            "each",
                            (unsigned long long)i, options->method);
        seen += source->labels[i] != source->labels[0];
    }
    if (seen == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "all vectors of the sample are of one class; the method %s needs two",
                        options->method);
    return check_names(source, error);
}

static void build_networks(supervised *s, size_t rows)
{
    const kin_train_options *o = s->options;
    kin_layer_spec specs[SPECS_MAX];
    size_t count = 0;
    if (o->input_dropout > 0)
        specs[count++] = (kin_layer_spec){KIN_LAYER_DROPOUT, 0, o->input_dropout};
    for (size_t l = 0; l < o->layer_count; l++) {
        specs[count++] = (kin_layer_spec){KIN_LAYER_AFFINE, o->layers[l], 0};
        specs[count++] = (kin_layer_spec){KIN_LAYER_BATCH_NORM, 0, 0};
        specs[count++] = (kin_layer_spec){KIN_LAYER_RELU, 0, 0};
        if (o->dropout > 0) specs[count++] = (kin_layer_spec){KIN_LAYER_DROPOUT, 0, o->dropout};
    }
    specs[count++] = (kin_layer_spec){KIN_LAYER_AFFINE, s->bits, 0};
    specs[count++] = (kin_layer_spec){KIN_LAYER_NOISE, 0, o->noise};
    specs[count++] = (kin_layer_spec){KIN_LAYER_TANH, 0, 0};
    bool one = o->head == KIN_HEAD_LOGISTIC && s->source->class_count == 2;
    s->outputs = one ? 1 : s->source->class_count;
    s->network = kin_mlp_new(o->dimensions, specs, count);
    s->head = kin_mlp_new(s->bits, &(kin_layer_spec){KIN_LAYER_AFFINE, s->outputs, 0}, 1);
    s->network_work = kin_mlp_work_new(s->network, rows);
    s->head_work = kin_mlp_work_new(s->head, rows);
    s->network_parameters = kin_mlp_parameters(s->network);
    s->parameters = s->network_parameters + kin_mlp_parameters(s->head);
    s->statistics = kin_mlp_statistics(s->network);
    s->input = kin_malloc(rows * o->dimensions * sizeof(float));
    s->targets = kin_malloc(rows * s->outputs * sizeof(float));
    s->back = kin_malloc(rows * s->outputs * sizeof(float));
    s->code_back = kin_malloc(rows * s->bits * sizeof(float));
    s->labels = kin_malloc(rows * sizeof *s->labels);
}

static void supervised_fini(supervised *s)
{
    kin_mlp_work_destroy(&s->network_work);
    kin_mlp_work_destroy(&s->head_work);
    kin_mlp_destroy(&s->network);
    kin_mlp_destroy(&s->head);
    free(s->input);
    free(s->targets);
    free(s->back);
    free(s->code_back);
    free(s->labels);
}

static size_t answer(const float *row, size_t outputs)
{
    size_t best = 0;
    if (outputs == 1) return row[0] > 0;
    for (size_t c = 1; c < outputs; c++)
        if (row[c] > row[best]) best = c;
    return best;
}

/* The loss of a slice's answers times weight, its gradient into s->back, and how many are wrong. */
static double head_loss(supervised *s, const kin_fit_slice *slice, const float *answers,
                        double weight, size_t *wrong)
{
    size_t rows = slice->count, outputs = s->outputs;
    *wrong = 0;
    for (size_t i = 0; i < rows; i++) {
        s->labels[i] = s->source->labels[slice->ids[i]];
        size_t said = answer(answers + i * outputs, outputs);
        if (s->options->head == KIN_HEAD_LINEAR) said = answer(answers + i * outputs, outputs);
        *wrong += said != s->labels[i];
    }
    if (s->options->head == KIN_HEAD_SOFTMAX)
        return kin_loss_softmax(answers, s->labels, rows, outputs, weight, s->back, NULL);
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < outputs; c++)
            s->targets[i * outputs + c] = s->labels[i] == (outputs == 1 ? 1 : c);
    if (s->options->head == KIN_HEAD_LOGISTIC)
        return kin_loss_logistic(answers, s->targets, rows, outputs, weight, s->back);
    return kin_loss_squares(answers, s->targets, rows, outputs, weight, s->back);
}

/* Draws each bit towards a half of ones; returns what that adds to the loss. */
static double balance(const supervised *s, const float *code, size_t rows, double weight,
                      float *code_back)
{
    double loss = 0;
    for (size_t b = 0; b < s->bits; b++) {
        float mean = 0, pull;
        for (size_t i = 0; i < rows; i++)
            mean += code[i * s->bits + b];
        mean /= (float)rows;
        loss += BALANCE * (double)rows * weight * mean * mean;
        pull = (float)(2 * BALANCE * weight) * mean;
        for (size_t i = 0; i < rows; i++)
            code_back[i * s->bits + b] += pull;
    }
    return loss;
}

static void slice_gradient(void *user, const float *values, const kin_fit_slice *slice,
                           float *gradient)
{
    supervised *s = user;
    size_t rows = slice->count, wrong;
    double weight = 1 / (double)slice->batch_rows;
    float *extras = gradient + s->parameters + s->statistics;
    kin_visible_rows(&s->visible, slice->rows, rows, s->options->dimensions, s->input);
    const float *code = kin_mlp_forward(s->network, s->network_work, values, values + s->parameters,
                                        s->input, rows, true, slice->seed);
    const float *answers = kin_mlp_forward(s->head, s->head_work, values + s->network_parameters,
                                           NULL, code, rows, true, 0);
    double loss = head_loss(s, slice, answers, weight, &wrong);
    kin_mlp_backward(s->head, s->head_work, values + s->network_parameters, s->back,
                     gradient + s->network_parameters, NULL, s->code_back);
    loss += balance(s, code, rows, weight, s->code_back);
    kin_mlp_backward(s->network, s->network_work, values, s->code_back, gradient,
                     gradient + s->parameters, NULL);
    extras[KIN_FIT_LOSS] = (float)loss;
    extras[KIN_FIT_ERROR] = (float)((double)wrong * weight);
    memset(extras + KIN_FIT_ONES, 0, s->bits * sizeof *extras);
    for (size_t i = 0; i < rows * s->bits; i++)
        if (code[i] > 0) extras[KIN_FIT_ONES + i % s->bits] += (float)weight;
}

static double measure(void *user, const float *values, const kin_fit_slice *slice)
{
    supervised *s = user;
    size_t wrong;
    kin_visible_rows(&s->visible, slice->rows, slice->count, s->options->dimensions, s->input);
    const float *code = kin_mlp_forward(s->network, s->network_work, values, values + s->parameters,
                                        s->input, slice->count, false, 0);
    const float *answers = kin_mlp_forward(s->head, s->head_work, values + s->network_parameters,
                                           NULL, code, slice->count, false, 0);
    return head_loss(s, slice, answers, 1, &wrong);
}

/* Weights decay; biases and what batch norms learn do not. */
static size_t decayed_spans(const supervised *s, kin_span *spans)
{
    size_t count = 0;
    for (size_t i = 0; i < kin_mlp_layer_count(s->network); i++) {
        const kin_layer *layer = kin_mlp_layer(s->network, i);
        if (layer->kind == KIN_LAYER_AFFINE)
            spans[count++] = (kin_span){layer->parameters_at, layer->inputs * layer->outputs};
    }
    spans[count++] = (kin_span){s->network_parameters, s->bits * s->outputs};
    return count;
}

static kin_status fit(supervised *s, const kin_train_context *context, const kin_fit_split *split,
                      float *values, kin_buffer *curve, kin_error *error)
{
    kin_span spans[SPECS_MAX];
    kin_fit_problem problem = {.user = s,
                               .parameters = s->parameters,
                               .statistics = s->statistics,
                               .bits = s->bits,
                               .decayed = spans,
                               .decayed_count = decayed_spans(s, spans),
                               .decay = s->options->decay,
                               .slice = slice_gradient,
                               .measure = measure};
    kin_fit_plan plan = {.name = "learning",
                         .epochs = s->options->epochs,
                         .batch = s->options->batch,
                         .patience = s->options->patience,
                         .rate = s->options->rate,
                         .method = KIN_DESCENT_ADAM,
                         .momentum = 0.9,
                         .end = 1};
    kin_keeper *keeper = NULL;
    kin_status status = kin_keeper_open(&keeper, context, s->options, s->source, error);
    if (status == KIN_OK)
        status = kin_fit(context, s->options, s->source, split, &problem, &plan, keeper, values,
                         curve, error);
    kin_keeper_close(&keeper);
    return status;
}

static void write_draft(const supervised *s, const float *values, const double *mean,
                        kin_draft *draft)
{
    const float *head = values + s->network_parameters;
    size_t weights = s->bits * s->outputs;
    kin_draft_add_mlp(draft, s->network, values, values + s->parameters, 0,
                      kin_mlp_layer_count(s->network));
    kin_draft_standardize(draft, mean, s->visible.scale);
    draft->thresholds = kin_calloc(s->bits, sizeof *draft->thresholds);
    draft->iterations = s->options->epochs;
    draft->head_kind = s->options->head;
    draft->head.weights = kin_malloc(weights * sizeof *head);
    draft->head.biases = kin_malloc(s->outputs * sizeof *head);
    memcpy(draft->head.weights, head, weights * sizeof *head);
    memcpy(draft->head.biases, head + weights, s->outputs * sizeof *head);
}

kin_status kin_learn_supervised(const kin_train_context *context, const kin_train_options *options,
                                const kin_train_source *source, const double *mean,
                                kin_draft *draft, kin_error *error)
{
    supervised s = {.options = options, .source = source, .bits = options->bits};
    kin_fit_split split;
    kin_fit_split_init(&split, source->count, options->held_out, options->seed);
    size_t rows = kin_fit_slice_rows(&split, options->batch);
    if (rows < KIN_FIT_MEASURE_ROWS) rows = KIN_FIT_MEASURE_ROWS;
    build_networks(&s, rows);
    size_t count = s.parameters + s.statistics + KIN_FIT_ONES + s.bits;
    float *values = kin_calloc(count, sizeof *values);
    kin_mlp_init(s.network, kin_train_seed(options->seed, SEED_NETWORK, 0), values,
                 values + s.parameters);
    kin_mlp_init(s.head, kin_train_seed(options->seed, SEED_HEAD, 0), values + s.network_parameters,
                 NULL);
    kin_status status = kin_visible_look(&s.visible, context, source, mean, false, error);
    if (status == KIN_OK) status = fit(&s, context, &split, values, &draft->curve, error);
    if (status == KIN_OK) write_draft(&s, values, mean, draft);
    kin_fit_split_fini(&split);
    free(values);
    supervised_fini(&s);
    return status;
}
