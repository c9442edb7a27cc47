#include "worker/train/autoencoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/train/fit.h"
#include "worker/train/floats.h"
#include "worker/train/loss.h"
#include "worker/train/rbm.h"
#include "worker/train/visible.h"

/* Shares of the work: pretraining, then fine-tuning. */
#define PRETRAINING_END 0.2
/* Weight of a bit's squared distance from a half of ones, a bit. */
#define BALANCE 0.1
enum { SEED_RBM = 100, DEPTH_MAX = KIN_HASHER_LAYERS_MAX };

/* Encoder widths[0] (features) .. widths[depth] (code), the decoder back. */
typedef struct autoencoder {
    const kin_train_options *options;
    kin_visible visible;
    size_t widths[DEPTH_MAX + 1], depth;
    kin_mlp *encoder, *decoder;
    kin_mlp_work *encoder_work, *decoder_work;
    size_t bits, encoder_parameters, parameters;
    float *input; /* [rows][features]: visible */
    float *back;  /* [rows][features]: the gradient of what the decoder makes */
    float *code_back;
    /* The machine that is pretrained now, on what the ones before it make of the input. */
    kin_rbm rbm;
    size_t level;
    float *stack[DEPTH_MAX]; /* parameters of the machines before it */
    float *scratch, *levels[2];
} autoencoder;

static void build_networks(autoencoder *a, size_t rows)
{
    kin_layer_spec up[2 * DEPTH_MAX + 1], down[2 * DEPTH_MAX];
    size_t up_count = 0, down_count = 0;
    for (size_t l = 1; l <= a->depth; l++) {
        up[up_count++] = (kin_layer_spec){KIN_LAYER_AFFINE, a->widths[l], 0};
        if (l == a->depth) up[up_count++] = (kin_layer_spec){KIN_LAYER_NOISE, 0, a->options->noise};
        up[up_count++] = (kin_layer_spec){KIN_LAYER_LOGISTIC, 0, 0};
    }
    for (size_t l = a->depth; l-- > 0;) {
        down[down_count++] = (kin_layer_spec){KIN_LAYER_AFFINE, a->widths[l], 0};
        if (l > 0) down[down_count++] = (kin_layer_spec){KIN_LAYER_LOGISTIC, 0, 0};
    }
    a->encoder = kin_mlp_new(a->widths[0], up, up_count);
    a->decoder = kin_mlp_new(a->bits, down, down_count);
    a->encoder_work = kin_mlp_work_new(a->encoder, rows);
    a->decoder_work = kin_mlp_work_new(a->decoder, rows);
    a->encoder_parameters = kin_mlp_parameters(a->encoder);
    a->parameters = a->encoder_parameters + kin_mlp_parameters(a->decoder);
    a->input = kin_malloc(rows * a->widths[0] * sizeof(float));
    a->back = kin_malloc(rows * a->widths[0] * sizeof(float));
    a->code_back = kin_malloc(rows * a->bits * sizeof(float));
}

static void autoencoder_fini(autoencoder *a)
{
    kin_mlp_work_destroy(&a->encoder_work);
    kin_mlp_work_destroy(&a->decoder_work);
    kin_mlp_destroy(&a->encoder);
    kin_mlp_destroy(&a->decoder);
    for (size_t i = 0; i < DEPTH_MAX; i++)
        free(a->stack[i]);
    free(a->levels[0]);
    free(a->levels[1]);
    free(a->scratch);
    free(a->input);
    free(a->back);
    free(a->code_back);
}

/* The squared error a number, and each bit's share of ones, of a slice. */
static void add_extras(const kin_fit_slice *slice, double loss, double error, const float *code,
                       size_t bits, float *extras)
{
    float share = 1 / (float)slice->batch_rows;
    extras[KIN_FIT_LOSS] = (float)loss;
    extras[KIN_FIT_ERROR] = (float)error;
    memset(extras + KIN_FIT_ONES, 0, bits * sizeof *extras);
    for (size_t i = 0; i < slice->count; i++)
        for (size_t b = 0; b < bits; b++)
            if (code[i * bits + b] > 0.5f) extras[KIN_FIT_ONES + b] += share;
}

