#include "worker/train/autoencoder.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/train/code_rotation.h"
#include "worker/train/fit.h"
#include "worker/train/floats.h"
#include "worker/train/loss.h"
#include "worker/train/moments.h"
#include "worker/train/neighbour.h"
#include "worker/train/neighbour_graph.h"
#include "worker/train/neighbour_sample.h"
#include "worker/train/rbm_stack.h"
#include "worker/train/visible.h"
#include "worker/train/way_back.h"

/* Shares of the work: the graph, pretraining, fine-tuning; then the code layer is turned. */
#define GRAPH_END 0.1
#define PRETRAINING_END 0.3
#define TUNING_END 0.95
/* Weight of a bit's squared distance from a half of ones, a bit. */
#define BALANCE 0.1
enum { SEED_RBM = 100, SEED_WALK = 101, SEED_ROTATION = 102, DEPTH_MAX = KIN_HASHER_LAYERS_MAX };

/* Encoder widths[0] (features) .. widths[depth] (code), the decoder back. */
typedef struct autoencoder {
    const kin_train_options *options;
    kin_neighbour_options graph;
    const kin_train_source *whole;
    kin_train_source source;     /* what is learned from: the whole, or what the graph has of it */
    kin_neighbour_sample sample; /* its graph; without neighbours where nothing walks */
    kin_visible visible;
    size_t widths[DEPTH_MAX + 1], depth;
    kin_mlp *encoder, *decoder;
    kin_mlp_work *encoder_work, *decoder_work;
    size_t bits, encoder_parameters, parameters;
    float *input;     /* [rows][features]: visible */
    float *target;    /* [rows][features]: what is to be reconstructed; the input, without walks */
    float *back;      /* [rows][features]: the gradient of what the decoder makes */
    uint64_t *ends;   /* [rows]: of walks */
    float *code_back; /* [rows][bits] */
    kin_rbm_stack *stack;
    kin_way_back way_back; /* rank 0, of a linear code layer of pixels */
} autoencoder;

static bool walks(const autoencoder *a)
{
    return a->graph.walk > 0;
}

static bool is_linear(const kin_train_options *options)
{
    return options->code_layer == KIN_CODE_LINEAR;
}