/* The loss of rows that the encoder's work holds, times weight; the gradient into a->back. */
static double reconstruct(autoencoder *a, const float *values, const float *code, size_t rows,
                          bool training, double weight)
{
    size_t features = a->widths[0];
    const float *made = kin_mlp_forward(a->decoder, a->decoder_work, values + a->encoder_parameters,
                                        NULL, code, rows, training, 0);
    if (a->visible.binary)
        return kin_loss_logistic(made, a->input, rows, features, weight, a->back);
    return kin_loss_squares(made, a->input, rows, features, weight, a->back);
}

static double squared_error(const autoencoder *a, size_t rows)
{
    /* The loss's gradient is, but for a factor, what the reconstruction differs by. */
    double sum = 0, factor = a->visible.binary ? 1 : 0.5;
    for (size_t i = 0; i < rows; i++) {
        float row = 0;
        for (size_t j = i * a->widths[0]; j < (i + 1) * a->widths[0]; j++)
            row += a->back[j] * a->back[j];
        sum += row;
    }
    return sum * factor * factor;
}

static void tune_slice(void *user, const float *values, const kin_fit_slice *slice, float *gradient)
{
    autoencoder *a = user;
    size_t rows = slice->count, bits = a->bits;
    double weight = 1 / (double)slice->batch_rows;
    kin_visible_rows(&a->visible, slice->rows, rows, a->widths[0], a->input);
    const float *code = kin_mlp_forward(a->encoder, a->encoder_work, values, NULL, a->input, rows,
                                        true, slice->seed);
    double loss = reconstruct(a, values, code, rows, true, weight);
    double error = squared_error(a, rows) / weight / (double)a->widths[0];
    kin_mlp_backward(a->decoder, a->decoder_work, values + a->encoder_parameters, a->back,
                     gradient + a->encoder_parameters, NULL, a->code_back);
    for (size_t b = 0; b < bits; b++) {
        float mean = 0, pull;
        for (size_t i = 0; i < rows; i++)
            mean += code[i * bits + b];
        mean = mean / (float)rows - 0.5f;
        loss += BALANCE * (double)rows * weight * mean * mean;
        pull = (float)(2 * BALANCE * weight) * mean;
        for (size_t i = 0; i < rows; i++)
            a->code_back[i * bits + b] += pull;
    }
    kin_mlp_backward(a->encoder, a->encoder_work, values, a->code_back, gradient, NULL, NULL);
    add_extras(slice, loss, error, code, bits, gradient + a->parameters);
}

/* As it will be used: of the code's bits. */
static double tune_measure(void *user, const float *values, const kin_fit_slice *slice)
{
    autoencoder *a = user;
    kin_visible_rows(&a->visible, slice->rows, slice->count, a->widths[0], a->input);
    const float *code = kin_mlp_forward(a->encoder, a->encoder_work, values, NULL, a->input,
                                        slice->count, false, 0);
    for (size_t i = 0; i < slice->count * a->bits; i++)
        a->code_back[i] = code[i] > 0.5f ? 1 : 0;
    return reconstruct(a, values, a->code_back, slice->count, false, 1);
}

/* What the machines that are learned make of a slice: the next one's visible units. */
static const float *climb(autoencoder *a, const kin_fit_slice *slice)
{
    kin_visible_rows(&a->visible, slice->rows, slice->count, a->widths[0], a->input);
    const float *visible = a->input;
    for (size_t l = 0; l < a->level; l++) {
        kin_rbm below = {a->widths[l], a->widths[l + 1], l == 0 && !a->visible.binary};
        kin_rbm_up(&below, a->stack[l], visible, slice->count, a->levels[l % 2]);
        visible = a->levels[l % 2];
    }
    return visible;
}

static void pretrain_slice(void *user, const float *values, const kin_fit_slice *slice,
                           float *gradient)
{
    autoencoder *a = user;
    double weight = 1 / (double)slice->batch_rows;
    const float *visible = climb(a, slice);
    double error = kin_rbm_divergence(&a->rbm, values, visible, slice->count, weight, slice->seed,
                                      a->scratch, gradient) *
                   weight;
    float *extras = gradient + kin_rbm_parameters(&a->rbm);
    extras[KIN_FIT_LOSS] = (float)error;
    extras[KIN_FIT_ERROR] = (float)(error / (double)a->rbm.visible);
}

/* One machine after the other, into a->stack. */
static kin_status pretrain(autoencoder *a, const kin_train_context *context,
                           const kin_train_source *source, const kin_fit_split *split,
                           kin_keeper *keeper, kin_buffer *curve, kin_error *error)
{
    static const char *const names[] = {"rbm 1", "rbm 2", "rbm 3", "rbm 4", "rbm 5",
                                        "rbm 6", "rbm 7", "rbm 8", "rbm 9"};
    kin_status status = KIN_OK;
    for (size_t l = 0; status == KIN_OK && l < a->depth; l++) {
        a->level = l;
        a->rbm = (kin_rbm){a->widths[l], a->widths[l + 1], l == 0 && !a->visible.binary};
        size_t parameters = kin_rbm_parameters(&a->rbm);
        float *values = kin_calloc(parameters + KIN_FIT_ONES, sizeof *values);
        kin_rbm_init(&a->rbm, kin_train_seed(a->options->seed, SEED_RBM, l), values);
        kin_fit_problem problem = {.user = a,
                                   .parameters = parameters,
                                   .decayed = &(kin_span){0, a->rbm.visible * a->rbm.hidden},
                                   .decayed_count = 1,
                                   .decay = 2e-4,
                                   .slice = pretrain_slice};
        double step = PRETRAINING_END / (double)a->depth;
        /* Gaussian units want a rate that is one or two orders smaller (Hinton 2010). */
        double rate = a->options->pretrain_rate * (a->rbm.gaussian ? 0.02 : 1);
        kin_fit_plan plan = {.name = names[l],
                             .phase = (unsigned)l,
                             .epochs = a->options->pretrain_epochs,
                             .batch = a->options->batch,
                             .patience = UINT32_MAX,
                             .rate = rate,
                             .constant_rate = true,
                             .method = KIN_DESCENT_MOMENTUM,
                             .momentum = 0.9,
                             .start = step * (double)l,
                             .end = step * (double)(l + 1)};
        status = kin_fit(context, a->options, source, split, &problem, &plan, keeper, values, curve,
                         error);
        a->stack[l] = values;
    }
    return status;
}

/* The stack as encoder, and upside down as decoder. Without pretraining the machines are as they
 * were drawn, which is too small to learn from: the layers' own start instead. */
static void unroll(const autoencoder *a, float *values)
{
    float *decoder = values + a->encoder_parameters;
    kin_mlp_init(a->encoder, kin_train_seed(a->options->seed, SEED_RBM, 50), values, NULL);
    kin_mlp_init(a->decoder, kin_train_seed(a->options->seed, SEED_RBM, 51), decoder, NULL);
    for (size_t l = 0; a->options->pretrain_epochs > 0 && l < a->depth; l++) {
        size_t visible = a->widths[l], hidden = a->widths[l + 1];
        const float *from = a->stack[l];
        size_t i = 2 * l, j = 2 * (a->depth - 1 - l);
        float *up = values + kin_mlp_layer(a->encoder, i)->parameters_at;
        float *down = decoder + kin_mlp_layer(a->decoder, j)->parameters_at;
        memcpy(up, from, (visible + 1) * hidden * sizeof *up);
        for (size_t r = 0; r < visible; r++)
            for (size_t c = 0; c < hidden; c++)
                down[r * hidden + c] = from[c * visible + r];
        memcpy(down + visible * hidden, from + (visible + 1) * hidden, visible * sizeof *down);
    }
}