static void build_networks(autoencoder *a, size_t rows)
{
    kin_layer_spec up[2 * DEPTH_MAX + 2], down[2 * DEPTH_MAX];
    size_t up_count = 0, down_count = 0;
    const kin_train_options *o = a->options;
    if (o->input_dropout > 0)
        up[up_count++] = (kin_layer_spec){KIN_LAYER_DROPOUT, 0, o->input_dropout};
    for (size_t l = 1; l <= a->depth; l++) {
        bool code = l == a->depth;
        up[up_count++] = (kin_layer_spec){KIN_LAYER_AFFINE, a->widths[l], 0};
        if (code && o->noise > 0) up[up_count++] = (kin_layer_spec){KIN_LAYER_NOISE, 0, o->noise};
        if (!code || !is_linear(o)) up[up_count++] = (kin_layer_spec){KIN_LAYER_LOGISTIC, 0, 0};
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
    a->target = walks(a) ? kin_malloc(rows * a->widths[0] * sizeof(float)) : a->input;
    a->ends = kin_malloc(rows * sizeof *a->ends);
    a->back = kin_malloc(rows * a->widths[0] * sizeof(float));
    a->code_back = kin_malloc(rows * a->bits * sizeof(float));
}

static void autoencoder_fini(autoencoder *a)
{
    kin_mlp_work_destroy(&a->encoder_work);
    kin_mlp_work_destroy(&a->decoder_work);
    kin_mlp_destroy(&a->encoder);
    kin_mlp_destroy(&a->decoder);
    kin_rbm_stack_destroy(&a->stack);
    kin_way_back_fini(&a->way_back);
    if (a->target != a->input) free(a->target);
    free(a->input);
    free(a->ends);
    free(a->back);
    free(a->code_back);
    kin_neighbour_sample_fini(&a->sample);
}

/* The squared error a number and, unless code is NULL, each bit's share of ones, of a slice. */
static void add_extras(const kin_fit_slice *slice, double loss, double error, const float *code,
                       size_t bits, float *extras)
{
    float share = 1 / (float)slice->batch_rows;
    extras[KIN_FIT_LOSS] = (float)loss;
    extras[KIN_FIT_ERROR] = (float)error;
    if (code == NULL) return;
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
        return kin_loss_logistic(made, a->target, rows, features, weight, a->back);
    return kin_loss_squares(made, a->target, rows, features, weight, a->back);
}

/* The visible units of a slice, and those that are to be made of them. seed: of the walks; 0: one
 * for each row that is always the same. */
static void look(autoencoder *a, const kin_fit_slice *slice, uint64_t seed)
{
    const kin_neighbour_sample *s = &a->sample;
    size_t rows = slice->count, features = a->widths[0];
    kin_visible_rows(&a->visible, slice->rows, rows, features, a->input);
    if (!walks(a)) return;
    kin_random random = {.state = kin_train_seed(seed, SEED_WALK, 0)};
    for (size_t i = 0; i < rows; i++) {
        if (seed == 0) random.state = kin_train_seed(a->options->seed, SEED_WALK, slice->ids[i]);
        a->ends[i] = kin_neighbour_walk(s->ids, s->neighbours, (uint32_t)slice->ids[i],
                                        a->graph.walk, &random);
    }
    kin_source_rows(&a->source, a->ends, rows, a->target);
    kin_visible_rows(&a->visible, a->target, rows, features, a->target);
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

/* Draws each bit of a logistic code layer towards a half of ones; returns what that adds to the
 * loss. */
static double balance(autoencoder *a, const float *code, size_t rows, double weight)
{
    double loss = 0;
    size_t bits = a->bits;
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
    return loss;
}

static void tune_slice(void *user, const float *values, const kin_fit_slice *slice, float *gradient)
{
    autoencoder *a = user;
    size_t rows = slice->count;
    double weight = 1 / (double)slice->batch_rows;
    bool linear = is_linear(a->options);
    look(a, slice, slice->seed);
    const float *code = kin_mlp_forward(a->encoder, a->encoder_work, values, NULL, a->input, rows,
                                        true, slice->seed);
    double loss = reconstruct(a, values, code, rows, true, weight);
    double error = squared_error(a, rows) / weight / (double)a->widths[0];
    kin_mlp_backward(a->decoder, a->decoder_work, values + a->encoder_parameters, a->back,
                     gradient + a->encoder_parameters, NULL, a->code_back);
    if (!linear) loss += balance(a, code, rows, weight);
    kin_mlp_backward(a->encoder, a->encoder_work, values, a->code_back, gradient, NULL, NULL);
    add_extras(slice, loss, error, linear ? NULL : code, a->bits, gradient + a->parameters);
}

/* As it will be used: of a logistic code layer, the bits. */
static double tune_measure(void *user, const float *values, const kin_fit_slice *slice)
{
    autoencoder *a = user;
    look(a, slice, 0);
    const float *code = kin_mlp_forward(a->encoder, a->encoder_work, values, NULL, a->input,
                                        slice->count, false, 0);
    bool linear = is_linear(a->options);
    for (size_t i = 0; i < slice->count * a->bits; i++)
        a->code_back[i] = linear ? code[i] : code[i] > 0.5f ? 1 : 0;
    return reconstruct(a, values, a->code_back, slice->count, false, 1);
}

/* Where the parameters of a chain's n-th affine layer begin. */
static size_t affine_at(const kin_mlp *mlp, size_t n)
{
    for (size_t i = 0;; i++)
        if (kin_mlp_layer(mlp, i)->kind == KIN_LAYER_AFFINE && n-- == 0)
            return kin_mlp_layer(mlp, i)->parameters_at;
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
        const float *from = kin_rbm_stack_parameters(a->stack, l);
        float *up = values + affine_at(a->encoder, l);
        float *down = decoder + affine_at(a->decoder, a->depth - 1 - l);
        memcpy(up, from, (visible + 1) * hidden * sizeof *up);
        for (size_t r = 0; r < visible; r++)
            for (size_t c = 0; c < hidden; c++)
                down[r * hidden + c] = from[c * visible + r];
        memcpy(down + visible * hidden, from + (visible + 1) * hidden, visible * sizeof *down);
    }
}

static kin_status fine_tune(autoencoder *a, const kin_train_context *context,
                            const kin_fit_split *split, kin_keeper *keeper, float *values,
                            kin_buffer *curve, kin_error *error)
{
    kin_fit_problem problem = {.user = a,
                               .parameters = a->parameters,
                               .bits = is_linear(a->options) ? 0 : a->bits,
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
                         .end = TUNING_END};
    return kin_fit(context, a->options, &a->source, split, &problem, &plan, keeper, values, curve,
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

/* Rows of what the graph has of the whole. */
static void read_taken(void *user, uint64_t first, uint64_t count, float *vectors)
{
    const autoencoder *a = user;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t id = (first + i) * a->whole->count / a->source.count;
        kin_source_rows(a->whole, &id, 1, vectors + i * a->widths[0]);
    }
}

static kin_status make_graph(autoencoder *a, const kin_train_context *context, const double *mean,
                             kin_error *error)
{
    a->source = *a->whole;
    if (!walks(a)) return KIN_OK;
    kin_status status =
        kin_neighbour_sample_make(context, &a->graph, a->whole, mean, &a->sample, GRAPH_END, error);
    if (status != KIN_OK || a->sample.count == a->whole->count) return status;
    a->source = (kin_train_source){.count = a->sample.count,
                                   .dimensions = a->whole->dimensions,
                                   .read = read_taken,
                                   .user = a};
    return KIN_OK;
}

/* The code layer's numbers, as a sample of their own. */
typedef struct codes {
    autoencoder *a;
    const float *values;
    float *rows; /* [KIN_FIT_MEASURE_ROWS][features] */
} codes;

static void read_codes(void *user, uint64_t first, uint64_t count, float *vectors)
{
    const codes *c = user;
    autoencoder *a = c->a;
    for (uint64_t i = 0; i < count; i += KIN_FIT_MEASURE_ROWS) {
        uint64_t left = count - i;
        size_t rows = left < KIN_FIT_MEASURE_ROWS ? (size_t)left : KIN_FIT_MEASURE_ROWS;
        const float *run = kin_source_run(&a->source, first + i, rows, c->rows);
        kin_visible_rows(&a->visible, run, rows, a->widths[0], a->input);
        const float *made =
            kin_mlp_forward(a->encoder, a->encoder_work, c->values, NULL, a->input, rows, false, 0);
        memcpy(vectors + i * a->bits, made, rows * a->bits * sizeof *made);
    }
}

/* Rank 0 alone: its file is everybody's. From codes that are not turned yet, evenly drawn. */
static void learn_way_back(autoencoder *a, codes *made, const kin_code_rotation *rotation)
{
    uint64_t all = a->source.count;
    size_t count = all < KIN_WAY_BACK_ROWS ? (size_t)all : KIN_WAY_BACK_ROWS;
    float *rows = kin_malloc(count * a->bits * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        read_codes(made, all * i / count, 1, rows + i * a->bits);
    kin_way_back_learn(rows, count, a->bits, rotation, &a->way_back);
    free(rows);
}

static kin_status turn_codes(autoencoder *a, const kin_train_context *context, float *values,
                             kin_buffer *curve, kin_error *error)
{
    size_t inputs = a->widths[a->depth - 1];
    codes made = {a, values, kin_malloc(KIN_FIT_MEASURE_ROWS * a->widths[0] * sizeof(float))};
    kin_train_source source = {.count = a->source.count,
                               .dimensions = (uint32_t)a->bits,
                               .read = read_codes,
                               .user = &made};
    kin_code_rotation rotation = {0};
    kin_status status = kin_code_rotation_learn(
        context, &source, a->options->whitening, KIN_ROTATION_RANDOM,
        kin_train_seed(a->options->seed, SEED_ROTATION, 0), &rotation, TUNING_END, 1, error);
    if (status == KIN_OK) {
        if (context->rank == 0 && a->visible.binary) learn_way_back(a, &made, &rotation);
        kin_code_rotation_apply(&rotation, a->bits, inputs,
                                values + affine_at(a->encoder, a->depth - 1));
        kin_code_rotation_tell(&rotation, context, a->options, curve);
    }
    kin_code_rotation_fini(&rotation);
    free(made.rows);
    return status;
}

/* To be looked at: binary visible units are pixels, mostly. */
static void keep_way_back(autoencoder *a, const float *values, kin_draft *draft)
{
    if (!a->visible.binary || (is_linear(a->options) && a->way_back.slopes == NULL)) return;
    kin_draft_set_back(draft, a->decoder, values + a->encoder_parameters, KIN_ACTIVATE_LOGISTIC);
    if (is_linear(a->options))
        kin_way_back_apply(&a->way_back, a->bits, draft->back[0].outputs, draft->back[0].weights,
                           draft->back[0].biases);
}

static void write_draft(autoencoder *a, const float *values, const double *mean, kin_draft *draft)
{
    const kin_train_options *o = a->options;
    bool linear = is_linear(o);
    kin_draft_add_mlp(draft, a->encoder, values, NULL, 0, kin_mlp_layer_count(a->encoder));
    if (!a->visible.binary) kin_draft_standardize(draft, mean, a->visible.scale);
    keep_way_back(a, values, draft);
    draft->thresholds = kin_calloc(a->bits, sizeof *draft->thresholds);
    for (size_t b = 0; b < a->bits; b++)
        draft->thresholds[b] = linear ? 0 : 0.5f;
    draft->iterations = o->epochs;
    kin_buffer_printf(&draft->options, "code-layer=%s\n", linear ? "linear" : "logistic");
    if (linear) kin_buffer_printf(&draft->options, "whitening=%g\n", o->whitening);
    kin_buffer_printf(&draft->options, "input-dropout=%g\nwalk=%u\n", o->input_dropout,
                      (unsigned)a->graph.walk);
    if (walks(a))
        kin_buffer_printf(&draft->options, "neighbours=%u\ncomponents=%zu\nevening=%g\n",
                          (unsigned)a->sample.neighbours, a->sample.components, a->graph.evening);
}

/* Rows that one call takes: of a slice, or what is measured at once. */
static size_t call_rows(const kin_fit_split *split, uint32_t batch)
{
    size_t rows = kin_fit_slice_rows(split, batch);
    return rows < KIN_FIT_MEASURE_ROWS ? KIN_FIT_MEASURE_ROWS : rows;
}

static kin_neighbour_options graph_options(const kin_train_options *options)
{
    return options->neighbour != NULL ? *options->neighbour : KIN_NEIGHBOUR_OPTIONS_DEFAULT;
}

kin_status kin_learn_autoencoder(const kin_train_context *context, const kin_train_options *options,
                                 const kin_train_source *source, const double *mean,
                                 kin_draft *draft, kin_error *error)
{
    autoencoder a = {.options = options, .graph = graph_options(options), .whole = source};
    kin_keeper *keeper = NULL;
    kin_fit_split split = {0};
    float *values = NULL;
    size_t rows;
    set_widths(&a, options);
    kin_status status = kin_neighbour_options_check(&a.graph, error);
    if (status == KIN_OK) status = make_graph(&a, context, mean, error);
    if (status != KIN_OK) goto done;
    kin_fit_split_init(&split, a.source.count, options->held_out, options->seed);
    rows = call_rows(&split, options->batch);
    build_networks(&a, rows);
    a.stack = kin_rbm_stack_new(a.widths, a.depth, is_linear(options), &a.visible, rows);
    values = kin_calloc(a.parameters + KIN_FIT_ONES + a.bits, sizeof *values);
    status = kin_visible_look(&a.visible, context, &a.source, mean, true, error);
    if (status == KIN_OK) status = kin_keeper_open(&keeper, context, options, &a.source, error);
    if (status == KIN_OK)
        status = kin_rbm_stack_learn(a.stack, context, options, &a.source, &split, GRAPH_END,
                                     PRETRAINING_END, keeper, &draft->curve, error);
    if (status == KIN_OK) {
        unroll(&a, values);
        status = fine_tune(&a, context, &split, keeper, values, &draft->curve, error);
    }
    if (status == KIN_OK && is_linear(options))
        status = turn_codes(&a, context, values, &draft->curve, error);
    if (status == KIN_OK) write_draft(&a, values, mean, draft);
done:
    kin_keeper_close(&keeper);
    kin_fit_split_fini(&split);
    free(values);
    autoencoder_fini(&a);
    return status;
}

size_t kin_autoencoder_memory(const kin_train_options *options, size_t count, int rank,
                              size_t slices)
{
    kin_neighbour_options graph = graph_options(options);
    size_t most = graph.walk > 0 ? KIN_NEIGHBOUR_SAMPLE_MAX : SIZE_MAX;
    size_t taken = count < most ? count : most, bytes = 0;
    if (graph.walk > 0)
        bytes += kin_neighbour_sample_bytes(&graph, count, options->dimensions, rank, slices);
    if (is_linear(options) && rank == 0) bytes += kin_way_back_bytes(options->bits);
    if (is_linear(options))
        bytes += kin_code_rotation_bytes(options->bits, slices,
                                         taken * slices / KIN_TRAIN_SLICES + slices);
    return bytes;
}