static kin_status fine_tune(autoencoder *a, const kin_train_context *context,
                            const kin_train_source *source, const kin_fit_split *split,
                            kin_keeper *keeper, float *values, kin_buffer *curve, kin_error *error)
{
    kin_fit_problem problem = {.user = a,
                               .parameters = a->parameters,
                               .bits = a->bits,
                               .decay = a->options->decay,
                               .decayed = &(kin_span){0, a->parameters},
                               .decayed_count = 1,
                               .slice = tune_slice,
                               .measure = tune_measure};
    kin_fit_plan plan = {.name = "fine-tuning",
                         .phase = (unsigned)a->depth,
                         .epochs = a->options->epochs,
                         .batch = a->options->batch,
                         .patience = a->options->patience,
                         .rate = a->options->rate,
                         .method = KIN_DESCENT_ADAM,
                         .momentum = 0.9,
                         .start = PRETRAINING_END,
                         .end = 1};
    return kin_fit(context, a->options, source, split, &problem, &plan, keeper, values, curve,
                   error);
}

static void set_widths(autoencoder *a, const kin_train_options *options)
{
    a->widths[0] = options->dimensions;
    for (size_t l = 0; l < options->layer_count; l++)
        a->widths[l + 1] = options->layers[l];
    a->depth = options->layer_count + 1;
    a->widths[a->depth] = a->bits = options->bits;
}

kin_status kin_learn_autoencoder(const kin_train_context *context, const kin_train_options *options,
                                 const kin_train_source *source, const double *mean,
                                 kin_draft *draft, kin_error *error)
{
    autoencoder a = {.options = options};
    kin_keeper *keeper = NULL;
    kin_fit_split split;
    set_widths(&a, options);
    kin_fit_split_init(&split, source->count, options->held_out, options->seed);
    size_t rows = kin_fit_slice_rows(&split, options->batch), widest = 0, most = 0;
    if (rows < KIN_FIT_MEASURE_ROWS) rows = KIN_FIT_MEASURE_ROWS;
    build_networks(&a, rows);
    for (size_t l = 0; l < a.depth; l++) {
        size_t scratch = kin_rbm_scratch(&(kin_rbm){a.widths[l], a.widths[l + 1], false}, rows);
        if (scratch > most) most = scratch;
        if (a.widths[l + 1] > widest) widest = a.widths[l + 1];
    }
    a.scratch = kin_malloc(most * sizeof *a.scratch);
    a.levels[0] = kin_malloc(rows * widest * sizeof(float));
    a.levels[1] = kin_malloc(rows * widest * sizeof(float));
    float *values = kin_calloc(a.parameters + KIN_FIT_ONES + a.bits, sizeof *values);
    kin_status status = kin_visible_look(&a.visible, context, source, mean, true, error);
    if (status == KIN_OK) status = kin_keeper_open(&keeper, context, options, source, error);
    if (status == KIN_OK)
        status = pretrain(&a, context, source, &split, keeper, &draft->curve, error);
    if (status == KIN_OK) {
        unroll(&a, values);
        status = fine_tune(&a, context, source, &split, keeper, values, &draft->curve, error);
    }
    if (status == KIN_OK) {
        kin_draft_add_mlp(draft, a.encoder, values, NULL, 0, kin_mlp_layer_count(a.encoder));
        if (!a.visible.binary) kin_draft_standardize(draft, mean, a.visible.scale);
        draft->thresholds = kin_calloc(a.bits, sizeof *draft->thresholds);
        for (size_t b = 0; b < a.bits; b++)
            draft->thresholds[b] = 0.5f;
        draft->iterations = options->epochs;
    }
    kin_keeper_close(&keeper);
    kin_fit_split_fini(&split);
    free(values);
    autoencoder_fini(&a);
    return status;
}
